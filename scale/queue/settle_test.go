package queue

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// tries are the times at which updates were begun, as far as an observer tells of attempts to settle.
func (r *rig) tries() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []time.Time
	for _, e := range r.events {
		if a, ok := e.(Announced); ok {
			out = append(out, a.Upcoming[0].At)
		}
	}
	return out
}

// brokenWorld is a world in which the worker pool is unsettled and that cannot be mended.
func brokenWorld(t *testing.T) *world {
	w := newWorld(t)
	w.unsettled, w.cutOff = []string{"worker"}, 1000
	return w
}

// Each try holds the stack's lock, which a person may need: the time between two of them grows.
func TestQueueSettlesLessOftenWithEachFailure(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := brokenWorld(t)
		r := begin(t, w)
		time.Sleep(time.Hour)
		if n := w.updatesBegun(); n < 12 || n > 20 {
			t.Errorf("in an hour it was tried %d times", n)
		}
		at := r.tries()
		for i := 2; i < len(at); i++ {
			if before, after := at[i-1].Sub(at[i-2]), at[i].Sub(at[i-1]); after < before-time.Second {
				t.Errorf("a wait of %s after one of %s", after, before)
			}
		}
		if last := at[len(at)-1].Sub(at[len(at)-2]); last < 5*time.Minute {
			t.Errorf("the last wait is %s", last)
		}
	})
}

func TestQueueSaysWhatItIsAboutToDo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := brokenWorld(t)
		r := begin(t, w)
		time.Sleep(10 * time.Minute)
		o := r.Overview()
		if len(o.Upcoming) != 1 {
			t.Fatalf("upcoming is %+v", o.Upcoming)
		}
		u := o.Upcoming[0]
		if u.Pool != "worker" || u.To != 3 || !u.Settles || !u.At.After(time.Now()) || !strings.Contains(u.Why, "killed") {
			t.Errorf("upcoming is %+v", u)
		}
		if at := r.tries(); !at[len(at)-1].Equal(u.At) {
			t.Errorf("told was %s, and it is %s", at[len(at)-1], u.At)
		}
		begun := w.updatesBegun()
		time.Sleep(time.Until(u.At) + 3*readTime)
		if w.updatesBegun() != begun+1 {
			t.Error("it is not done at that time")
		}
	})
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		r := begin(t, w)
		w.set(func() { w.foreignUpdate = true })
		r.accepted(scaletest.ByDelta(2))
		time.Sleep(5 * time.Second)
		o := r.Overview()
		if len(o.Upcoming) != 1 || o.Upcoming[0].Pool != "worker" || o.Upcoming[0].To != 5 || o.Upcoming[0].Settles || !o.Upcoming[0].At.Equal(o.RetryAt) {
			t.Errorf("upcoming is %+v", o.Upcoming)
		}
	})
}

// News is a reason to try sooner, but not a reason to try at once again and again.
func TestQueueSettlesSoonerAfterNews(t *testing.T) {
	for _, c := range []struct {
		name string
		news func(w *world, r *rig)
		// sooner says that the next try comes sooner.
		sooner bool
	}{
		{"somebody's update", func(w *world, _ *rig) { w.somebody("api", 3+len(w.updates)%2) }, true},
		{"an event of the pool", func(_ *world, r *rig) { r.submit(clearedAlarm("A")) }, true},
		{"not an event of another pool", func(_ *world, r *rig) { r.submit(scale.Intent{Pool: "api", Count: new(2)}) }, false},
		{"nor nothing", func(*world, *rig) {}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := brokenWorld(t)
				r := begin(t, w)
				time.Sleep(30 * time.Minute)
				o := r.Overview()
				time.Sleep(time.Until(o.Upcoming[0].At) + updateTime + 10*time.Second) // after a failure there is much time
				begun := w.updatesBegun()
				c.news(w, r)
				time.Sleep(time.Minute)
				if sooner := w.updatesBegun() > begun; sooner != c.sooner {
					t.Errorf("tried again: %v", sooner)
				}
				begun = w.updatesBegun()
				for range 600 {
					c.news(w, r)
					time.Sleep(time.Second)
				}
				if n := w.updatesBegun() - begun; n > 20 {
					t.Errorf("within ten minutes of news it was tried %d times", n)
				}
			})
		})
	}
}

// An operation that waits for a lock is not called running between the tries, which become ever less frequent.
func TestQueueWaitsForALockWithoutHammering(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		r := begin(t, w)
		w.set(func() { w.foreignUpdate = true })
		id := r.accepted(scaletest.ByDelta(1))
		time.Sleep(30 * time.Minute)
		r.mu.Lock()
		var waits []time.Duration
		for _, e := range slices.Clone(r.events) {
			if p, ok := e.(Postponed); ok {
				waits = append(waits, time.Duration(p.Attempt))
			}
			if b, ok := e.(BatchDone); ok && b.Err != nil && !b.Postponed {
				t.Errorf("it is told for a failure: %v", b.Err)
			}
		}
		r.mu.Unlock()
		if len(waits) < 30 || len(waits) > 40 {
			t.Errorf("it was tried %d times", len(waits))
		}
		if op, err := r.Operation(id); err != nil || op.State != Accepted {
			t.Errorf("it is %s, %v", op.State, err)
		}
		w.set(func() { w.foreignUpdate = false })
		r.wants(FinalScaled, id)
	})
}
