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

// ClusterNote tells on a page, in a sentence, which replica works on the stack, and which replicas live.
func (v View) ClusterNote(c *Cluster) string {
	among := " (running: " + strings.Join(c.Replicas, ", ") + "; this page is from " + c.Replica + ")."
	if c.Worker == "" {
		return "No replica scales this stack at the moment" + among
	}
	return c.Worker + " scales this stack" + among
}
