package writeback

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Outbox keeps records by their keys, on disk. scale/journal implements it.
type Outbox interface {
	PutOutbox(records map[string][]byte) error
	Outbox(prefix string, each func(key string, record []byte)) error
}

// Backlog commits the counts of pools that were scaled, in the background. It keeps the pools whose counts are not
// pushed yet in the outbox of the journal, and tries again. Several scalings while the remote cannot be reached become
// one commit. It is safe for concurrent use; Run may be called once.
type Backlog struct {
	// Committer makes the commits. Branch is the name of the branch that gets them.
	Committer scale.Committer
	Branch    string
	// Read reads the stack afresh.
	Read func(context.Context) (*scale.Snapshot, error)
	// Outbox keeps the backlog.
	Outbox  Outbox
	Observe scale.Observe
	Log     *slog.Logger
	Now     func() time.Time

	// news tells Run that there is something to commit. It holds one message at most.
	news chan struct{}
	// mu guards what follows.
	mu     sync.Mutex
	kept   backlog
	status scale.BranchStatus
	// whole says that the next push looks at all pools that still have a count of ours.
	whole bool
}

// backlog is what a [Backlog] keeps in the outbox.
type backlog struct {
	// Pools are the pools whose counts are to be committed.
	Pools map[string]waiting `json:"pools,omitempty"`
	// Operations are the operations that scaled these pools, the newest last.
	Operations []string `json:"operations,omitempty"`
	// Pushed are the values that were pushed last, by pool.
	Pushed map[string]string `json:"pushed,omitempty"`
}

// waiting is a pool whose count is to be committed.
type waiting struct {
	// Since is when the count began to wait, and Times is how often the pool was scaled since.
	Since time.Time `json:"since"`
	Times int       `json:"times"`
}

const (
	// keyBacklog is the key of the backlog in the outbox.
	keyBacklog = "git/backlog"
	// mostOperations is how many operations a commit names at most.
	mostOperations = 50
	// firstRetry is the wait after a push that failed; each further one is twice as long, up to lastRetry.
	firstRetry, lastRetry = 5 * time.Second, 5 * time.Minute
	// lookAgain is how long Run waits before it looks again whether pools in doubt are settled.
	lookAgain = 30 * time.Second
	// lookAtEdits is how often the branch is looked at while it has somebody's edit.
	lookAtEdits = 5 * time.Minute
	// pushTimeout ends a push that hangs.
	pushTimeout = 10 * time.Minute
)

// Open reads the backlog that the previous process left. It must be called before anything else.
func (b *Backlog) Open() {
	b.news = make(chan struct{}, 1)
	b.status.Branch, b.whole = b.Branch, true
	err := b.Outbox.Outbox(keyBacklog, func(key string, record []byte) {
		if key == keyBacklog && json.Unmarshal(record, &b.kept) != nil {
			b.kept = backlog{}
		}
	})
	if err != nil {
		b.Log.Error("the list of counts still to be pushed cannot be read", "reason", err.Error())
	}
}

// Add puts pools into the backlog, with the operations that scaled them. Run then commits the pools' counts.
func (b *Backlog) Add(pools, operations []string) {
	if len(pools) == 0 {
		return
	}
	b.mu.Lock()
	if b.kept.Pools == nil {
		b.kept.Pools = map[string]waiting{}
	}
	for _, pool := range pools {
		w, waits := b.kept.Pools[pool]
		if !waits {
			w.Since = b.Now()
		}
		w.Times++
		b.kept.Pools[pool] = w
	}
	b.kept.Operations = append(b.kept.Operations, operations...)
	b.kept.Operations = b.kept.Operations[max(0, len(b.kept.Operations)-mostOperations):]
	b.keep()
	b.mu.Unlock()
	b.wake()
}

// LookAtAll has Run commit the counts of all pools that still have a count of ours: see [scale.Snapshot.StillScaled].
// It is for counts whose commits somebody else still had to make, such as a replica that is gone.
func (b *Backlog) LookAtAll() {
	b.mu.Lock()
	b.whole = true
	b.mu.Unlock()
	b.wake()
}

func (b *Backlog) wake() {
	select {
	case b.news <- struct{}{}:
	default: // Run has been told
	}
}

// Pushed returns the values that were pushed last, by pool.
func (b *Backlog) Pushed() map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.kept.Pushed)
}

// Remember keeps values that have been pushed.
func (b *Backlog) Remember(values map[string]string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.kept.Pushed == nil {
		b.kept.Pushed = map[string]string{}
	}
	maps.Copy(b.kept.Pushed, values)
}

// Status tells which counts are not pushed yet, and how the last push went.
func (b *Backlog) Status() scale.BranchStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.status
	out.Unpushed = make(map[string]time.Time, len(b.kept.Pools))
	for pool, w := range b.kept.Pools {
		out.Unpushed[pool] = w.Since
	}
	out.Edits = slices.Clone(out.Edits)
	return out
}

