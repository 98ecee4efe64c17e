package queue

import (
	"slices"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestQueueTriesACutOffUpdateAgain(t *testing.T) {
	for _, c := range []struct {
		name    string
		cutOff  int
		lucky   bool
		intents []scale.Intent
		worker  int
		api     int
		updates int
	}{
		{"once", 1, false, []scale.Intent{scaletest.ByDelta(2)}, 5, 2, 2},
		{"several times", 3, false, []scale.Intent{scaletest.ByDelta(2)}, 5, 2, 4},
		{"of several pools, one by one", 1, false, []scale.Intent{scaletest.ByDelta(2), scaletest.APIDelta(1)}, 5, 3, 3},
		{"not one that succeeded all the same", 1, true, []scale.Intent{scaletest.ByDelta(2)}, 5, 2, 1},
		{"nor one of several pools", 1, true, []scale.Intent{scaletest.ByDelta(2), scaletest.APIDelta(1)}, 5, 3, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t)
				r := begin(t, w)
				w.set(func() { w.cutOff, w.lucky = c.cutOff, c.lucky })
				for _, sub := range r.submit(c.intents...) {
					r.wants(FinalScaled, sub.Operation.ID)
				}
				r.wantCounts(c.worker, c.api, c.updates)
			})
		})
	}
}

func TestQueueKeepsACutOffUpdateOverACrash(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		r := begin(t, w)
		w.set(func() { w.cutOff, w.lucky = 1, true })
		id := r.accepted(scaletest.ByDelta(2))
		time.Sleep(updateTime + 2*time.Second)
		w.set(func() { w.readErr = &scale.UnavailableError{Detail: "gone"} })
		left := r.kill()
		w.set(func() { w.readErr = nil })
		r = start(t, w, left)
		r.wants(FinalScaled, id)
		r.wantCounts(5, 2, 1)
	})
}

func TestQueueSettlesWhatIsLeftInBetween(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.unsettled = []string{"api", "worker"}
		r := begin(t, w)
		time.Sleep(2 * updateTime)
		r.wantCounts(3, 2, 1)
		if status, err := r.Pools(t.Context()); err != nil || slices.ContainsFunc(status, func(s scale.Standing) bool { return s.Unsettled }) {
			t.Errorf("status %+v, error %v", status, err)
		}
	})
}

func TestQueueSettlesAgainAfterAFailureButNotAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.unsettled, w.broken["api"] = []string{"worker"}, true
		w.cutOff = 4
		r := begin(t, w)
		time.Sleep(10 * time.Minute)
		r.wantCounts(3, 2, 5)
	})
}

func TestQueueLeavesWhatCannotBeSettled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.updates, w.unsettled = nil, []string{"worker"}
		r := begin(t, w)
		before := w.readings()
		time.Sleep(10 * time.Minute)
		r.wantCounts(3, 2, 0)
		if n := w.readings() - before; n > 100 {
			t.Errorf("it was read %d times", n)
		}
	})
}
