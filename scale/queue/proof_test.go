package queue

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

const previewTime = 5 * time.Second

// pendingWorld is a world in which a proof must be made. It says what is pending.
type pendingWorld struct {
	*world
	// pending is what a preview shows of the worker pool, previewErr is why it shows nothing, and hangs says that it
	// never ends.
	pending    []scale.ResourceStep
	previewErr error
	hangs      bool
	// kept is the proof that is kept.
	kept *scale.Proof
	// previews are the times of the previews, and overlaps counts those during an update of ours.
	previews []time.Time
	overlaps int
}

func newPendingWorld(t *testing.T) *pendingWorld { return &pendingWorld{world: newWorld(t)} }

func (w *pendingWorld) Proof(snap *scale.Snapshot) (*scale.Proof, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kept == nil || !snap.Follows(w.kept.Head) {
		return &scale.Proof{Basis: "basis"}, nil
	}
	proof := *w.kept
	return &proof, nil
}

func (w *pendingWorld) KeepProof(_ *scale.Snapshot, proof *scale.Proof, _ bool) bool {
	w.set(func() { w.kept = proof })
	return true
}

func (w *pendingWorld) Preview(ctx context.Context, _ scale.Change, _ scale.Observe) (*scale.Result, error) {
	w.mu.Lock()
	w.previews = append(w.previews, time.Now())
	if w.running {
		w.overlaps++
	}
	takes := previewTime
	if w.hangs {
		takes = 100 * time.Hour
	}
	w.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return nil, &scale.EngineError{Operation: "preview", Interrupted: true}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return &scale.Result{Steps: slices.Clone(w.pending)}, w.previewErr
}

// previewed is how many previews there were.
func (w *pendingWorld) previewed() (n int) {
	w.set(func() { n = len(w.previews) })
	return n
}

// Read has heads by which updates follow each other.
func (w *pendingWorld) Read(ctx context.Context) (*scale.Snapshot, error) {
	snap, err := w.world.Read(ctx)
	if err != nil {
		return nil, err
	}
	for i := range snap.Updates {
		snap.Updates[i].Head = string(rune('a' + len(snap.Updates) - i))
	}
	snap.Head = snap.Updates[0].Head
	return snap, nil
}

func (w *pendingWorld) ReadSince(ctx context.Context, _ *scale.Snapshot) (*scale.Snapshot, error) {
	return w.Read(ctx)
}

// serve starts a queue on it, and gives it the time that a reading and a proof take.
func (w *pendingWorld) serve(t *testing.T) *rig {
	t.Helper()
	r := start(t, w.world, newMemory(), func(o *Options) {
		o.Scaler.Stack = w
		if o.Scaler.HeadStart != nil {
			o.Scaler.HeadStart = w
		}
	})
	time.Sleep(2*readTime + previewTime)
	return r
}

// proofs are the findings that the queue told of.
func (r *rig) proofs() (out []scale.Proved) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if p, ok := e.(scale.Proved); ok {
			out = append(out, p)
		}
	}
	return out
}

var pendingWorker = []scale.ResourceStep{scaletest.StepOf("update", scaletest.WorkerURN, "dir")}

func TestQueueProvesInIdleTime(t *testing.T) {
	for _, c := range []struct {
		name  string
		world func(*pendingWorld)
		rule  scaletest.RuleEdit
		// do happens after the first proof. after is how long there is then time for another one.
		do    func(*pendingWorld, *rig)
		after time.Duration
		want  int
	}{
		{name: "once, and then no more", after: time.Hour, want: 1},
		{name: "not before the stack has been read", world: func(w *pendingWorld) { w.readErr = &scale.UnavailableError{Detail: "gone"} }, after: time.Hour, want: 0},
		{name: "not where all pools allow what is pending", rule: scaletest.Allowing, after: time.Hour, want: 0},
		{
			name: "again after somebody's deploy", do: func(w *pendingWorld, _ *rig) { w.somebody("api", 4) }, after: time.Minute, want: 2,
		},
		{
			name: "not again after a scaling of ours", do: func(_ *pendingWorld, r *rig) { r.wants(FinalScaled, r.accepted(scaletest.ByDelta(1))) }, after: time.Hour, want: 1,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newPendingWorld(t)
				if c.rule != nil {
					w.rule("worker", c.rule)
					w.rule("api", c.rule)
				}
				if c.world != nil {
					c.world(w)
				}
				r := w.serve(t)
				if c.do != nil {
					c.do(w, r)
				}
				time.Sleep(c.after)
				if got := w.previewed(); got != c.want || w.overlaps > 0 {
					t.Errorf("%d proofs, %d during updates", got, w.overlaps)
				}
			})
		})
	}
}

