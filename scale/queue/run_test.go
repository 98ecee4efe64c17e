package queue

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestQueueEventsAtTheSameMoment(t *testing.T) {
	together := func(r *rig, intents ...scale.Intent) []string {
		ids := make([]string, len(intents))
		var wait sync.WaitGroup
		for i, intent := range intents {
			wait.Go(func() { ids[i] = r.accepted(intent) })
		}
		wait.Wait()
		return ids
	}
	cases := []struct {
		name                 string
		intents              []scale.Intent
		worker, api, updates int
		want                 []Final
	}{
		{"deltas for one pool add up", []scale.Intent{scaletest.ByDelta(1), scaletest.ByDelta(2)}, 6, 2, 1, []Final{FinalScaled, FinalScaled}},
		{"two pools go into one update", []scale.Intent{scaletest.ByDelta(1), scaletest.APIDelta(3)}, 4, 5, 1, []Final{FinalScaled, FinalScaled}},
		{"the larger of two signals wins", []scale.Intent{alarm("A", 5), alarm("B", 7)}, 7, 2, 1, []Final{FinalSuperseded, FinalScaled}},
		{"what cancels out is no update", []scale.Intent{scaletest.ByDelta(1), scaletest.ByDelta(-1)}, 3, 2, 0, []Final{Final(scale.NoChange), Final(scale.NoChange)}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := begin(t, newWorld(t))
				for i, id := range together(r, c.intents...) {
					r.wants(c.want[i], id)
				}
				r.wantCounts(c.worker, c.api, c.updates)
			})
		})
	}
}

func TestQueueTellsOfWhatCancelsOutThatThePoolStayed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := begin(t, newWorld(t))
		for _, id := range []string{r.accepted(scaletest.ByDelta(2)), r.accepted(scaletest.ByDelta(-2))} {
			if op := r.result(id); op.Result != Final(scale.NoChange) || *op.From != 3 || *op.To != 3 {
				t.Errorf("%s ended as %q from %d to %d", op.Intent.Ask(), op.Result, *op.From, *op.To)
			}
		}
	})
}

func TestQueueWhileAnUpdateRuns(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := begin(t, newWorld(t))
		first := r.accepted(alarm("A", 5))
		time.Sleep(updateTime / 2)
		if sub := r.submit(alarm("B", 9))[0]; sub.Accepted || sub.Decision.Outcome != scale.CoolingDown || !sub.Decision.Until.IsZero() {
			t.Errorf("a signal while an update of the pool runs: %+v", sub)
		}
		if sub := r.submit(alarm("C", 5))[0]; sub.Accepted || sub.Decision.Outcome != scale.CoolingDown {
			t.Errorf("a signal for what is under way: %+v", sub)
		}
		older := r.accepted(scaletest.ToCount(8))
		newer := r.accepted(scaletest.ToCount(6))
		more := r.accepted(scaletest.ByDelta(1))
		other := r.accepted(scaletest.APIDelta(1))
		r.wants(FinalScaled, first)
		if sub := r.submit(alarm("D", 9))[0]; sub.Accepted || sub.Decision.Outcome != scale.CoolingDown {
			t.Errorf("a signal while the next update runs: %+v", sub)
		}
		r.wants(FinalScaled, older, newer, more, other)
		r.wantCounts(7, 3, 2)
		if op := r.result(more); *op.From != 6 || *op.To != 7 {
			t.Errorf("the delta went from %d to %d", *op.From, *op.To)
		}
		sub := r.submit(scaletest.ByDelta(1))[0]
		if left := time.Until(sub.Decision.Until); sub.Accepted || sub.Decision.Outcome != scale.CoolingDown || left < 4*time.Minute {
			t.Errorf("a delta in the cooldown: %+v", sub)
		}
	})
}

func TestQueueTellsWhatTheNextUpdateWillDo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := begin(t, newWorld(t))
		for _, c := range []struct {
			intent   scale.Intent
			from, to int
		}{{scaletest.ByDelta(2), 3, 5}, {scaletest.ByDelta(1), 5, 6}, {alarm("A", 4), 3, 4}, {scaletest.ToCount(99), 7, 10}, {scaletest.ToCount(10), 10, 10}} {
			sub := r.submit(c.intent)[0]
			if !sub.Accepted || *sub.Operation.From != c.from || *sub.Operation.To != c.to {
				t.Errorf("%s: %+v", c.intent.Ask(), sub.Decision)
			}
		}
		for _, op := range r.Open() {
			r.result(op.ID)
		}
		r.wantCounts(10, 2, 1)
	})
}

