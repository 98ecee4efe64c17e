package git_test

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/git"
)

// outbox keeps records in memory.
type outbox struct{}

func (outbox) PutOutbox(map[string][]byte) error         { return nil }
func (outbox) Outbox(string, func(string, []byte)) error { return nil }

// committer commits the count that was read, and calls during while it is at it, each of them once.
type committer struct {
	mu     sync.Mutex
	pushed []string
	during []func()
}

func (c *committer) Commit(_ context.Context, snap *scale.Snapshot, pools, _ []string) (*scale.Committed, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.during) > 0 {
		c.during[0]()
		c.during = c.during[1:]
	}
	if slices.Contains(pools, "worker") {
		c.pushed = append(c.pushed, *snap.Configured("worker"))
	}
	return &scale.Committed{Commit: "c"}, nil
}

// TestAPoolThatIsScaledDuringAPushIsPushedAgain has the stack read before the second scaling, and pushed after it.
func TestAPoolThatIsScaledDuringAPushIsPushedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		var mu sync.Mutex
		count := 34
		read := func(context.Context) (*scale.Snapshot, error) {
			mu.Lock()
			defer mu.Unlock()
			text := strconv.Itoa(count)
			return &scale.Snapshot{
				Rules:   scale.Rules{"worker": {Pool: "worker"}},
				Updates: []scale.Update{{Kind: scale.UpdateUpdate, Succeeded: true, Values: map[string]*string{"worker": &text}}},
			}, nil
		}
		commits := &committer{}
		b := &git.Backlog{
			Committer: commits, Branch: "main", Read: read, Outbox: outbox{}, Observe: func(scale.Event) {}, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		}
		commits.during = []func(){func() {
			mu.Lock()
			count = 32
			mu.Unlock()
			b.Add([]string{"worker"}, []string{"o2"})
		}}
		b.Open()
		b.Add([]string{"worker"}, []string{"o1"})
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.Run(ctx)
		}()
		synctest.Wait()
		if waiting := b.Status().Unpushed; len(waiting) > 0 {
			t.Errorf("unpushed: %v", waiting)
		}
		end()
		<-done
		if diff := cmp.Diff([]string{"34", "32"}, commits.pushed); diff != "" {
			t.Error(diff)
		}
	})
}