// A proof that is not needed yet does not keep an alarm waiting, and none is begun beside the alarm's update.
func TestQueueProvesNothingWhileSomethingIsAccepted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newPendingWorld(t)
		r := w.serve(t)
		w.rule("worker", func(rule *scale.Rule) { rule.Cooldown = scale.Cooldown{} })
		w.set(func() { w.foreignUpdate = true })
		id := r.accepted(scaletest.ByDelta(1))
		time.Sleep(10 * time.Second) // it is tried again for as long as somebody else's update runs
		w.somebody("api", 4)
		before := w.previewed()
		time.Sleep(20 * time.Second)
		during := w.previewed() - before
		w.set(func() { w.foreignUpdate = false })
		r.wants(FinalScaled, id)
		if during > 1 || w.overlaps > 0 { // the attempt's own
			t.Errorf("%d proofs meanwhile, %d during updates", during, w.overlaps)
		}
	})
}

func TestAProofThatCannotBeMadeIsTriedAgainLessAndLess(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newPendingWorld(t)
		w.previewErr = &scale.WriteError{File: "x", Err: errors.New("the program does not run")} // of no pool in particular
		r := w.serve(t)
		time.Sleep(time.Hour)
		// It is tried after half a minute, one, two, four and eight minutes, and then every ten.
		if got := w.previewed(); got < 8 || got > 12 {
			t.Errorf("%d tries in an hour", got)
		}
		if told := r.proofs(); len(told) != 1 || told[0].Err == nil {
			t.Errorf("told %+v", told)
		}
		w.set(func() { w.previewErr = nil })
		time.Sleep(11 * time.Minute)
		if told := r.proofs(); len(told) != 2 || told[1].Err != nil {
			t.Errorf("told %+v", told)
		}
		n := w.previewed()
		time.Sleep(time.Hour)
		if got := w.previewed(); got != n {
			t.Errorf("%d more proofs", got-n)
		}
	})
}

// A deploy may be what puts it right.
func TestAProofThatCouldNotBeMadeIsTriedAtOnceAfterADeploy(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newPendingWorld(t)
		w.previewErr = errors.New("the program does not run")
		w.serve(t)
		time.Sleep(time.Hour)
		w.set(func() { w.previewErr = nil })
		n := w.previewed()
		w.somebody("api", 4)
		time.Sleep(time.Minute)
		if got := w.previewed(); got != n+1 {
			t.Errorf("%d proofs", got-n)
		}
	})
}

// A proof that takes for ever is given up, and counts as one that cannot be made.
func TestAProofThatHangsIsGivenUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newPendingWorld(t)
		w.hangs = true
		r := w.serve(t)
		time.Sleep(2 * time.Hour)
		if told := r.proofs(); len(told) != 1 || told[0].Err == nil {
			t.Errorf("told %+v", told)
		}
		if got := w.previewed(); got < 2 || got > 12 {
			t.Errorf("%d tries", got)
		}
	})
}

// If a stack is destroyed while a proof is made, there is nothing of which anything could be pending.
func TestAProofOfAStackThatIsGone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newPendingWorld(t)
		r := w.serve(t)
		w.somebody("api", 4)
		began := w.previewed()
		for w.previewed() == began {
			time.Sleep(previewTime / 4)
		}
		off := &scale.DestroyedError{Stack: "dev"}
		w.set(func() { w.readErr = off })
		if err := r.Reload(context.Background()); !errors.Is(err, off) {
			t.Fatalf("reloaded: %v", err)
		}
		time.Sleep(previewTime)
		if told := r.proofs(); len(told) != 0 {
			t.Errorf("told %+v", told)
		}
		if err := r.Ready(); !errors.Is(err, off) {
			t.Errorf("ready: %v", err)
		}
	})
}

