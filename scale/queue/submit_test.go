package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestQueueAnswers(t *testing.T) {
	pausedUp := func(r *scale.Rule) { r.Paused = scale.PauseUp }
	// scaled is a scaling that ended so long ago.
	scaled := func(age time.Duration) func(*world) {
		return func(w *world) {
			w.values["worker"] = 4
			w.record(scale.Update{End: time.Now().Add(-age)})
		}
	}
	cases := []struct {
		name   string
		rule   scaletest.RuleEdit
		world  func(*world)
		intent scale.Intent
		want   scale.Outcome
		// accepted is the state of the operation; empty if there is none.
		accepted State
		// reads says that the answer needs a fresh reading.
		reads bool
	}{
		{"a delta is accepted", nil, nil, scaletest.ByDelta(1), scale.Scale, Accepted, false},
		{"a signal is accepted", nil, nil, scaletest.SignalUp(), scale.Scale, Accepted, false},
		{"no change is said of what was just read", nil, nil, scaletest.ToCount(3), scale.NoChange, "", true},
		{"so is paused", pausedUp, nil, scaletest.ByDelta(1), scale.Paused, "", true},
		{"a paused rule lets the other direction through", pausedUp, nil, scaletest.ByDelta(-1), scale.Scale, Accepted, false},
		{"force passes the pause", pausedUp, nil, scaletest.Forced(scaletest.ByDelta(1)), scale.Scale, Accepted, false},
		{"a cleared alert needs nothing", nil, nil, clearedAlarm("A"), scale.Cleared, "", false},
		{"a delta in the cooldown is not accepted", nil, scaled(time.Minute), scaletest.ByDelta(1), scale.CoolingDown, "", true},
		{"nor where signals are deferred", deferring, scaled(time.Minute), scaletest.ByDelta(1), scale.CoolingDown, "", true},
		{"force passes the cooldown", nil, scaled(time.Minute), scaletest.Forced(scaletest.ByDelta(1)), scale.Scale, Accepted, false},
		{"a signal in the cooldown is ignored", nil, scaled(time.Minute), scaletest.SignalUp(), scale.CoolingDown, "", false},
		{"or deferred", deferring, scaled(time.Minute), scaletest.SignalUp(), scale.CoolingDown, Deferred, false},
		{"one second after a scaling it still holds", nil, scaled(0), scaletest.ByDelta(1), scale.CoolingDown, "", true},
		{"after the cooldown it does not", nil, scaled(6 * time.Minute), scaletest.SignalUp(), scale.Scale, Accepted, false},
		{"target tracking needs a value", func(r *scale.Rule) { r.Strategy = scale.Strategy{Type: scale.TargetTracking, Target: 5} }, nil, scaletest.SignalUp(), scale.Refused, "", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t)
				if c.rule != nil {
					w.rule("worker", c.rule)
				}
				if c.world != nil {
					c.world(w)
				}
				r := begin(t, w)
				time.Sleep(10 * time.Second)
				reads := w.readings()
				sub := r.submit(c.intent)[0]
				if sub.Decision.Outcome != c.want || sub.Accepted != (c.accepted != "") || sub.Operation.State != c.accepted {
					t.Errorf("the answer is %q (%s), operation %q", sub.Decision.Outcome, sub.Decision.Reason, sub.Operation.State)
				}
				if read := w.readings() > reads; read != c.reads {
					t.Errorf("read again: %v", read)
				}
				if kept, _ := r.journal.Open(); (len(kept) > 0) != sub.Accepted {
					t.Errorf("the journal holds %d operations", len(kept))
				}
			})
		})
	}
}

func TestQueueDoesNotTurnAwayOnStaleKnowledge(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.rule("worker", func(r *scale.Rule) { r.Paused = scale.PauseBoth })
		r := begin(t, w)
		time.Sleep(10 * time.Second)
		w.somebody("api", 4)
		w.rule("worker", func(r *scale.Rule) { r.Paused = scale.PauseNone })
		subs := r.submit(scaletest.ByDelta(1), scale.Intent{Pool: "api", Count: new(2)})
		if !subs[0].Accepted {
			t.Errorf("the pause is over: %+v", subs[0].Decision)
		}
		if d := subs[1].Decision; d.Outcome != scale.CoolingDown || *d.From != 4 {
			t.Errorf("the pool is at 4 and not at 2: %+v", d)
		}
	})
}