// keep writes the backlog to the outbox. b.mu must be held. If the writing fails, the counts that the branch lacks are
// found after the next start, by a comparison of the branch with the stack.
func (b *Backlog) keep() {
	record, err := json.Marshal(b.kept)
	if err == nil {
		err = b.Outbox.PutOutbox(map[string][]byte{keyBacklog: record})
	}
	if err != nil {
		b.Log.Error("the list of counts still to be pushed cannot be saved; it is rebuilt at the next start", "reason", err.Error())
	}
}

// Run commits what is to be committed, until ctx ends. It begins as after [Backlog.LookAtAll], because a process that
// died may not have written a pool to the outbox.
func (b *Backlog) Run(ctx context.Context) {
	wait := firstRetry
	due := time.NewTimer(0)
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.news:
		case <-due.C:
		}
		err := b.push(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			due.Reset(wait)
			wait = min(2*wait, lastRetry)
			continue
		}
		wait = firstRetry
		switch status := b.Status(); {
		case len(status.Unpushed) > 0: // a pool in doubt, or one that was scaled again meanwhile
			due.Reset(lookAgain)
		case len(status.Edits) > 0:
			due.Reset(lookAtEdits)
		}
	}
}

// push commits the counts of all waiting pools, and looks whether the known edits are still on the branch. If b.whole
// is set, it also looks at all pools that still have a count of ours, and takes b.whole back once it has.
func (b *Backlog) push(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	b.mu.Lock()
	taken := backlog{Pools: maps.Clone(b.kept.Pools), Operations: slices.Clone(b.kept.Operations)}
	whole := b.whole
	b.whole = false
	b.mu.Unlock()
	defer func() {
		if err != nil && whole {
			b.mu.Lock()
			b.whole = true
			b.mu.Unlock()
		}
	}()
	pools := slices.Collect(maps.Keys(taken.Pools))
	for _, e := range b.Status().Edits { // an edit is looked at again until it is gone
		pools = append(pools, e.Pool)
	}
	if len(pools) == 0 && !whole {
		return nil
	}
	slices.Sort(pools)
	pools = slices.Compact(pools)
	snap, err := b.Read(ctx)
	var done *scale.Committed
	if err == nil {
		if whole {
			pools = slices.Compact(slices.Sorted(slices.Values(append(pools, snap.StillScaled()...))))
		}
		if len(pools) == 0 {
			return nil
		}
		done, err = b.Committer.Commit(ctx, snap, pools, taken.Operations)
	}
	if err == nil {
		pools = settledPools(snap, pools)
	}
	b.note(pools, taken, done, err)
	return err
}

// settledPools returns the pools that a commit has dealt with. Pools that are unsettled or in doubt are left out: they
// are committed later.
func settledPools(snap *scale.Snapshot, pools []string) []string {
	return slices.DeleteFunc(slices.Clone(pools), func(pool string) bool {
		return slices.Contains(snap.Unsettled, pool) || snap.IsDoubtful(pool)
	})
}

// note records how a push went, and tells the observer.
func (b *Backlog) note(pools []string, taken backlog, done *scale.Committed, err error) {
	b.mu.Lock()
	now := b.Now()
	var event scale.Event
	switch {
	case errors.Is(err, context.Canceled):
	case err != nil:
		if b.status.Problem != err.Error() {
			event = scale.CountsNotCommitted{Branch: b.Branch, Pools: pools, Err: err}
		}
		b.status.Problem, b.status.ProblemAt = err.Error(), now
	default:
		for _, pool := range pools {
			if b.kept.Pools[pool].Times == taken.Pools[pool].Times { // otherwise the pool was scaled again meanwhile
				delete(b.kept.Pools, pool)
			}
		}
		b.kept.Operations = slices.DeleteFunc(b.kept.Operations, func(id string) bool { return slices.Contains(taken.Operations, id) })
		if done.Commit != "" || !slices.Equal(pointed(done.Edits), pointed(b.status.Edits)) || b.status.Problem != "" {
			event = scale.CountsCommitted{Committed: *done}
		}
		b.status.Problem, b.status.ProblemAt = "", time.Time{}
		b.status.Edits = done.Edits
		if done.Commit != "" {
			b.status.Commit, b.status.PushedAt = done.Commit, now
		}
		b.keep()
	}
	b.mu.Unlock()
	if event != nil {
		b.Observe(event)
	}
}

// pointed returns the edits as texts, which can be compared.
func pointed(edits []scale.BranchEdit) []string {
	out := make([]string, len(edits))
	for i, e := range edits {
		out[i] = e.String()
	}
	return out
}
