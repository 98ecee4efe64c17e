package writeback

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

// shelf is an outbox in memory.
type shelf struct {
	mu      sync.Mutex
	records map[string][]byte
	err     error
}

func (s *shelf) PutOutbox(records map[string][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		maps.Copy(s.records, records)
	}
	return s.err
}

func (s *shelf) Outbox(prefix string, each func(string, []byte)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, record := range s.records {
		if strings.HasPrefix(key, prefix) {
			each(key, record)
		}
	}
	return nil
}

// hand commits, or says why not, and notes what it was asked for.
type hand struct {
	mu    sync.Mutex
	asked []string
	err   error
	edits []scale.BranchEdit
	on    func()
}

func (h *hand) Commit(_ context.Context, _ *scale.Snapshot, pools, operations []string) (*scale.Committed, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, strings.Join(pools, ",")+" for "+strings.Join(operations, ","))
	if h.on != nil {
		h.on()
	}
	if h.err != nil {
		return nil, h.err
	}
	out := &scale.Committed{Branch: "main", Commit: "c" + string(rune('0'+len(h.asked)))}
	for _, e := range h.edits { // it looks at what it is asked for alone
		if slices.Contains(pools, e.Pool) {
			out.Edits = append(out.Edits, e)
		}
	}
	return out, nil
}

func (h *hand) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = err
}

func (h *hand) takeAsked() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.asked
	h.asked = nil
	return out
}

// emptyStack is the snapshot of a stack in which nothing was scaled.
func emptyStack() *scale.Snapshot { return &scale.Snapshot{} }

// startBacklog runs a backlog until the test ends. Its stack has the snapshot that is returned.
func startBacklog(t *testing.T, s *shelf, h *hand, snap func() *scale.Snapshot) (b *Backlog, events *[]scale.Event, stop func()) {
	t.Helper()
	events = &[]scale.Event{}
	b = &Backlog{
		Committer: h, Branch: "main", Outbox: s, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Read:    func(context.Context) (*scale.Snapshot, error) { return snap(), nil },
		Observe: func(e scale.Event) { *events = append(*events, e) },
	}
	b.Open()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { b.Run(ctx) })
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	synctest.Wait()
	return b, events, stop
}

func TestBacklogCommitsWhatIsAdded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hand{}
		b, events, _ := startBacklog(t, &shelf{records: map[string][]byte{}}, h, emptyStack)
		b.Add([]string{"worker"}, []string{"1"})
		synctest.Wait()
		if diff := cmp.Diff([]string{"worker for 1"}, h.takeAsked()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]scale.Event{scale.CountsCommitted{Committed: scale.Committed{Branch: "main", Commit: "c1"}}}, *events); diff != "" {
			t.Error(diff)
		}
		if status := b.Status(); len(status.Unpushed) > 0 || status.Commit != "c1" || status.Problem != "" {
			t.Errorf("%+v", status)
		}
	})
}

// An edit that is left alone is told of for as long as it is there, whatever else is committed meanwhile.
func TestAnEditIsToldOfUntilItIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		edit := scale.BranchEdit{Pool: "api", Key: "apiCount", Found: new("9"), Count: "4"}
		h := &hand{edits: []scale.BranchEdit{edit}}
		b, events, _ := startBacklog(t, &shelf{records: map[string][]byte{}}, h, emptyStack)
		for i, pool := range []string{"api", "worker", "worker"} {
			b.Add([]string{pool}, []string{string(rune('1' + i))})
			synctest.Wait()
			if diff := cmp.Diff([]scale.BranchEdit{edit}, b.Status().Edits); diff != "" {
				t.Errorf("after %s: %s", pool, diff)
			}
		}
		h.mu.Lock()
		h.edits = nil // it has been deployed
		h.mu.Unlock()
		time.Sleep(lookAtEdits)
		synctest.Wait()
		if status := b.Status(); len(status.Edits) > 0 || len(status.Unpushed) > 0 || len(*events) != 4 {
			t.Errorf("%+v after %v", status, *events)
		}
		time.Sleep(2 * lookAtEdits) // the branch is left alone again
		if diff := cmp.Diff([]string{"api for 1", "api,worker for 2", "api,worker for 3", "api for "}, h.takeAsked()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestBacklogMakesOneCommitOfWhatWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hand{err: errors.New("the remote is away")}
		b, events, _ := startBacklog(t, &shelf{records: map[string][]byte{}}, h, emptyStack)
		b.Add([]string{"worker"}, []string{"1"})
		synctest.Wait()
		b.Add([]string{"api"}, []string{"2"})
		synctest.Wait()
		if status := b.Status(); len(status.Unpushed) != 2 || status.Problem != "the remote is away" {
			t.Errorf("%+v", status)
		}
		if len(*events) != 1 { // the same trouble is told once
			t.Errorf("%v", *events)
		}
		h.fail(nil)
		h.takeAsked()
		time.Sleep(lastRetry)
		synctest.Wait()
		if diff := cmp.Diff([]string{"api,worker for 1,2"}, h.takeAsked()); diff != "" {
			t.Error(diff)
		}
		if status := b.Status(); len(status.Unpushed) > 0 || status.Problem != "" {
			t.Errorf("%+v", status)
		}
	})
}

func TestBacklogOutlivesItsProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := &shelf{records: map[string][]byte{}}, &hand{err: errors.New("the remote is away")}
		b, _, stop := startBacklog(t, s, h, emptyStack)
		b.Remember(map[string]string{"api": "4"})
		b.Add([]string{"worker"}, []string{"1"})
		synctest.Wait()
		since := b.Status().Unpushed
		stop()
		h.fail(nil)
		h.takeAsked()
		time.Sleep(time.Hour)
		h.on = func() {
			if diff := cmp.Diff(since, b.Status().Unpushed); diff != "" {
				t.Error(diff)
			}
		}
		next, _, _ := startBacklog(t, s, h, emptyStack)
		if diff := cmp.Diff([]string{"worker for 1"}, h.takeAsked()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(map[string]string{"api": "4"}, next.Pushed()); diff != "" {
			t.Error(diff)
		}
	})
}

// scaledTo is the snapshot of a stack whose pool worker was scaled.
func scaledTo(count string) *scale.Snapshot {
	return &scale.Snapshot{Updates: []scale.Update{{
		Kind: scale.UpdateUpdate, Succeeded: true, ID: scale.NewUpdateID(), Pools: []string{"worker"}, Values: map[string]*string{"worker": &count},
	}}}
}

func TestBacklogFindsWhatADeadProcessDidNotWriteDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hand{}
		snap := scaledTo("9")
		startBacklog(t, &shelf{records: map[string][]byte{}, err: errors.New("the disk is full")}, h, func() *scale.Snapshot { return snap })
		if diff := cmp.Diff([]string{"worker for "}, h.takeAsked()); diff != "" {
			t.Error(diff)
		}
	})
}

// Whoever takes over a stack finds the counts that a replica which is gone had still to commit, once the remote is there.
func TestBacklogFindsWhatAReplicaThatIsGoneDidNotCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hand{}
		var snap atomic.Pointer[scale.Snapshot]
		snap.Store(emptyStack())
		b, _, _ := startBacklog(t, &shelf{records: map[string][]byte{}}, h, snap.Load)
		snap.Store(scaledTo("9"))
		h.fail(errors.New("the remote is away"))
		b.LookAtAll()
		synctest.Wait()
		h.fail(nil)
		time.Sleep(time.Hour)
		synctest.Wait()
		if diff := cmp.Diff([]string{"worker for ", "worker for "}, h.takeAsked()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestBacklogKeepsWhatIsAddedWhileItPushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hand{}
		b, _, _ := startBacklog(t, &shelf{records: map[string][]byte{}}, h, emptyStack)
		h.on = func() {
			h.on = nil
			b.Add([]string{"worker"}, []string{"2"})
		}
		b.Add([]string{"worker"}, []string{"1"})
		synctest.Wait()
		if diff := cmp.Diff([]string{"worker for 1", "worker for 2"}, h.takeAsked()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestBacklogWaitsForWhatIsInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hand{}
		var snap atomic.Pointer[scale.Snapshot]
		snap.Store(&scale.Snapshot{Unsettled: []string{"worker"}})
		b, _, _ := startBacklog(t, &shelf{records: map[string][]byte{}}, h, snap.Load)
		b.Add([]string{"worker"}, []string{"1"})
		synctest.Wait()
		if len(b.Status().Unpushed) != 1 {
			t.Error("a pool in doubt does not wait")
		}
		snap.Store(&scale.Snapshot{})
		time.Sleep(lookAgain)
		synctest.Wait()
		if len(b.Status().Unpushed) != 0 {
			t.Error("a pool that is settled waits")
		}
	})
}
