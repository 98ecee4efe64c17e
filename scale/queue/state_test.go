package queue

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestQueueWhileTheStackCannotBeRead(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.readErr = errors.New("exec: pulumi: not found")
		r := start(t, w, newMemory())
		if r.Ready() == nil {
			t.Error("ready before anything was read")
		}
		time.Sleep(time.Second)
		var down *scale.UnavailableError
		if err := r.Ready(); !errors.As(err, &down) {
			t.Errorf("ready: %v", err)
		}
		if _, err := r.Submit(context.Background(), []scale.Intent{scaletest.ByDelta(1)}); !errors.As(err, &down) {
			t.Errorf("submitted: %v", err)
		}
		if _, err := r.Pools(context.Background()); !errors.As(err, &down) {
			t.Errorf("pools: %v", err)
		}
		w.set(func() { w.readErr = nil })
		time.Sleep(time.Minute)
		if err := r.Ready(); err != nil {
			t.Errorf("not ready: %v", err)
		}
		id := r.accepted(scaletest.ByDelta(1))

		w.set(func() { w.readErr = &scale.UnavailableError{Detail: "down"} })
		time.Sleep(2 * time.Minute) // the poll notices
		if err := r.Ready(); err == nil {
			t.Error("still ready")
		}
		if _, err := r.Submit(context.Background(), []scale.Intent{scaletest.ByDelta(1)}); !errors.As(err, &down) {
			t.Errorf("submitted: %v", err)
		}
		if open := r.Open(); len(open) != 0 && open[0].ID != id {
			t.Errorf("open: %+v", open)
		}
		w.set(func() { w.readErr = nil })
		r.wants(FinalScaled, id)
	})
}

func TestQueueGivesUpWaitingWithTheCaller(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := begin(t, newWorld(t))
		time.Sleep(10 * time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), readTime/2)
		defer cancel()
		if _, err := r.Submit(ctx, []scale.Intent{scaletest.ToCount(3)}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if sub := r.submit(scaletest.ToCount(3))[0]; sub.Decision.Outcome != scale.NoChange {
			t.Errorf("the reading ended with the caller who began it: %+v", sub)
		}
	})
}

func TestQueueWithMalformedRules(t *testing.T) {
	malformed := &scale.RulesError{Problems: []scale.Problem{{Expected: "a map"}}}
	cases := []struct {
		name  string
		spoil func(*world)
	}{
		{"that the stack falls back from", func(w *world) { w.malformed = malformed }},
		{"that the stack cannot be read with", func(w *world) { w.readErr = malformed }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t)
				r := begin(t, w)
				w.set(func() { c.spoil(w) })
				if err := r.Reload(context.Background()); !errors.Is(err, malformed) {
					t.Errorf("reloaded: %v", err)
				}
				if r.RulesErr() == nil || r.Ready() != nil || len(r.Rules()) != 2 {
					t.Errorf("%v, ready: %v, %d rules", r.RulesErr(), r.Ready(), len(r.Rules()))
				}
				id := r.accepted(scaletest.ByDelta(1))
				time.Sleep(time.Minute)
				w.set(func() { w.malformed, w.readErr = nil, nil })
				r.wants(FinalScaled, id)
				if err := r.Reload(context.Background()); err != nil || r.RulesErr() != nil {
					t.Errorf("reloaded: %v, %v", err, r.RulesErr())
				}
			})
		})
	}
	t.Run("from the start", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			w := newWorld(t)
			w.readErr = malformed
			r := start(t, w, newMemory())
			if err := r.Reload(context.Background()); !errors.Is(err, malformed) {
				t.Errorf("loaded: %v", err)
			}
		})
	})
}

func TestQueueIsSwitchedOff(t *testing.T) {
	for name, off := range map[string]error{
		"by a destroyed stack":      &scale.DestroyedError{Stack: "dev"},
		"by an output that is gone": &scale.RulesError{Problems: []scale.Problem{{Expected: "a map"}}, Gone: true},
	} {
		for _, found := range []string{"by a reading", "by a scaling"} {
			t.Run(name+", found "+found, func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					w := newWorld(t)
					r := begin(t, w)
					w.set(func() { w.readErr = off })
					var id string
					if found == "by a scaling" {
						id = r.accepted(scaletest.ByDelta(1))
						time.Sleep(5 * time.Second)
					} else if err := r.Reload(context.Background()); !errors.Is(err, off) {
						t.Errorf("reloaded: %v", err)
					}
					if err := r.Ready(); !errors.Is(err, off) || r.Rules() != nil {
						t.Errorf("ready: %v, rules %v", err, r.Rules())
					}
					if _, err := r.Submit(context.Background(), []scale.Intent{scaletest.ByDelta(1)}); !errors.Is(err, off) {
						t.Errorf("submitted: %v", err)
					}
					if _, err := r.Pools(context.Background()); !errors.Is(err, off) {
						t.Errorf("pools: %v", err)
					}
					time.Sleep(3 * time.Minute)
					if n := w.updatesBegun(); n != 0 {
						t.Errorf("%d updates", n)
					}
					w.set(func() { w.readErr = nil })
					time.Sleep(2 * time.Minute)
					if err := r.Ready(); err != nil {
						t.Errorf("not ready again: %v", err)
					}
					if id != "" {
						r.wants(FinalScaled, id) // it has waited
					}
					// Each change is told once, however often the stack is read.
					var turns []scale.Event
					r.mu.Lock()
					defer r.mu.Unlock()
					for _, event := range r.events {
						switch event.(type) {
						case scale.SwitchedOff, scale.SwitchedOn:
							turns = append(turns, event)
						}
					}
					if diff := cmp.Diff([]scale.Event{scale.SwitchedOff{Err: off}, scale.SwitchedOn{}}, turns, cmpopts.EquateErrors()); diff != "" {
						t.Errorf("-want +got:\n%s", diff)
					}
				})
			})
		}
	}
}

