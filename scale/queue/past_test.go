package queue

import (
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// What a reading does not reach back to is read once, in the background, and then goes on without a gap.
func TestPastReachesFurtherThanReadings(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		for n := range 9 {
			time.Sleep(time.Hour)
			w.somebody("worker", 5+n)
		}
		w.short = 3
		r := begin(t, w)
		time.Sleep(time.Minute)
		told := func(since time.Duration) (scalings, histories int) {
			updates, rules := r.Past(time.Now().Add(-since))
			if len(rules) != 2 {
				t.Errorf("by %d rules", len(rules))
			}
			w.set(func() { histories = w.histories })
			return len(scale.Scalings(updates, "worker")), histories
		}
		if n, read := told(time.Hour); n != 2 || read != 0 {
			t.Errorf("of an hour, which the reading tells: %d scalings after %d more readings", n, read)
		}
		start := time.Now()
		if n, _ := told(6 * time.Hour); n != 2 || time.Since(start) > 0 {
			t.Errorf("at first there are %d scalings, after %s", n, time.Since(start))
		}
		time.Sleep(5 * readTime)
		if n, read := told(6 * time.Hour); n != 9 || read != 1 {
			t.Errorf("afterwards %d scalings, after %d more readings", n, read)
		}
		// What comes later is put before it, as long as there is no gap.
		w.somebody("worker", 2)
		time.Sleep(time.Minute)
		if n, read := told(6 * time.Hour); n != 10 || read != 1 {
			t.Errorf("with one more %d scalings, after %d more readings", n, read)
		}
		for n := range 4 {
			w.somebody("worker", 20+n)
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		told(6 * time.Hour)
		time.Sleep(5 * readTime)
		if n, read := told(6 * time.Hour); n != 14 || read != 2 {
			t.Errorf("after a gap %d scalings, after %d more readings", n, read)
		}
		// Other rules tell of other pools.
		w.rule("web", func(rule *scale.Rule) { rule.Pool, rule.ConfigKey = "web", "webCount" })
		time.Sleep(time.Minute)
		updates, rules := r.Past(time.Now().Add(-time.Hour))
		if len(updates) != 3 || len(rules) != 3 {
			t.Errorf("%d updates by %d rules", len(updates), len(rules))
		}
	})
}

func TestPastOfAHistoryThatCannotBeRead(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		time.Sleep(time.Hour)
		w.somebody("worker", 4)
		w.short = 1
		r := begin(t, w)
		time.Sleep(time.Minute)
		w.set(func() { w.readErr = &scale.UnavailableError{Detail: "gone"} })
		for range 100 { // as a page asks that somebody looks at
			if updates, _ := r.Past(time.Now().Add(-6 * time.Hour)); len(updates) != 1 {
				t.Fatalf("%d updates", len(updates))
			}
			time.Sleep(time.Second)
		}
		w.set(func() {
			if w.histories > 10 { // each time with its retries
				t.Errorf("it was tried %d times in 100 seconds", w.histories)
			}
			w.readErr = nil
		})
		time.Sleep(time.Minute)
		r.Past(time.Now().Add(-6 * time.Hour))
		time.Sleep(5 * readTime)
		if updates, _ := r.Past(time.Now().Add(-6 * time.Hour)); len(updates) != 2 {
			t.Errorf("afterwards %d updates", len(updates))
		}
	})
}
