package scale

import (
	"errors"
	"sync"
	"testing"
	"time"
)

// Those who must not be answered by what is out of date wait for one of few readings: each is processes of the CLI.
func TestQueueHasFewReadingsUnderWay(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		r := begin(t, w, func(o *QueueOptions) { o.Freshness = time.Nanosecond })
		w.set(func() { w.reads, w.mostReadings = 0, 0 })
		var wait sync.WaitGroup
		for range 40 {
			asked := time.Now()
			wait.Go(func() {
				if sub := r.submit(byCountOf(3))[0]; sub.Accepted || sub.Decision.Outcome != NoChange {
					t.Errorf("answered with %s", sub.Decision.Outcome)
				}
				if took := time.Since(asked); took > 2*readTime {
					t.Errorf("answered after %v", took)
				}
			})
			time.Sleep(readTime / 10)
		}
		wait.Wait()
		if w.mostReadings != mostFlights || w.reads > 12 {
			t.Errorf("%d readings at once, %d in all", w.mostReadings, w.reads)
		}
	})
}

// Who waits for a reading that never begins, for the queue is stopped, is told so.
func TestQueueStopsWithoutTheNextReading(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := begin(t, newWorld(t), func(o *QueueOptions) { o.Freshness = time.Nanosecond })
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				if _, err := r.Submit(t.Context(), []Intent{byCountOf(3)}); !errors.As(err, new(*UnavailableError)) {
					t.Errorf("the error is %v", err)
				}
			})
			time.Sleep(readTime / 10)
		}
		r.stop()
		wait.Wait()
	})
}
