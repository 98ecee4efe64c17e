//go:build linux

package main

import (
	"os"
	"time"
)

// playClock sets the server's clock forward or back, while the server runs or while it is down. In the end it sets the
// clock back to the right time.
func (r *round) playClock() {
	steps := []time.Duration{time.Second, 30 * time.Second, 10 * time.Minute, 3 * time.Hour, 48 * time.Hour}
	r.clockStepped = true
	r.slowCloud()
	for range 1 + r.rng.IntN(3) {
		step, moment, down := steps[r.rng.IntN(len(steps))], r.drawMoment(), r.rng.IntN(3) == 0
		if r.rng.IntN(2) == 0 {
			step = -step
		}
		for range 1 + r.rng.IntN(2) {
			r.send(r.draw(time.Duration(r.rng.IntN(500)) * time.Millisecond))
		}
		moment()
		if down {
			r.kill()
		}
		r.setClock(step)
		r.count("steps", 1)
		if down && !r.restart(time.Now().Add(startTimeout)) {
			return
		}
	}
	r.pause(time.Duration(r.rng.IntN(1500)) * time.Millisecond)
	if r.rng.IntN(2) == 0 { // it stays wrong until all is done
		r.drain(time.Now().Add(settleTimeout))
	}
	r.setClock(0)
}

func (w *world) setClock(step time.Duration) {
	w.story.tell("the clock is set by %s", step)
	if err := os.WriteFile(w.clock()+".new", []byte(step.String()), 0o644); err == nil {
		_ = os.Rename(w.clock()+".new", w.clock())
	}
}
