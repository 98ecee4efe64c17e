package serving

import (
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/cluster"
	"github.com/pulumiscale/pulumiscale/scale/journal"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// inCluster is a stack's part in a cluster.
type inCluster struct {
	node    *cluster.Node
	journal *cluster.Journal
	team    *cluster.Team
}

// joinedAs returns a stack's part in a cluster; nil if there is no cluster. All replicas must use the same name for the
// stack.
func joinedAs(node *cluster.Node, name string) *inCluster {
	if node == nil {
		return nil
	}
	j := node.Journal(name)
	return &inCluster{node: node, journal: j, team: j.Team()}
}

// status tells which replica works on the stack, and which replicas live.
func (c *inCluster) status() board.Cluster {
	return board.Cluster{Replica: c.node.Name(), Worker: c.team.Worker(), Replicas: c.node.Replicas()}
}

// handOver brings the operations that this machine accepted before it was in a cluster into the log that all replicas
// share: the open operations, and the done operations that handOverDone copies. It leaves operations that are in the
// log already as they are, so that it may be called again. moved counts the open operations.
func handOver(kept *journal.Journal, shared queue.Journal, now time.Time) (moved int, err error) {
	if err := handOverDone(kept, shared, now); err != nil {
		return 0, err
	}
	open, err := kept.Open()
	if err != nil || len(open) == 0 {
		return 0, err
	}
	if _, err := shared.Add(open); err != nil {
		return 0, err
	}
	for i := range open {
		open[i].State, open[i].Result, open[i].EndedAt = queue.Done, queue.FinalSuperseded, now
	}
	return len(open), kept.Update(open)
}

// handOverDone copies the operations that were done lately and have a key into the log that all replicas share, so that
// a sender's retry is still recognized. It also copies what these operations tell of alerts.
func handOverDone(kept *journal.Journal, shared queue.Journal, now time.Time) error {
	done, err := kept.Recent("", queue.KeepMost)
	if err != nil {
		return err
	}
	var missing []queue.Operation
	var heard []scale.Heard
	for _, op := range slices.Backward(done) {
		if op.Intent.Key == "" || op.Result == queue.FinalSuperseded || now.Sub(op.EndedAt) > queue.KeepDone {
			continue
		}
		if _, err := shared.Get(op.ID); err == nil {
			continue
		} else if !scale.IsA[*queue.UnknownOperationError](err) {
			return err
		}
		missing = append(missing, op)
		if h, ok := scale.HeardOf(op.Intent, op.AcceptedAt); ok {
			heard = append(heard, h)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := shared.Remember(heard); err != nil {
		return err
	}
	return shared.Update(missing)
}

// joinCluster makes the server share the stack's journal, work and holds with the other replicas.
func (s *stackServer) joinCluster(options *queue.Options) error {
	moved, err := handOver(s.journal, s.cluster.journal, s.options.Now())
	if err != nil {
		return err
	}
	if moved > 0 {
		s.log.Info("operations of the time before the cluster were moved into it", "operations", moved)
	}
	options.Journal, options.Team = s.cluster.journal, s.cluster.team
	s.scaler.Holds = s.cluster.journal.Holds(s.stack)
	return nil
}