func TestQueueSplitsAFailedUpdate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.broken["api"] = true
		r := begin(t, w)
		subs := r.submit(scaletest.ByDelta(1), scaletest.APIDelta(1), scaletest.ByDelta(1))
		r.wants(FinalScaled, subs[0].Operation.ID, subs[2].Operation.ID)
		r.wants(FinalFailed, subs[1].Operation.ID)
		if op := r.result(subs[1].Operation.ID); op.Error != "the update failed: api is broken" {
			t.Errorf("the failure is %q", op.Error)
		}
		r.wantCounts(5, 2, 3)

		// A pool by itself is not tried twice, and a failure starts no cooldown.
		r.wants(FinalFailed, r.accepted(scaletest.APIDelta(1)))
		r.wantCounts(5, 2, 4)
		w.set(func() { w.broken["api"] = false })
		r.wants(FinalScaled, r.accepted(scaletest.APIDelta(1)))
		r.wantCounts(5, 3, 5)
	})
}

func TestQueueSplitOfManyPoolsStopsWithTheQueue(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.broken["api"] = true
		r := begin(t, w)
		subs := r.submit(scaletest.ByDelta(1), scaletest.APIDelta(1))
		time.Sleep(updateTime + updateTime/2) // both failed, and api is tried by itself
		r.stop()
		<-r.stopped
		r.wants(FinalFailed, subs[1].Operation.ID)
		open := r.journal.copied().mustOpen(t)
		if len(open) != 1 || open[0].ID != subs[0].Operation.ID || open[0].State != Accepted {
			t.Errorf("left are %+v", open)
		}
		r = start(t, w, r.journal.copied())
		r.wants(FinalScaled, subs[0].Operation.ID)
		r.wantCounts(4, 2, 3)
	})
}

func (m *memory) mustOpen(t *testing.T) []Operation {
	t.Helper()
	ops, err := m.Open()
	if err != nil {
		t.Fatal(err)
	}
	return ops
}

func TestQueueStopsAfterTheRunningUpdate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		r := begin(t, w)
		running := r.accepted(scaletest.ByDelta(1))
		time.Sleep(updateTime / 2)
		waiting, other := r.accepted(scaletest.ByDelta(2)), r.accepted(scaletest.APIDelta(1))
		r.stop()
		<-r.stopped
		r.wants(FinalScaled, running)
		r.wantCounts(4, 2, 1)
		if _, err := r.Submit(context.Background(), []scale.Intent{scaletest.APIDelta(1)}); err == nil {
			t.Error("something was accepted that nobody would carry out soon, without the stack having been read")
		}

		r = start(t, w, r.journal.copied())
		r.wants(FinalScaled, waiting, other)
		r.wantCounts(6, 3, 2)
	})
}

func TestQueueStopsWithoutAnUpdate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		r := begin(t, w)
		w.set(func() { w.foreignUpdate = true })
		id := r.accepted(scaletest.ByDelta(1))
		time.Sleep(time.Second) // the scaler waits for the other update
		r.stop()
		<-r.stopped
		op, err := r.Operation(id)
		if err != nil || op.State != Accepted {
			t.Errorf("it is %s, %v", op.State, err)
		}
		r.wantCounts(3, 2, 0)
	})
}