func TestQueueTellsOnceWhatIsPending(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newPendingWorld(t)
		w.pending = pendingWorker
		r := w.serve(t)
		time.Sleep(time.Hour)
		want := map[string][]scale.PendingChange{"worker": {scaletest.Waiting("update", scaletest.WorkerURN, "dir")}}
		if told := r.proofs(); len(told) != 1 || !cmp.Equal(want, told[0].Pending) {
			t.Errorf("told %+v", told)
		}
		pools, err := r.Pools(context.Background())
		if err != nil || !cmp.Equal(want["worker"], pools[1].Pending) || pools[0].Pending != nil {
			t.Errorf("pools %+v, error %v", pools, err)
		}
		if seen := r.Overview().Pools; !cmp.Equal(want["worker"], seen[1].Pending) || seen[0].Pending != nil {
			t.Errorf("overview %+v", seen)
		}
		w.set(func() { w.pending = nil })
		w.somebody("api", 4) // somebody's `pulumi up` has done it
		time.Sleep(time.Minute)
		if told := r.proofs(); len(told) != 2 || len(told[1].Pending) > 0 {
			t.Errorf("told %+v", told)
		}
		if seen := r.Overview().Pools; seen[1].Pending != nil {
			t.Errorf("overview %+v", seen)
		}
	})
}

func TestQueueAcceptsNothingWhileChangesArePending(t *testing.T) {
	for name, intent := range map[string]scale.Intent{"a request": scaletest.ByDelta(1), "a signal": scaletest.SignalUp(), "an alarm": alarm("A", 5)} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newPendingWorld(t)
				w.pending = pendingWorker
				r := w.serve(t)
				sub := r.submit(intent)[0]
				if sub.Accepted || sub.Decision.Outcome != scale.HasPending || len(sub.Decision.Pending) != 1 || len(r.Open()) > 0 {
					t.Errorf("got %+v", sub)
				}
				time.Sleep(100 * time.Millisecond)
				// From here on nothing is pending. Only the stack can tell, because it has just been read.
				w.set(func() {
					w.pending = nil
					proof := *w.kept
					proof.Pools = map[string]scale.PoolProof{"api": {}, "worker": {}}
					w.kept = &proof
				})
				r.wants(FinalScaled, r.accepted(intent))
			})
		})
	}
}

// Another pool is none of its concern.
func TestQueueScalesThePoolWithoutPendingChanges(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newPendingWorld(t)
		w.pending = pendingWorker
		r := w.serve(t)
		subs := r.submit(scaletest.ByDelta(1), scaletest.APIDelta(1))
		if subs[0].Accepted || subs[0].Decision.Outcome != scale.HasPending || !subs[1].Accepted {
			t.Fatalf("got %+v", subs)
		}
		r.wants(FinalScaled, subs[1].Operation.ID)
		r.wantCounts(3, 3, 1)
	})
}

// Pending changes come after everything that keeps a pool from being scaled anyway.
func TestQueueDecidesAboutPendingChangesLast(t *testing.T) {
	for _, c := range []struct {
		name   string
		rule   scaletest.RuleEdit
		intent scale.Intent
		want   scale.Outcome
	}{
		{"no change", func(*scale.Rule) {}, scaletest.ToCount(3), scale.NoChange},
		{"a pause", func(r *scale.Rule) { r.Paused = scale.PauseBoth }, scaletest.ByDelta(1), scale.Paused},
		{"an alert that has cleared", func(*scale.Rule) {}, clearedAlarm("A"), scale.Cleared},
		{"a rule that allows it", scaletest.Allowing, scaletest.ByDelta(1), scale.Scale},
		{"else it is pending", func(*scale.Rule) {}, scaletest.ByDelta(1), scale.HasPending},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newPendingWorld(t)
				w.pending = pendingWorker
				w.rule("worker", c.rule)
				r := w.serve(t)
				if sub := r.submit(c.intent)[0]; sub.Decision.Outcome != c.want {
					t.Errorf("got %s: %s", sub.Decision.Outcome, sub.Decision.Reason)
				}
			})
		})
	}
}

// A change that is found to be pending only when the operation is carried out ends the operation, without an update.
func TestAnOperationEndsAsPending(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newPendingWorld(t)
		r := w.serve(t)
		w.set(func() { w.pending, w.kept = pendingWorker, nil }) // somebody saves the program
		op := r.result(r.accepted(scaletest.ByDelta(1)))
		if op.Decision.Outcome != scale.HasPending || w.updatesBegun() > 0 || op.Result == FinalScaled || op.Result == FinalFailed {
			t.Errorf("it ended as %s: %s %s", op.Result, op.Decision.Outcome, op.Decision.Reason)
		}
	})
}