// How the program compares with what was deployed is told once, when that changes.
func TestQueueTellsHowTheProgramCompares(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.program = scale.Program{Commit: "bbbbbbbbbbbb", Deploy: &scale.Deploy{Commit: "aaaaaaaaaaaa"}}
		r := begin(t, w)
		reload := func() {
			t.Helper()
			if err := r.Reload(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		reload()
		w.set(func() { w.program.ConfigDiffers = []string{"demo:size"} })
		reload()
		reload()
		w.set(func() { w.program = scale.Program{} })
		reload()
		reload()
		var told []int
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, event := range r.events {
			if remarked, is := event.(scale.Remarked); is {
				told = append(told, len(remarked.Remarks))
			}
		}
		if diff := cmp.Diff([]int{1, 2, 0}, told); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestQueueFollowsTheStack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		r := begin(t, w)
		count := func() int {
			t.Helper()
			pools, err := r.Pools(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			return *pools[1].Count
		}
		r.wants(FinalScaled, r.accepted(scaletest.ByDelta(1)))
		if got := count(); got != 4 {
			t.Errorf("after an update of ours the count is %d", got)
		}
		w.somebody("worker", 8)
		if got := count(); got != 4 {
			t.Errorf("the count is %d and was read for nothing", got)
		}
		time.Sleep(31 * time.Second)
		if got := count(); got != 8 {
			t.Errorf("after somebody else's update, and the poll, the count is %d", got)
		}
		reads := w.readings()
		time.Sleep(5 * time.Minute)
		if got := w.readings() - reads; got < 9 || got > 10 {
			t.Errorf("the stack was read %d times in five minutes", got)
		}
	})
}

func TestQueueOperations(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := begin(t, newWorld(t))
		id := r.accepted(scaletest.ByDelta(1))
		op, err := r.Operation(id)
		if err != nil || op.State != Accepted || *op.From != 3 || *op.To != 4 {
			t.Errorf("accepted: %+v, %v", op, err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), updateTime/2)
		defer cancel()
		op, err = r.Wait(ctx, id)
		if !errors.Is(err, context.DeadlineExceeded) || op.State != Running {
			t.Errorf("waited too short: %s, %v", op.State, err)
		}
		op, err = r.Wait(context.Background(), id)
		if err != nil || op.State != Done || op.Result != FinalScaled || op.EndedAt.IsZero() || len(op.Updates) != 0 {
			t.Errorf("done: %+v, %v", op, err)
		}
		if again, err := r.Wait(context.Background(), id); err != nil || again.State != Done {
			t.Errorf("waited for what is done: %+v, %v", again, err)
		}
		recent, err := r.Recent("worker", 10)
		if err != nil || len(recent) != 1 || recent[0].ID != id || len(r.Open()) != 0 {
			t.Errorf("recent: %+v, %v", recent, err)
		}
		var unknown *UnknownOperationError
		if _, err := r.Wait(context.Background(), "nothing"); !errors.As(err, &unknown) {
			t.Errorf("one that never was: %v", err)
		}
	})
}

// In a cluster the journal cannot be read while a leader is elected.
func TestWaitingOutlastsAJournalThatCannotBeRead(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := begin(t, newWorld(t))
		id := r.accepted(scaletest.ByDelta(1))
		if _, err := r.Wait(context.Background(), id); err != nil {
			t.Fatal(err)
		}
		r.journal.failReads(&JournalError{Err: errors.New("there is no leader")})
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := r.Wait(ctx, id); !scale.IsA[*JournalError](err) || ctx.Err() == nil {
			t.Errorf("a journal that stays so: %v", err)
		}
		time.AfterFunc(time.Second, func() { r.journal.failReads(nil) })
		if op, err := r.Wait(context.Background(), id); err != nil || op.State != Done {
			t.Errorf("once it can be read again: %+v, %v", op, err)
		}
	})
}

func TestQueueKeepsTheNewestDeferredOfACrash(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.rule("worker", deferring)
		w.somebody("worker", 4)
		left := newMemory()
		for i, n := range []int{9, 6} {
			op := Operation{ID: []string{"1", "2"}[i], Intent: alarm("A", n), State: Deferred, AcceptedAt: time.Now(), NotBefore: time.Now().Add(6 * time.Minute)}
			if _, err := left.Add([]Operation{op}); err != nil {
				t.Fatal(err)
			}
		}
		r := start(t, w, left)
		r.wants(FinalSuperseded, "1")
		r.wants(FinalScaled, "2")
		r.wantCounts(6, 2, 1)
	})
}