func TestQueueAfterACrash(t *testing.T) {
	cases := []struct {
		name string
		// after is how long after the acceptance the process dies. meanwhile is what happens before the next one
		// starts.
		after     time.Duration
		meanwhile time.Duration
		prepare   func(*world)
		updates   int
	}{
		{name: "before anything was begun", after: time.Millisecond, updates: 1},
		{name: "the update ends before the restart", after: updateTime / 2, meanwhile: updateTime, updates: 1},
		{name: "the update ended days before the restart", after: updateTime / 2, meanwhile: 48 * time.Hour, updates: 1},
		{name: "the update still runs at the restart", after: updateTime / 2, updates: 1},
		{
			name: "the update failed", after: updateTime / 2, meanwhile: updateTime, updates: 2,
			prepare: func(w *world) {
				w.broken["worker"] = true
				time.AfterFunc(updateTime+updateTime/4, func() { w.set(func() { w.broken["worker"] = false }) })
			},
		},
	}
	for _, c := range cases {
		for _, intent := range []scale.Intent{scaletest.ByDelta(2), scaletest.ToCount(5), alarm("A", 5)} {
			t.Run(c.name+", "+intent.Ask(), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					w := newWorld(t)
					if c.prepare != nil {
						c.prepare(w)
					}
					r := begin(t, w)
					id := r.accepted(intent)
					time.Sleep(c.after)
					left := r.kill()
					time.Sleep(c.meanwhile)
					restarted := time.Now()
					r = start(t, w, left)
					r.wants(FinalScaled, id)
					r.wantCounts(5, 2, c.updates)
					op := r.result(id)
					if op.From == nil || *op.From != 3 || *op.To != 5 {
						t.Errorf("it is said to have gone from %v to %v", op.From, op.To)
					}
					if op.EndedAt.Before(restarted) { // the journal forgets it a day after that
						t.Errorf("it is kept as if it had been told %s before anybody could ask", restarted.Sub(op.EndedAt))
					}
				})
			})
		}
	}
}

func TestQueueTriesAgainUntilItGivesUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		r := begin(t, w)
		w.set(func() { w.foreignUpdate = true })
		id := r.accepted(scaletest.ByDelta(1))
		time.Sleep(10 * time.Minute)
		if op, err := r.Operation(id); err != nil || op.State == Done || op.Error == "" {
			t.Errorf("after ten minutes it is %s, error %q, %v", op.State, op.Error, err)
		}
		w.set(func() { w.foreignUpdate = false })
		r.wants(FinalScaled, id)
		if waited := r.result(id).EndedAt.Sub(r.result(id).AcceptedAt); waited > 13*time.Minute {
			t.Errorf("it took %s", waited)
		}

		w.set(func() { w.foreignUpdate = true })
		id = r.accepted(scaletest.APIDelta(1))
		r.wants(FinalFailed, id)
		op := r.result(id)
		if waited := op.EndedAt.Sub(op.AcceptedAt); waited < time.Hour || waited > 70*time.Minute || op.Error == "" {
			t.Errorf("it was given up after %s: %q", waited, op.Error)
		}
		var attempts []int
		for _, e := range r.happened() {
			if p, ok := e.(Postponed); ok && p.Attempt == 1 {
				attempts = append(attempts, p.Attempt)
			}
		}
		if len(attempts) != 2 {
			t.Errorf("%d rows of failures began", len(attempts))
		}
	})
}

func (r *rig) happened() []scale.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

func TestQueueTellsWhatHappens(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := begin(t, newWorld(t))
		r.wants(FinalScaled, r.accepted(scaletest.ByDelta(1)))
		synctest.Wait() // whoever waits for an operation may be faster than those who are told of its end
		r.submit(scaletest.ByDelta(1))
		var got []string
		for _, e := range r.happened() {
			switch e := e.(type) {
			case Submitted:
				got = append(got, fmt.Sprintf("submitted %s %v", e.Decision.Outcome, e.Accepted))
			case BatchStarted:
				got = append(got, fmt.Sprintf("batch of %d", len(e.Operations)))
			case BatchDone:
				got = append(got, fmt.Sprintf("batch done in %s, engine %s, %v", e.Duration.Round(time.Second), e.Report.Duration, e.Err))
			case Changed:
				got = append(got, fmt.Sprintf("changed to %s %s", e.Operation.State, e.Operation.Result))
			}
		}
		want := []string{"submitted scale true", "batch of 1", "changed to done scaled", "batch done in 11s, engine 1s, <nil>", "submitted cooldown false"}
		if !slices.Equal(got, want) {
			t.Errorf("it told\n%q\nand not\n%q", got, want)
		}
	})
}

