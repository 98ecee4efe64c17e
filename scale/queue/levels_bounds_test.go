package queue

import (
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// window gives the worker pool other bounds every day between two times of day. A bubble's clock begins at midnight UTC.
func window(from, to scale.TimeOfDay, least, most int) func(*scale.Rule) {
	return func(r *scale.Rule) {
		r.Schedules = append(r.Schedules, scale.Window{Name: "w", From: from, To: to, Min: least, Max: most})
	}
}

// clock is a time of day.
func clock(hour, minute int) scale.TimeOfDay { return scale.TimeOfDay(60*hour + minute) }

// until sleeps until a time of the bubble's first day.
func until(hour, minute int) {
	now := time.Now().UTC()
	time.Sleep(time.Date(now.Year(), now.Month(), now.Day(), hour, minute, 0, 0, time.UTC).Sub(now))
}

func TestQueueBringsAPoolInsideAtEachBoundary(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.rule("worker", window(clock(1, 0), clock(2, 0), 5, 10))
		w.rule("worker", window(clock(2, 0), clock(2, 10), 1, 1)) // in the cooldown of nothing, since that passes it
		r := begin(t, w)
		until(0, 59)
		r.wantCounts(3, 2, 0)
		until(1, 1)
		r.wantCounts(5, 2, 1)
		until(2, 1)
		r.wantCounts(1, 2, 2)
		until(12, 0)
		r.wantCounts(1, 2, 2) // the end of a window moves nothing
		recent, err := r.Recent("worker", 1)
		if err != nil || len(recent) != 1 {
			t.Fatal(recent, err)
		}
		if op := recent[0]; op.Intent.Source != SourceSchedule || op.Intent.Reason != "window w: 1 to 1" || op.Result != FinalScaled {
			t.Errorf("the last operation is %+v", op)
		}
	})
}

func TestQueueBringsAPoolInsideWheneverItIsOutside(t *testing.T) {
	bounded := func(t *testing.T) *world {
		w := newWorld(t)
		w.rule("worker", window(0, 0, 5, 8))
		return w
	}
	t.Run("at its start, and after somebody's update", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			w := bounded(t)
			r := begin(t, w)
			time.Sleep(time.Minute)
			r.wantCounts(5, 2, 1)
			w.somebody("worker", 9)
			time.Sleep(2 * time.Minute)
			r.wantCounts(8, 2, 2)
		})
	})
	t.Run("once a pause is over, and not before", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			w := bounded(t)
			w.rule("worker", func(r *scale.Rule) { r.Paused = scale.PauseBoth })
			r := begin(t, w)
			time.Sleep(24 * time.Hour)
			r.wantCounts(3, 2, 0)
			w.rule("worker", func(r *scale.Rule) { r.Paused = scale.PauseNone })
			w.set(func() { w.program.Deploy = &scale.Deploy{Head: "the one that took the pause away"} })
			w.somebody("api", 2)
			time.Sleep(2 * time.Minute)
			r.wantCounts(5, 2, 1)
		})
	})
	t.Run("ever more seldom if it fails", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			w := bounded(t)
			w.broken["worker"] = true
			r := begin(t, w)
			time.Sleep(6 * time.Hour)
			if n := w.updatesBegun(); n < 20 || n > 40 {
				t.Errorf("in six hours it was tried %d times", n)
			}
			w.set(func() { w.broken["worker"] = false })
			time.Sleep(16 * time.Minute)
			if got := w.counts(); got != [2]int{5, 2} {
				t.Errorf("the pools are %v", got)
			}
			_ = r
		})
	})
	t.Run("a pool without schedules stays where somebody has put it", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			w := newWorld(t)
			r := begin(t, w)
			w.somebody("worker", 500)
			time.Sleep(time.Hour)
			r.wantCounts(500, 2, 0)
		})
	})
}

func TestQueueKeepsBoundsAfterARestart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.rule("worker", window(clock(1, 0), clock(2, 0), 5, 10))
		until(1, 30) // nobody was there at one
		r := begin(t, w)
		time.Sleep(time.Minute)
		r.wantCounts(5, 2, 1)
	})
}
