package queue

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Each reading is processes of the CLI: those who ask at once share one, and they read what is older one after the
// other.
func TestQueueHistoryStartsFewProcesses(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		for n := range 5 {
			time.Sleep(time.Second)
			w.somebody("worker", n)
		}
		r := begin(t, w)
		time.Sleep(time.Minute)
		ask := func(limit, want int) (took time.Duration) {
			w.set(func() { w.reads, w.histories, w.mostHistories = 0, 0, 0 })
			start := time.Now()
			var wait sync.WaitGroup
			for range 4 {
				wait.Go(func() {
					if got, err := r.History(t.Context(), "worker", limit); err != nil || len(got) != want {
						t.Errorf("%v, %v", got, err)
					}
				})
			}
			wait.Wait()
			time.Sleep(time.Minute)
			return time.Since(start) - time.Minute
		}
		if took := ask(0, 5); took != readTime || w.histories != 0 {
			t.Errorf("%d histories were read in %v", w.histories, took)
		}
		w.set(func() { w.short = 3 })
		time.Sleep(time.Minute)
		if took := ask(2, 2); took != readTime || w.histories != 0 {
			t.Errorf("%d histories were read in %v for what was known", w.histories, took)
		}
		if took := ask(0, 5); took != 5*readTime || w.histories != 4 || w.mostHistories != 1 {
			t.Errorf("%d histories were read, %d at once, in %v", w.histories, w.mostHistories, took)
		}
		if _, err := r.History(t.Context(), "worke", 0); !errors.As(err, new(*scale.UnknownPoolError)) {
			t.Errorf("of a pool that is not there: %v", err)
		}
	})
}
