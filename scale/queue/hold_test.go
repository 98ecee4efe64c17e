package queue

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaler"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func holding(k *scaletest.Holds) func(*Options) { return func(o *Options) { o.Scaler.Holds = k } }

func TestQueueIsHeld(t *testing.T) {
	hour := func(pool string) scale.Hold {
		return scale.Hold{Pool: pool, Since: time.Now(), Until: time.Now().Add(time.Hour)}
	}
	for _, c := range []struct {
		name string
		pool string
	}{{"a pool", "worker"}, {"the stack", ""}} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				k := &scaletest.Holds{}
				r := begin(t, newWorld(t), holding(k))
				if err := r.Hold(hour(c.pool)); err != nil {
					t.Fatal(err)
				}
				for _, intent := range []scale.Intent{scaletest.ByDelta(1), scaletest.Forced(scaletest.ToCount(7)), alarm("A", 6), scaletest.ToCount(3)} {
					if sub := r.submit(intent)[0]; sub.Accepted || sub.Decision.Outcome != scale.Held || time.Until(sub.Decision.Until) != time.Hour {
						t.Errorf("%s is answered with %+v", intent.Ask(), sub.Decision)
					}
				}
				if sub := r.submit(scaletest.APIDelta(1))[0]; sub.Accepted == (c.pool == "") {
					t.Errorf("the other pool is answered with %+v", sub.Decision)
				}
				time.Sleep(time.Hour)
				r.wants(FinalScaled, r.accepted(scaletest.ByDelta(1)))
			})
		})
	}
}

// Nobody is turned away for a hold that another process has just ended; one that it has just placed is seen soon.
func TestQueueSeesTheHoldsOfOtherProcesses(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		k := &scaletest.Holds{}
		r := begin(t, newWorld(t), holding(k))
		place := func(scale.Holds) scale.Holds {
			return scale.Holds{{Since: time.Now(), Until: time.Now().Add(time.Hour)}}
		}
		_ = k.ChangeHolds(place)
		time.Sleep(holdFreshness)
		if sub := r.submit(scaletest.ByDelta(1))[0]; sub.Decision.Outcome != scale.Held {
			t.Errorf("soon after one was placed the answer is %+v", sub.Decision)
		}
		_ = k.ChangeHolds(func(scale.Holds) scale.Holds { return nil })
		r.wants(FinalScaled, r.accepted(scaletest.ByDelta(1)))
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
				k := &scaletest.Holds{}
				r := begin(t, w, holding(k), func(o *Options) { o.GiveUpAfter = time.Minute })
				w.set(func() { w.foreignUpdate = true })
				id, other := r.accepted(scaletest.ByDelta(1)), r.accepted(scaletest.APIDelta(1))
				began := time.Now()
				// Another process holds the pool while the operations are tried again and again.
				_ = k.ChangeHolds(func(h scale.Holds) scale.Holds {
					return h.With(scale.Hold{Pool: "worker", Until: began.Add(2 * time.Hour)})
				})
				time.Sleep(30 * time.Second)
				w.set(func() { w.foreignUpdate = false })
				r.wants(FinalScaled, other)
				r.wantCounts(3, 3, 1)
				if c.ends > 0 {
					time.Sleep(time.Until(began.Add(c.ends)))
					_ = k.ChangeHolds(func(scale.Holds) scale.Holds { return nil })
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
		k := &scaletest.Holds{}
		r := begin(t, w, holding(k))
		id := r.accepted(scaletest.ByDelta(1))
		time.Sleep(readTime / 2) // it is being read for
		_ = k.ChangeHolds(func(h scale.Holds) scale.Holds { return h.With(scale.Hold{Until: time.Now().Add(time.Minute)}) })
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
		k := scaletest.HeldBy(scale.Hold{Pool: "worker", Until: time.Now().Add(time.Hour)})
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

// If it is not known what is held, nothing is scaled, and the answer says why.
func TestQueueDoesNotKnowWhatIsHeld(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		k := &scaletest.Holds{}
		r := begin(t, w, holding(k))
		k.Fail(&scale.SetupError{Problem: "cannot read the holds", Err: errors.New("permission denied")})
		if _, err := r.Submit(context.Background(), []scale.Intent{scaletest.ByDelta(1)}); !errors.As(err, new(*scale.UnavailableError)) {
			t.Errorf("the error is %v", err)
		}
		if o := r.Overview(); o.Unready == nil {
			t.Error("it is said to be ready")
		}
		k.Fail(nil)
		id := r.accepted(scaletest.ByDelta(1))
		k.Fail(&scale.SetupError{Problem: "cannot read the holds"})
		time.Sleep(5 * time.Minute)
		r.wantCounts(3, 2, 0)
		k.Fail(nil)
		r.wants(FinalScaled, id)
	})
}

func TestScaleIsHeld(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.unsettled = []string{"api", "worker"}
		k := scaletest.HeldBy(scale.Hold{Until: time.Now().Add(time.Hour)})
		s := &scaler.Scaler{Stack: w, Observe: scale.Unobserved, OnDrift: scale.Restore, Now: time.Now, Holds: k}
		report, err := s.Scale(t.Context(), []scale.Intent{scaletest.Forced(scaletest.ByDelta(1))}, nil)
		if err != nil || report.Decisions[0].Outcome != scale.Held || len(report.Results) > 0 {
			t.Errorf("%+v, %v", report, err)
		}
		plan, result, err := s.Preview(t.Context(), []scale.Intent{scaletest.Forced(scaletest.ByDelta(1))})
		if err != nil || plan.Decisions[0].Outcome != scale.Held || result != nil {
			t.Errorf("%+v, %v", plan, err)
		}
		statuses, _, err := s.Pools(t.Context())
		if err != nil || statuses[0].Hold == nil {
			t.Errorf("%+v, %v", statuses, err)
		}
		if overview, err := ReadOverview(t.Context(), s); err != nil || len(overview.Holds) != 1 || overview.Pools[0].Hold == nil {
			t.Errorf("%+v, %v", overview, err)
		}
		if w.updatesBegun() > 0 {
			t.Error("something was updated, or settled")
		}
	})
}
