//go:build linux

package main

import "time"

// playContention has several `pulumiscale scale` from two checkouts, one server and plain `pulumi up` runs at one stack
// at once.
func (r *round) playContention() {
	if r.rng.IntN(2) == 0 {
		r.slowCloud()
	}
	within := func() time.Duration { return time.Duration(r.rng.IntN(1500)) * time.Millisecond }
	dirs := []string{r.program(), r.copy()}
	for i := range 2 + r.rng.IntN(2) {
		a, dir := r.draw(within()), dirs[(i+1)%2]
		r.actors.Go(func() {
			r.pause(a.after)
			<-r.scale(a, dir).done
		})
	}
	for range 1 + r.rng.IntN(4) {
		r.send(r.draw(within()))
	}
	for range 1 + r.rng.IntN(2) {
		r.human(dirs[r.rng.IntN(2)], r.rng.IntN(4) > 0, within())
	}
	r.pause(200 * time.Millisecond)
	r.actors.Wait()
	// The other checkout may have had the last word: whoever works on with this one restores it first.
	out, err := r.run(r.ctx, r.program(), r.binary, "restore", "--state-dir", r.state())
	r.story.tell("restore: %s %s", result(err), short(out))
	r.lookAt("restore", err)
}
