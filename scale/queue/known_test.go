package queue

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaler"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// Those who must not be answered by what is out of date wait for one of a few readings: each is processes of the CLI.
func TestQueueHasFewReadingsUnderWay(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		r := begin(t, w, func(o *Options) { o.Freshness = time.Nanosecond })
		w.set(func() { w.reads, w.mostReadings = 0, 0 })
		var wait sync.WaitGroup
		for range 40 {
			asked := time.Now()
			wait.Go(func() {
				if sub := r.submit(scaletest.ToCount(3))[0]; sub.Accepted || sub.Decision.Outcome != scale.NoChange {
					t.Errorf("answered with %s", sub.Decision.Outcome)
				}
				if took := time.Since(asked); took > 2*readTime {
					t.Errorf("answered after %v", took)
				}
			})
			time.Sleep(readTime / 10)
		}
		wait.Wait()
		if w.mostReadings != mostReadings || w.reads > 12 {
			t.Errorf("%d readings at once, %d in all", w.mostReadings, w.reads)
		}
	})
}

// If the backend shows that nobody else has written, the end of an update answers those who wait. While one update
// follows the other, there may never be a reading that does: what it finds is out of date when it has ended.
func TestHeadStartAnswersAtTheEndOfAnUpdate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.rule("worker", scaletest.NoCooldown)
		w.tells, w.slow = true, 3*updateTime
		r := begin(t, w)
		var wait sync.WaitGroup
		for range 10 {
			r.accepted(scaletest.ByDelta(1))
			time.Sleep(updateTime / 2)
			asked := time.Now()
			wait.Go(func() {
				if sub := r.submit(scale.Intent{Pool: "api", Count: new(2)})[0]; sub.Accepted || sub.Decision.Outcome != scale.NoChange {
					t.Errorf("accepted: %v, %s", sub.Accepted, sub.Decision.Outcome)
				}
				if took := time.Since(asked); took > updateTime+time.Second {
					t.Errorf("answered after %v", took)
				}
			})
			if _, err := r.Pools(t.Context()); err != nil || time.Since(asked) > updateTime+time.Second {
				t.Errorf("the pools are told after %v, %v", time.Since(asked), err)
			}
			if _, err := r.History(t.Context(), "", 1); err != nil || time.Since(asked) > updateTime+time.Second {
				t.Errorf("the history is told after %v, %v", time.Since(asked), err)
			}
			r.accepted(scaletest.ByDelta(-1))
			time.Sleep(updateTime / 2)
		}
		wait.Wait()
	})
}

// Whoever waits for a reading that never begins, because the queue is stopped, is told so.
func TestQueueStopsWithoutTheNextReading(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := begin(t, newWorld(t), func(o *Options) { o.Freshness = time.Nanosecond })
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				if _, err := r.Submit(t.Context(), []scale.Intent{scaletest.ToCount(3)}); !errors.As(err, new(*scale.UnavailableError)) {
					t.Errorf("the error is %v", err)
				}
			})
			time.Sleep(readTime / 10)
		}
		r.stop()
		wait.Wait()
	})
}

// What a queue that never ran has begun for others also ends with it: its observer and its journal may go afterwards. A
// reading that this cuts off says nothing of the stack, and so nobody is told of it.
func TestQueueThatNeverRanIsClosed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		scaler := &scaler.Scaler{Stack: &process{world: w}, Observe: scale.Unobserved, Now: time.Now}
		told := 0
		q, err := New(Options{Scaler: scaler, Journal: newMemory(), Observe: func(scale.Event) { told++ }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), readTime/2)
		defer cancel()
		if err := q.Reload(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the error is %v", err)
		}
		start := time.Now()
		q.Close()
		if took := time.Since(start); took > 0 || w.reading != 0 || told != 0 {
			t.Errorf("closed after %v with %d readings under way, of which %d were told", took, w.reading, told)
		}
		if err := q.Reload(t.Context()); !errors.As(err, new(*scale.UnavailableError)) {
			t.Errorf("after that the error is %v", err)
		}
		q.Close()
	})
}
