package scale

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// kept are holds in memory.
type kept struct {
	mu    sync.Mutex
	holds Holds
	err   error
}

func (k *kept) Holds() (Holds, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.holds, k.err
}

// fail makes the holds unknown from now on, for a reason; nil makes them known again.
func (k *kept) fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
}

func (k *kept) ChangeHolds(change func(Holds) Holds) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err == nil {
		k.holds = change(k.holds)
	}
	return k.err
}

func TestHoldsOn(t *testing.T) {
	on := func(pool string, left time.Duration) Hold { return Hold{Pool: pool, Until: noon.Add(left)} }
	for _, c := range []struct {
		name  string
		holds Holds
		want  time.Duration
	}{
		{"nothing", nil, 0},
		{"the pool", Holds{on("worker", time.Hour)}, time.Hour},
		{"another pool", Holds{on("api", time.Hour)}, 0},
		{"the stack", Holds{on("", time.Hour)}, time.Hour},
		{"the one that ends last", Holds{on("worker", time.Minute), on("", time.Hour)}, time.Hour},
		{"whichever that is", Holds{on("", time.Minute), on("worker", time.Hour)}, time.Hour},
		{"one that ends now has ended", Holds{on("worker", 0)}, 0},
		{"one that has ended", Holds{on("", -time.Hour)}, 0},
	} {
		var got time.Duration
		if hold := c.holds.On("worker", noon); hold != nil {
			got = hold.Until.Sub(noon)
		}
		if got != c.want {
			t.Errorf("%s: held for %s, want %s", c.name, got, c.want)
		}
	}
}

func TestHoldsWith(t *testing.T) {
	stack, pool, longer := Hold{Until: noon}, Hold{Pool: "worker", Until: noon}, Hold{Pool: "worker", Until: noon.Add(time.Hour)}
	if diff := cmp.Diff(Holds{stack, longer}, Holds{stack, pool}.With(longer)); diff != "" {
		t.Errorf("a hold takes the place of an earlier one on the same pool: %s", diff)
	}
	if diff := cmp.Diff(Holds{pool}, Holds{stack, pool}.Without("")); diff != "" {
		t.Errorf("the end of the stack's hold leaves that on a pool: %s", diff)
	}
}

func TestNewHold(t *testing.T) {
	for lasts, ok := range map[time.Duration]bool{
		0: false, -time.Minute: false, time.Millisecond: false, time.Second: true, 30 * time.Minute: true, 720 * time.Hour: true, 721 * time.Hour: false,
	} {
		hold, err := NewHold("worker", lasts, "why", "ana", noon)
		if usage := new(*UsageError); (err == nil) != ok || err != nil && !errors.As(err, usage) || ok && !hold.Until.Equal(noon.Add(lasts)) {
			t.Errorf("%s: %+v, %v", lasts, hold, err)
		}
	}
}

// Nothing passes a hold: whoever placed it is looking at the pool.
func TestDecideHeld(t *testing.T) {
	held := at(5)
	held.Holds = Holds{{Pool: "worker", Until: noon.Add(time.Hour), By: "ana", Reason: "looking into it"}}
	for name, intent := range map[string]Intent{
		"a count": toCount(9), "no change": toCount(5), "a delta": byDelta(1), "force": forced(byDelta(1)), "a signal": signalUp(),
	} {
		d := Decide(twoPools()["worker"], held, intent, noon)
		if d.Outcome != Held || !d.Until.Equal(noon.Add(time.Hour)) || d.Reason != "worker is held until 2026-03-04 13:00:00 UTC by ana: looking into it" {
			t.Errorf("%s: %+v", name, d)
		}
	}
	if d := Decide(twoPools()["worker"], held, byDelta(1), noon.Add(time.Hour)); d.Outcome != Scale {
		t.Errorf("when the hold has ended: %+v", d)
	}
}

func holding(k *kept) func(*QueueOptions) { return func(o *QueueOptions) { o.Scaler.Holds = k } }

func TestQueueIsHeld(t *testing.T) {
	hour := func(pool string) Hold {
		return Hold{Pool: pool, Since: time.Now(), Until: time.Now().Add(time.Hour)}
	}
	for _, c := range []struct {
		name string
		pool string
	}{{"a pool", "worker"}, {"the stack", ""}} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				k := &kept{}
				r := begin(t, newWorld(t), holding(k))
				if err := r.Hold(hour(c.pool)); err != nil {
					t.Fatal(err)
				}
				for _, intent := range []Intent{byDelta(1), forced(byCountOf(7)), alarm("A", 6), byCountOf(3)} {
					if sub := r.submit(intent)[0]; sub.Accepted || sub.Decision.Outcome != Held || time.Until(sub.Decision.Until) != time.Hour {
						t.Errorf("%s is answered with %+v", intent.Ask(), sub.Decision)
					}
				}
				if sub := r.submit(apiDelta(1))[0]; sub.Accepted == (c.pool == "") {
					t.Errorf("the other pool is answered with %+v", sub.Decision)
				}
				time.Sleep(time.Hour)
				r.wants(FinalScaled, r.accepted(byDelta(1)))
			})
		})
	}
}

// Nobody is turned away for a hold that another process has just ended; one that it has just placed is seen soon.
func TestQueueSeesTheHoldsOfOtherProcesses(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		k := &kept{}
		r := begin(t, newWorld(t), holding(k))
		place := func(Holds) Holds { return Holds{{Since: time.Now(), Until: time.Now().Add(time.Hour)}} }
		_ = k.ChangeHolds(place)
		time.Sleep(holdFreshness)
		if sub := r.submit(byDelta(1))[0]; sub.Decision.Outcome != Held {
			t.Errorf("soon after one was placed the answer is %+v", sub.Decision)
		}
		_ = k.ChangeHolds(func(Holds) Holds { return nil })
		r.wants(FinalScaled, r.accepted(byDelta(1)))
	})
}

