package board

import "strings"

// Cluster is how a stack stands among the replicas that serve it together.
type Cluster struct {
	// Replica is the one that tells, and Worker the one that works on the stack, as far as that knows; Worker is empty while
	// none does.
	Replica string `json:"replica"`
	Worker  string `json:"worker"`
	// Replicas are those that live.
	Replicas []string `json:"replicas"`
}

// ClusterNote is what there is to say about it, in a sentence.
func (v View) ClusterNote(c *Cluster) string {
	of := "; the replicas " + strings.Join(c.Replicas, ", ") + " live"
	if len(c.Replicas) == 1 {
		of = "; no other replica lives"
	}
	switch c.Worker {
	case "":
		return "Replica " + c.Replica + " tells this. None works on the stack at the moment" + of + "."
	case c.Replica:
		return "Replica " + c.Replica + " works on the stack" + of + "."
	}
	return "Replica " + c.Worker + " works on the stack, and " + c.Replica + " tells this" + of + "."
}