func TestQueueAfterACrashGoesOnWithTheRest(t *testing.T) {
	cases := []struct {
		name        string
		rest        []scale.Intent
		worker, api int
	}{
		{"for the same pool", []scale.Intent{scaletest.ByDelta(1), scaletest.APIDelta(1)}, 6, 3},
		{"for another pool", []scale.Intent{scaletest.APIDelta(1)}, 5, 3},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t)
				r := begin(t, w)
				ids := []string{r.accepted(scaletest.ByDelta(2))}
				time.Sleep(updateTime / 2)
				for _, intent := range c.rest {
					ids = append(ids, r.accepted(intent))
				}
				left := r.kill()
				r.stop()
				<-r.stopped // the engine goes on
				r = start(t, w, left)
				time.Sleep(updateTime / 2) // the rest is being carried out
				if sub := r.submit(scale.Intent{Pool: "api", Signal: &scale.Signal{Direction: scale.Up}})[0]; sub.Decision.Outcome != scale.CoolingDown {
					t.Errorf("a pool of the rest is not busy: %+v", sub.Decision)
				}
				r.wants(FinalScaled, ids...)
				r.wantCounts(c.worker, c.api, 2)
				time.Sleep(10 * time.Minute)
				if sub := r.submit(alarm("A", 8))[0]; !sub.Accepted {
					t.Errorf("the pool is still busy: %+v", sub.Decision)
				}
			})
		})
	}
}

// If a dead process's update has carried out a batch, each of its operations gets the outcome that it would have got
// there.
func TestQueueTellsWhatADeadProcessHasDone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.rule("worker", func(r *scale.Rule) { r.Min = 2 })
		r := begin(t, w)
		subs := r.submit(scaletest.ToCount(2), scaletest.ByDelta(-2), scaletest.APIDelta(1), scale.Intent{Pool: "api", Count: new(3)})
		time.Sleep(updateTime / 2)
		left := r.kill()
		r.stop()
		<-r.stopped // the engine goes on
		time.Sleep(updateTime)
		r = start(t, w, left)
		for i, want := range []Final{FinalScaled, Final(scale.NoChange), FinalScaled, Final(scale.NoChange)} {
			op := r.result(subs[i].Operation.ID)
			if op.Result != want || op.To == nil {
				t.Errorf("%s: %s, to %v, and not %s", op.Intent.Ask(), op.Result, op.To, want)
			}
		}
		r.wantCounts(2, 3, 1)
	})
}

// Whatever happens at whatever moment, every accepted delta is carried out once.
func TestQueueLosesNothing(t *testing.T) {
	for seed := range uint64(6) {
		inBubble(t, func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed, 0))
			w := newWorld(t)
			for _, pool := range []string{"worker", "api"} {
				w.rule(pool, func(r *scale.Rule) { r.Min, r.Max, r.Cooldown = 0, 1_000_000, scale.Cooldown{} })
			}
			w.set(func() { w.values = map[string]int{"worker": 1000, "api": 1000} })
			w.somebody("api", 1000)
			r := begin(t, w)
			want := [2]int{1000, 1000}
			var mu sync.Mutex
			var senders sync.WaitGroup
			for range 300 {
				switch chance.IntN(30) {
				case 0:
					left := r.kill()
					r = start(t, w, left)
				case 1:
					senders.Wait() // the server takes no more requests
					r.stop()
					<-r.stopped
					r = start(t, w, r.journal.copied())
				case 2:
					w.set(func() { w.foreignUpdate = !w.foreignUpdate })
				default:
					to, pool, n := r, chance.IntN(2), chance.IntN(5)-2
					senders.Go(func() {
						subs, err := to.Submit(context.Background(), []scale.Intent{{Pool: []string{"worker", "api"}[pool], Delta: new(n)}})
						mu.Lock()
						defer mu.Unlock()
						if err == nil && subs[0].Accepted {
							want[pool] += n
						}
					})
				}
				time.Sleep(time.Duration(chance.Int64N(int64(updateTime / 2))))
			}
			senders.Wait()
			w.set(func() { w.foreignUpdate = false })
			for _, op := range r.Open() {
				if end := r.result(op.ID); end.Result == FinalFailed {
					t.Errorf("seed %d: %s failed: %s", seed, op.Intent.Ask(), end.Error)
				}
			}
			if got := w.counts(); got != want {
				t.Errorf("seed %d: the pools are %v and not %v", seed, got, want)
			}
		})
	}
}