func TestQueueKeepsAcceptedOperationsForTheEndOfAHold(t *testing.T) {
	for _, c := range []struct {
		name string
		// ends says how long after its beginning another process ends the hold. If it is 0, the hold ends by itself,
		// after two hours.
		ends time.Duration
		took time.Duration
	}{
		{"by itself", 0, 2 * time.Hour},
		{"by another process", 10 * time.Minute, 10 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t)
				k := &kept{}
				r := begin(t, w, holding(k), func(o *QueueOptions) { o.GiveUpAfter = time.Minute })
				w.set(func() { w.foreignUpdate = true })
				id, other := r.accepted(byDelta(1)), r.accepted(apiDelta(1))
				began := time.Now()
				// Another process holds the pool while the operations are tried again and again.
				_ = k.ChangeHolds(func(h Holds) Holds { return h.With(Hold{Pool: "worker", Until: began.Add(2 * time.Hour)}) })
				time.Sleep(30 * time.Second)
				w.set(func() { w.foreignUpdate = false })
				r.wants(FinalScaled, other)
				r.wantCounts(3, 3, 1)
				if c.ends > 0 {
					time.Sleep(time.Until(began.Add(c.ends)))
					_ = k.ChangeHolds(func(Holds) Holds { return nil })
				}
				op := r.result(id)
				if late := op.EndedAt.Sub(began) - c.took; op.Result != FinalScaled || late < 0 || late > updateTime+5*time.Second {
					t.Errorf("it ended as %s, %s late", op.Result, late)
				}
				r.wantCounts(4, 3, 2)
			})
		})
	}
}

// A hold that is placed between an operation's beginning and its decision is as good as one that was there before.
func TestQueueDecidesUnderAHold(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		k := &kept{}
		r := begin(t, w, holding(k))
		id := r.accepted(byDelta(1))
		time.Sleep(readTime / 2) // it is being read for
		_ = k.ChangeHolds(func(h Holds) Holds { return h.With(Hold{Until: time.Now().Add(time.Minute)}) })
		time.Sleep(30 * time.Second)
		if op, err := r.Operation(id); err != nil || op.State != Accepted || len(op.Updates) > 0 {
			t.Errorf("it is %+v, %v", op, err)
		}
		left := r.kill() // and it outlives a restart
		r = start(t, w, left, holding(k))
		r.wants(FinalScaled, id)
		r.wantCounts(4, 2, 1)
	})
}

func TestQueueSettlesNothingThatIsHeld(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.unsettled = []string{"api", "worker"}
		k := &kept{holds: Holds{{Pool: "worker", Until: time.Now().Add(time.Hour)}}}
		r := begin(t, w, holding(k))
		time.Sleep(10 * time.Minute)
		r.wantCounts(3, 2, 1)
		w.set(func() { // the queue may be reading just then
			if !slices.Equal(w.unsettled, []string{"worker"}) {
				t.Errorf("unsettled are %v", w.unsettled)
			}
		})
		time.Sleep(time.Hour)
		r.wantCounts(3, 2, 2)
	})
}

func TestScaleIsHeld(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.unsettled = []string{"api", "worker"}
		k := &kept{holds: Holds{{Until: time.Now().Add(time.Hour)}}}
		s := &Scaler{Stack: w, Observe: Unobserved, OnDrift: Restore, Now: time.Now, Holds: k}
		report, err := s.Scale(t.Context(), []Intent{forced(byDelta(1))}, nil)
		if err != nil || report.Decisions[0].Outcome != Held || len(report.Results) > 0 {
			t.Errorf("%+v, %v", report, err)
		}
		plan, result, err := s.Preview(t.Context(), []Intent{forced(byDelta(1))})
		if err != nil || plan.Decisions[0].Outcome != Held || result != nil {
			t.Errorf("%+v, %v", plan, err)
		}
		statuses, _, err := s.Pools(t.Context())
		if err != nil || statuses[0].Hold == nil {
			t.Errorf("%+v, %v", statuses, err)
		}
		if overview, err := s.Overview(t.Context()); err != nil || len(overview.Holds) != 1 || overview.Pools[0].Hold == nil {
			t.Errorf("%+v, %v", overview, err)
		}
		if w.updatesBegun() > 0 {
			t.Error("something was updated, or settled")
		}
	})
}

// If it is not known what is held, nothing is scaled, and the answer says why.
func TestQueueDoesNotKnowWhatIsHeld(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		k := &kept{}
		r := begin(t, w, holding(k))
		k.fail(&SetupError{Problem: "read what is held", Err: errors.New("permission denied")})
		if _, err := r.Submit(context.Background(), []Intent{byDelta(1)}); !errors.As(err, new(*UnavailableError)) {
			t.Errorf("the error is %v", err)
		}
		if o := r.Overview(); o.Unready == nil {
			t.Error("it is said to be ready")
		}
		k.fail(nil)
		id := r.accepted(byDelta(1))
		k.fail(&SetupError{Problem: "read what is held"})
		time.Sleep(5 * time.Minute)
		r.wantCounts(3, 2, 0)
		k.fail(nil)
		r.wants(FinalScaled, id)
	})
}