func TestQueueKnowsANewPool(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		r := begin(t, w)
		time.Sleep(10 * time.Second)
		of := func(pool string) scale.Intent { return scale.Intent{Pool: pool, Count: new(5)} }
		var unknown *scale.UnknownPoolError
		if _, err := r.Submit(context.Background(), []scale.Intent{of("wroker"), of("other")}); !errors.As(err, &unknown) || unknown.Nearest != "worker" {
			t.Errorf("no pool is known: %v", err)
		}
		subs := r.submit(of("wroker"), scaletest.ByDelta(1))
		if !errors.As(subs[0].Decision.Err, &unknown) || subs[0].Accepted || !subs[1].Accepted {
			t.Errorf("one pool is known: %+v", subs)
		}
		time.Sleep(time.Minute)
		w.set(func() {
			w.rules = scaletest.TwoPools()
			rule := w.rules["api"]
			rule.Pool, rule.ConfigKey = "new", "newCount"
			w.rules["new"] = rule
			w.values["new"] = 1
		})
		w.somebody("new", 1)
		if !r.submit(of("new"))[0].Accepted {
			t.Error("a pool is not known that the stack has now")
		}
	})
}

func TestQueueSharesReadings(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		r := begin(t, w)
		time.Sleep(10 * time.Second)
		reads := w.readings()
		var wait sync.WaitGroup
		for range 50 {
			wait.Go(func() { r.submit(scaletest.ToCount(3)) })
		}
		wait.Wait()
		if got := w.readings() - reads; got != 1 {
			t.Errorf("50 requests had the stack read %d times", got)
		}
		r.submit(alarm("A", 3))
		if got := w.readings() - reads; got != 1 {
			t.Errorf("a signal within the freshness had the stack read")
		}
	})
}

// Whoever asks for a count or a delta has perhaps just run `pulumi up`: what was read before they asked is no reason to
// turn them away.
func TestQueueTurnsNoDirectRequestAwayOnAnOldReading(t *testing.T) {
	rule := func(pool string, edit scaletest.RuleEdit) func(*world) { return func(w *world) { w.rule(pool, edit) } }
	for _, c := range []struct {
		name string
		// known is what the queue has read, and then what somebody does just before the request.
		known, then func(w *world)
		intent      scale.Intent
		want        scale.Outcome
	}{
		{"as no change", nil, func(w *world) { w.somebody("worker", 1) }, scaletest.Forced(scaletest.ToCount(3)), scale.Scale},
		{"for a cooldown", func(w *world) { w.somebody("worker", 4) }, rule("worker", scaletest.NoCooldown), scaletest.ByDelta(1), scale.Scale},
		{"for a pause", rule("worker", scaletest.Paused(scale.PauseBoth)), rule("worker", scaletest.Paused(scale.PauseNone)), scaletest.ByDelta(1), scale.Scale},
		{"because its count is not known", func(w *world) { w.updates = nil }, func(w *world) { w.set(func() { w.record(scale.Update{}) }) }, scaletest.ByDelta(1), scale.Scale},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t)
				if c.known != nil {
					c.known(w)
				}
				r := begin(t, w) // the reading has just ended
				c.then(w)
				if got := r.submit(c.intent)[0].Decision; got.Outcome != c.want {
					t.Errorf("it is answered with %s: %s", got.Outcome, got.Reason)
				}
			})
		})
	}
}

func TestQueueRemembersDuplicates(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		r := begin(t, w)
		first := r.submit(keyed(scaletest.ByDelta(1), "k"), keyed(scaletest.ByDelta(1), "k"), keyed(scaletest.APIDelta(1), "k"))
		if !first[0].Accepted || first[1].Accepted || !first[1].Duplicate || first[1].Operation.ID != first[0].Operation.ID || !first[2].Accepted {
			t.Errorf("in one call: %+v", first)
		}
		id := first[0].Operation.ID
		time.Sleep(updateTime / 2)
		if sub := r.submit(keyed(scaletest.ByDelta(1), "k"))[0]; !sub.Duplicate || sub.Operation.ID != id || sub.Operation.State != Running {
			t.Errorf("while it runs: %+v", sub)
		}
		r.wants(FinalScaled, id, first[2].Operation.ID)
		w.set(func() { w.readErr = &scale.UnavailableError{Detail: "down"} })
		if sub := r.submit(keyed(scaletest.ByDelta(1), "k"))[0]; !sub.Duplicate || sub.Operation.ID != id || sub.Operation.Result != FinalScaled {
			t.Errorf("when it is done: %+v", sub)
		}
		r.wantCounts(4, 3, 1)

		again := start(t, w, r.journal.copied())
		if sub := again.submit(keyed(scaletest.ByDelta(1), "k"))[0]; !sub.Duplicate || sub.Operation.ID != id {
			t.Errorf("after a restart: %+v", sub)
		}
	})
}

