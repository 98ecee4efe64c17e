package queue

import (
	"context"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaler"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// rig is a queue at work in the world.
type rig struct {
	*Queue
	t       *testing.T
	world   *world
	journal *memory
	process *process
	stop    context.CancelFunc
	stopped chan struct{}

	mu     sync.Mutex
	events []scale.Event
}

// inBubble runs a test on a clock of its own.
func inBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// headStartOf is the stack's head start. `make unit` runs the tests also without one: all else must be the same.
func headStartOf(p *process) scale.HeadStart {
	if os.Getenv("HEAD_START") == "false" {
		return nil
	}
	return p
}

// start starts a queue on a journal, as a process does that has just been started.
func start(t *testing.T, w *world, journal *memory, edits ...func(*Options)) *rig {
	t.Helper()
	r := &rig{t: t, world: w, journal: journal, process: &process{world: w}, stopped: make(chan struct{})}
	options := Options{
		Scaler:  &scaler.Scaler{Stack: r.process, HeadStart: headStartOf(r.process), Observe: scale.Unobserved, OnDrift: scale.Restore, Retries: 2, RetryDelay: time.Second, Now: time.Now},
		Journal: journal,
		Observe: func(e scale.Event) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.events = append(r.events, e)
		},
	}
	for _, edit := range edits {
		edit(&options)
	}
	var err error
	if r.Queue, err = New(options); err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, r.stop = context.WithCancel(t.Context())
	go func() {
		r.Run(ctx)
		close(r.stopped)
	}()
	t.Cleanup(func() {
		r.stop()
		<-r.stopped
	})
	return r
}

// begin starts a queue with an empty journal, and lets it read the stack.
func begin(t *testing.T, w *world, edits ...func(*Options)) *rig {
	t.Helper()
	r := start(t, w, newMemory(), edits...)
	time.Sleep(2 * readTime)
	return r
}

// submit submits intents that must be answered.
func (r *rig) submit(intents ...scale.Intent) []Submission {
	r.t.Helper()
	subs, err := r.Submit(context.Background(), intents)
	if err != nil {
		r.t.Fatal(err)
	}
	return subs
}

// accepted submits an intent that must be accepted, and returns the operation's id.
func (r *rig) accepted(intent scale.Intent) string {
	r.t.Helper()
	sub := r.submit(intent)[0]
	if !sub.Accepted {
		r.t.Fatalf("%s was not accepted: %s, %s", intent.Ask(), sub.Decision.Outcome, sub.Decision.Reason)
	}
	return sub.Operation.ID
}

// result waits for an operation's end.
func (r *rig) result(id string) Operation {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 24*time.Hour)
	defer cancel()
	op, err := r.Wait(ctx, id)
	if err != nil {
		r.t.Fatalf("operation %s is %s: %v", id, op.State, err)
	}
	return op
}

// wants checks the ends of operations.
func (r *rig) wants(want Final, ids ...string) {
	r.t.Helper()
	for _, id := range ids {
		if op := r.result(id); op.Result != want {
			r.t.Errorf("operation %s ended as %q and not as %q: %s %s", op.Intent.Ask(), op.Result, want, op.Decision.Reason, op.Error)
		}
	}
}

// wantCounts checks the counts of the worker pool and the api pool, and how many updates there were.
func (r *rig) wantCounts(worker, api, updates int) {
	r.t.Helper()
	if got := r.world.counts(); got != [2]int{worker, api} {
		r.t.Errorf("the pools are %v and not [%d %d]", got, worker, api)
	}
	if updates != r.world.updatesBegun() {
		r.t.Errorf("there were %d updates and not %d", r.world.updatesBegun(), updates)
	}
}

func keyed(i scale.Intent, k string) scale.Intent { i.Key = k; return i }

// alarm is a signal of an alert that asks for a count.
func alarm(name string, count int) scale.Intent {
	return scaletest.Signal(scale.Signal{Alert: name, Count: new(count)})
}

func clearedAlarm(name string) scale.Intent {
	return scaletest.Signal(scale.Signal{Alert: name, Cleared: true})
}

func deferring(r *scale.Rule) { r.OnCooldown = scale.Defer }
