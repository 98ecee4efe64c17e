package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// way is a way of doing something.
type way struct {
	name string
	// run does it once, and returns how long it took. That time leaves out what run must do before and after.
	run func(ctx context.Context, round int) (time.Duration, error)
	// processes tells the engine's processes, in words. It is empty if they are not counted.
	processes string
	times     []time.Duration
	// engine is how long the engine's update took of what was run last, and engines are those times. engine may be nil.
	engine  func() (time.Duration, error)
	engines []time.Duration
}

// turns runs each way once in each round. The first round does not count, because caches are cold then. Another way
// begins each round.
func (b *bench) turns(ctx context.Context, ways ...*way) error {
	for round := range b.rounds + 1 {
		if round > 0 {
			b.say("  round %d of %d", round, b.rounds)
		}
		for i := range ways {
			w := ways[(i+round)%len(ways)]
			took, err := w.run(ctx, round)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			var engine time.Duration
			if w.engine != nil {
				if engine, err = w.engine(); err != nil {
					return fmt.Errorf("%s: the engine's time: %w", w.name, err)
				}
			}
			if round > 0 {
				w.times, w.engines = append(w.times, took), append(w.engines, engine)
			}
		}
	}
	return nil
}

// afterSync makes a way begin when all that was written is on disk. Else its first own sync would wait for what others
// have written.
func (b *bench) afterSync(w *way) {
	run := w.run
	w.run = func(ctx context.Context, round int) (time.Duration, error) {
		if _, err := b.Exec(ctx, b.Path(), nil, "sync"); err != nil {
			return 0, err
		}
		return run(ctx, round)
	}
}

// spread is a median and the middle half around it.
type spread struct{ median, low, high float64 }

func spreadOf(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	return spread{quantile(sorted, 0.5), quantile(sorted, 0.25), quantile(sorted, 0.75)}
}

// quantile is a quantile of sorted values, between its neighbours by distance.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// ratios divides round by round.
func ratios(above, below []float64) []float64 {
	out := make([]float64, len(above))
	for i := range above {
		out[i] = above[i] / below[i]
	}
	return out
}

// milliseconds are a way's times.
func (w *way) milliseconds() []float64 {
	out := make([]float64, len(w.times))
	for i, t := range w.times {
		out[i] = milliseconds(t)
	}
	return out
}

// added are the parts of a way's times in which the engine did not work, in milliseconds.
func (w *way) added() []float64 {
	out := make([]float64, len(w.times))
	for i, t := range w.times {
		out[i] = milliseconds(t - w.engines[i])
	}
	return out
}

func milliseconds(t time.Duration) float64 { return float64(t) / float64(time.Millisecond) }
