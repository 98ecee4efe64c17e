package serving

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/scale/writeback"
)

// forgetful is an outbox that keeps nothing.
type forgetful struct{}

func (forgetful) PutOutbox(map[string][]byte) error         { return nil }
func (forgetful) Outbox(string, func(string, []byte)) error { return nil }

// asked is a committer that notes for which pools it was asked.
type asked struct{ pools []string }

func (a *asked) Commit(_ context.Context, _ *scale.Snapshot, pools, _ []string) (*scale.Committed, error) {
	a.pools = append(a.pools, pools...)
	return &scale.Committed{Branch: "main"}, nil
}

// Whoever worked on the stack before may be gone, with commits that it had still to make.
func TestAReplicaThatTakesOverCommitsWhatIsNotCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		snap, commits := &scale.Snapshot{}, &asked{}
		s := &stackServer{backlog: &writeback.Backlog{
			Committer: commits, Branch: "main", Outbox: forgetful{}, Log: slog.New(slog.DiscardHandler), Now: time.Now,
			Read: func(context.Context) (*scale.Snapshot, error) { return snap, nil }, Observe: scale.Unobserved,
		}}
		s.backlog.Open()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.commitCounts(ctx)
		synctest.Wait()
		snap = &scale.Snapshot{Updates: []scale.Update{{
			Kind: scale.UpdateUpdate, Succeeded: true, ID: scale.NewUpdateID(), Pools: []string{"worker"}, Values: map[string]*string{"worker": new("9")},
		}}}
		for _, duty := range []bool{false, true} {
			s.addToBacklog(queue.DutyChanged{OnDuty: duty})
			synctest.Wait()
			if got := slices.Contains(commits.pools, "worker"); got != duty {
				t.Errorf("on duty %v: committed %v", duty, got)
			}
		}
	})
}
