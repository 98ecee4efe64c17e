//go:build linux

package main

import "time"

// playOutage has the backend unreachable, read-only, full or slow, or the journal's disk full, for a while.
func (r *round) playOutage() {
	kinds := []string{"unreachable", "read-only", "full", "slow", "journal full"}
	kind := kinds[r.rng.IntN(len(kinds))]
	moment, lasts := r.drawMoment(), time.Duration(100+r.rng.IntN(2000))*time.Millisecond
	r.slowCloud()
	for range 1 + r.rng.IntN(3) {
		r.send(r.draw(time.Duration(r.rng.IntN(400)) * time.Millisecond))
	}
	late := r.draw(lasts / 3)
	if r.rng.IntN(3) == 0 { // somebody scales by hand meanwhile
		a := r.draw(time.Duration(r.rng.IntN(500)) * time.Millisecond)
		r.actors.Go(func() {
			r.pause(a.after)
			<-r.scale(a, r.program()).done
		})
	}
	moment()
	if !r.mounts && (kind != "unreachable" && kind != "slow") {
		r.count("skipped (no mounts)", 1)
		kind = "unreachable"
	}
	r.count(kind, 1)
	r.story.tell("the outage begins: %s for %s", kind, lasts)
	if err := r.breakDisk(kind, lasts); err != nil {
		r.count("skipped ("+kind+")", 1)
		r.story.tell("could not be done: %v", err)
	}
	r.send(late)
	r.pause(lasts)
	r.heal()
}

func (r *round) breakDisk(kind string, lasts time.Duration) error {
	switch kind {
	case "unreachable":
		return r.takeAway()
	case "read-only":
		return r.lockDisk()
	case "full":
		return fill(r.disk())
	case "journal full":
		return fill(r.state())
	}
	// Slow: whoever works on the backend stands still, again and again.
	for end := time.Now().Add(lasts); time.Now().Before(end); {
		r.suspend()
		r.pause(100 * time.Millisecond)
		r.resume()
		r.pause(20 * time.Millisecond)
	}
	return nil
}
