package board

import "strings"

// Cluster is how a stack stands among the replicas that serve it together.
type Cluster struct {
	// Replica is the replica that made the document. Worker is the replica that works on the stack, as far as Replica
	// knows; it is empty if none does.
	Replica string `json:"replica"`
	Worker  string `json:"worker"`
	// Replicas are the replicas that live.
	Replicas []string `json:"replicas"`
}

// ClusterNote tells in a sentence which replica works on the stack, and which replicas live.
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