func TestOperationIDsSort(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	last := newOperationID(at)
	for _, step := range []time.Duration{time.Microsecond, time.Millisecond, time.Second, time.Hour, 24 * 365 * 50 * time.Hour} {
		at = at.Add(step)
		id := newOperationID(at)
		if id <= last || len(id) != 26 {
			t.Errorf("%q does not come after %q", id, last)
		}
		if id == newOperationID(at) {
			t.Error("two ids are the same")
		}
		last = id
	}
}

func TestOperationIsStoredWhole(t *testing.T) {
	intent := scale.Intent{
		Pool: "worker", Source: "prometheus", Reason: "HighCPU", Key: "k", Force: true, At: scaletest.Noon, Count: new(0), Delta: new(-1),
		Signal: &scale.Signal{
			Alert: "HighCPU", Cleared: true, Identity: "a1", Since: scaletest.Noon.Add(time.Millisecond), Direction: scale.Down, Delta: new(2), Count: new(0), Comparison: scale.Up,
			Value: new(math.Inf(1)), Threshold: new(0.1),
		},
	}
	want := Operation{
		ID: "1", Intent: intent, State: Deferred, Result: FinalFailed, From: new(0), To: new(5), Error: "e",
		Decision: scale.Decision{
			Intent: intent, Outcome: scale.CoolingDown, From: new(0), Wanted: 12, To: 10, Clamped: true, Until: scaletest.Noon, Reason: "cooling down",
		},
		AcceptedAt: scaletest.Noon, StartedAt: scaletest.Noon.Add(time.Nanosecond), EndedAt: scaletest.Noon.Add(1), NotBefore: scaletest.Noon.Add(2), Updates: []string{"pulumiscale/1"},
		Previous: "0", Failures: 3,
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Operation
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := json.Unmarshal([]byte(`{"version":3}`), &got); err == nil {
		t.Error("a newer form was read")
	}
	if !strings.HasPrefix(string(text), `{"version":1,`) {
		t.Errorf("an older program does not read it: %s", text)
	}
	bounds := Operation{Intent: scale.Intent{Pool: "worker", ToBounds: true, Source: SourceSchedule}}
	bounds.Decision.Intent = bounds.Intent
	if text, err = json.Marshal(bounds); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), `{"version":2,`) {
		t.Errorf("an older program would carry it out as something else: %s", text)
	}
	got = Operation{}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(bounds, got); diff != "" {
		t.Error(diff)
	}
}

// What ended before a long stop can still be looked up for a while after it.
func TestQueueDoesNotPruneTheJournalAtItsStart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := begin(t, newWorld(t))
		for _, c := range []struct {
			wait time.Duration
			want int
		}{{pruneEvery / 2, 0}, {pruneEvery, 1}, {pruneEvery, 2}} {
			time.Sleep(c.wait)
			r.journal.mu.Lock()
			got := r.journal.prunings
			r.journal.mu.Unlock()
			if got != c.want {
				t.Errorf("%s later it was pruned %d times, want %d", c.wait, got, c.want)
			}
		}
	})
}

// An operation is open or done at every moment, even while the journal is told.
func TestQueueListsWhatIsDoneWhileTheJournalIsTold(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := begin(t, newWorld(t))
		r.journal.updateDelay = time.Second
		id := r.accepted(scaletest.ByDelta(2))
		listed := func() (open, done int) {
			recent, err := r.Recent("worker", 10)
			if err != nil {
				t.Fatal(err)
			}
			for _, op := range recent {
				if op.ID == id {
					done++
				}
			}
			return len(r.Open()), done
		}
		for range 200 {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait() // the two lists are asked for one after the other
			if open, done := listed(); open+done != 1 {
				t.Fatalf("it is %d times open and %d times done", open, done)
			}
		}
		if _, done := listed(); done != 1 {
			t.Error("it is not done")
		}
		if recent, err := r.Recent("api", 10); err != nil || len(recent) > 0 {
			t.Errorf("the other pool has %v, %v", recent, err)
		}
	})
}

// glancing is a world whose backend shows at a glance whether an update has ended.
type glancing struct{ *process }

func (g glancing) Glance() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strconv.Itoa(len(g.updates))
}

func TestQueueSeesAnUpdateAtAGlance(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		r := begin(t, w, func(o *Options) { o.Scaler.Stack = glancing{&process{world: w}} })
		time.Sleep(10 * time.Second)
		if n := w.readings(); n != 1 {
			t.Errorf("read %d times where nothing happens", n)
		}
		w.somebody("worker", 7)
		time.Sleep(time.Second + readTime)
		if pools, err := r.Pools(context.Background()); err != nil || *pools[1].Count != 7 {
			t.Errorf("%+v, error %v", pools, err)
		}
		if w.reads != 2 {
			t.Errorf("read %d times", w.reads)
		}
	})
}