func TestQueueDuplicatesAtTheSameMoment(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := begin(t, newWorld(t))
		r.journal.delay = 5 * time.Millisecond
		ids := make(chan string, 20)
		var wait sync.WaitGroup
		for range cap(ids) {
			wait.Go(func() { ids <- r.submit(keyed(scaletest.ByDelta(1), "k"))[0].Operation.ID })
		}
		wait.Wait()
		close(ids)
		first := <-ids
		for id := range ids {
			if id != first {
				t.Fatal("they were given different operations")
			}
		}
		r.wants(FinalScaled, first)
		r.wantCounts(4, 2, 1)
		if sub := r.submit(scaletest.ToCount(4))[0]; sub.Decision.Outcome != scale.NoChange {
			t.Errorf("something is still waited for: %+v", sub.Decision)
		}
	})
}

func TestQueueWithoutAJournal(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		r := begin(t, w)
		full := &JournalError{Err: errors.New("no space left")}
		r.journal.fail(full)
		if _, err := r.Submit(context.Background(), []scale.Intent{scaletest.ByDelta(1)}); !errors.Is(err, full) {
			t.Errorf("with a full disk: %v", err)
		}
		r.journal.fail(nil)
		if sub := r.submit(scaletest.ToCount(3))[0]; len(r.Open()) != 0 || sub.Accepted {
			t.Errorf("something was accepted, and this waits for it: %+v", sub.Decision)
		}
		id := r.accepted(scaletest.ByDelta(1))
		time.Sleep(updateTime / 2)
		r.journal.fail(full) // during the update
		r.wants(FinalScaled, id)
		if open := r.journal.copied().mustOpen(t); len(open) != 1 {
			t.Fatal("the journal was written to")
		}
		r.journal.fail(nil)
		time.Sleep(2 * time.Minute)
		if open := r.journal.copied().mustOpen(t); len(open) != 0 {
			t.Errorf("the journal was never told: %+v", open)
		}

		// What cannot be journaled is not begun.
		time.Sleep(10 * time.Minute)
		id = r.accepted(scaletest.ByDelta(1))
		r.journal.fail(full)
		time.Sleep(time.Minute)
		r.wantCounts(4, 2, 1)
		r.journal.fail(nil)
		r.wants(FinalScaled, id)
		r.wantCounts(5, 2, 2)
	})
}

func TestQueueHasALimit(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := begin(t, newWorld(t), func(o *Options) { o.MaxOpen = 2 })
		var full *FullError
		if _, err := r.Submit(context.Background(), []scale.Intent{scaletest.ByDelta(1), scaletest.ByDelta(1), scaletest.ByDelta(1)}); !errors.As(err, &full) {
			t.Errorf("three at once: %v", err)
		}
		subs := r.submit(scaletest.ByDelta(1), scaletest.ByDelta(1))
		if _, err := r.Submit(context.Background(), []scale.Intent{scaletest.ByDelta(1)}); !errors.As(err, &full) {
			t.Errorf("the third: %v", err)
		}
		r.wants(FinalScaled, subs[0].Operation.ID, subs[1].Operation.ID)
	})
}

func TestQueueBadIntents(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := begin(t, newWorld(t))
		var usage *scale.UsageError
		if _, err := r.Submit(context.Background(), []scale.Intent{scaletest.ByDelta(1), {Pool: "worker"}}); !errors.As(err, &usage) {
			t.Error(err)
		}
		if subs, err := r.Submit(context.Background(), nil); len(subs) != 0 || err != nil {
			t.Error(subs, err)
		}
		if len(r.Open()) != 0 {
			t.Error("something was accepted")
		}
	})
}

func TestQueueDefers(t *testing.T) {
	// The cooldown ends five minutes after the scaling that each of these begins with.
	cases := []struct {
		name string
		// then are intents that follow, one minute after the other.
		then                 []scale.Intent
		want                 []Final
		worker, api, updates int
	}{
		{"a signal until the cooldown ends", []scale.Intent{alarm("A", 6)}, []Final{FinalScaled}, 6, 2, 2},
		{"the newest signal", []scale.Intent{alarm("A", 6), alarm("B", 5)}, []Final{FinalSuperseded, FinalScaled}, 5, 2, 2},
		{"until its alarm clears", []scale.Intent{alarm("A", 6), clearedAlarm("A")}, []Final{FinalCancelled, ""}, 4, 2, 1},
		{"but not until another alarm clears", []scale.Intent{alarm("A", 6), clearedAlarm("B")}, []Final{FinalScaled, ""}, 6, 2, 2},
		{"and decides afresh when it is due", []scale.Intent{alarm("A", 6), scaletest.Forced(scaletest.ToCount(6))}, []Final{Final(scale.NoChange), FinalScaled}, 6, 2, 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t)
				w.rule("worker", deferring)
				r := begin(t, w)
				r.wants(FinalScaled, r.accepted(scaletest.ByDelta(1)))
				ids := make([]string, len(c.then))
				for i, intent := range c.then {
					sub := r.submit(intent)[0]
					ids[i] = sub.Operation.ID
					if c.want[i] == "" && sub.Accepted {
						t.Errorf("%s was accepted", intent.Ask())
					}
					time.Sleep(time.Minute)
				}
				time.Sleep(20 * time.Minute)
				for i, id := range ids {
					if c.want[i] != "" {
						r.wants(c.want[i], id)
					}
				}
				r.wantCounts(c.worker, c.api, c.updates)
			})
		})
	}
}

func TestQueueDefersAcrossARestart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.rule("worker", deferring)
		r := begin(t, w)
		scaled := r.accepted(scaletest.ByDelta(1))
		time.Sleep(updateTime / 2)
		id := r.accepted(alarm("A", 6)) // during the update: it is not known yet when the cooldown ends
		r.wants(FinalScaled, scaled)
		time.Sleep(5 * time.Second)
		op, err := r.Operation(id)
		if left := op.NotBefore.Sub(r.result(scaled).EndedAt); err != nil || op.State != Deferred || left != 5*time.Minute {
			t.Errorf("it is %s until %s after the scaling, %v", op.State, left, err)
		}
		r.stop()
		<-r.stopped
		r = start(t, w, r.journal.copied())
		r.wants(FinalScaled, id)
		if waited := r.result(id).EndedAt.Sub(op.NotBefore); waited < 0 || waited > 30*time.Second {
			t.Errorf("it was done %s after it was due", waited)
		}
		r.wantCounts(6, 2, 2)
	})
}

func TestQueueDefersTheLargestSignalOfACall(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.rule("worker", deferring)
		r := begin(t, w)
		r.wants(FinalScaled, r.accepted(scaletest.ByDelta(1)))
		subs := r.submit(keyed(alarm("A", 5), "a"), keyed(alarm("B", 7), "b"), keyed(alarm("C", 6), "c"))
		var got []string
		for _, s := range subs {
			got = append(got, fmt.Sprintln(s.Accepted, s.Decision.Outcome, s.Operation.State))
		}
		want := []string{"false superseded done\n", "true cooldown deferred\n", "false superseded done\n"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if sub := r.submit(keyed(alarm("A", 5), "a"))[0]; !sub.Duplicate {
			t.Error("a signal that was heard is taken for a new one")
		}
		r.wants(FinalScaled, subs[1].Operation.ID)
		r.wantCounts(7, 2, 2)
	})
}

func TestQueueIgnoresWhatOthersHaveDone(t *testing.T) {
	cases := []struct {
		name   string
		intent scale.Intent
		want   Final
		worker int
	}{
		{"a signal meets the cooldown of somebody else's scaling", alarm("A", 6), Final(scale.CoolingDown), 5},
		{"a count that waited for somebody else's update does not", scaletest.ToCount(7), FinalScaled, 7},
		{"nor is anything done that somebody else has done", scaletest.ToCount(5), Final(scale.NoChange), 5},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t)
				r := begin(t, w)
				w.set(func() { w.foreignUpdate = true })
				id := r.accepted(c.intent)
				time.Sleep(1200 * time.Millisecond) // between two tries
				w.somebody("worker", 5)
				w.set(func() { w.foreignUpdate = false })
				r.wants(c.want, id)
				if got := w.counts()[0]; got != c.worker {
					t.Errorf("the pool is at %d", got)
				}
			})
		})
	}
}
