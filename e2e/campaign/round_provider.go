//go:build linux

package main

import (
	"fmt"
	"syscall"
	"time"
)

// playProvider has the cloud fail, fail half way, hang, run into a quota or lose its plugin, in the middle of a batch
// of pools.
func (r *round) playProvider() {
	kinds := []string{"fail", "half failure", "quota", "hang", "no plugin"}
	kind := kinds[r.rng.IntN(len(kinds))]
	faults := map[string]any{"delay": fmt.Sprintf("%dms", 20*r.rng.IntN(5))}
	if all := pools(); r.rng.IntN(2) == 0 {
		faults["only"] = all[r.rng.IntN(len(all))].name
	}
	total := 0
	for _, n := range r.before.cloud {
		total += n
	}
	switch kind {
	case "fail":
		faults["fail"] = "no capacity"
	case "half failure":
		faults["failAfter"] = r.rng.IntN(3)
	case "quota":
		faults["quota"] = total + r.rng.IntN(4)
	case "hang":
		faults["hang"] = true
	}
	moment, lasts, before := r.drawMoment(), time.Duration(200+r.rng.IntN(2500))*time.Millisecond, r.rng.IntN(3) > 0
	var asks []ask
	for range 2 + r.rng.IntN(4) {
		asks = append(asks, r.draw(time.Duration(r.rng.IntN(60))*time.Millisecond))
	}
	if before {
		r.setFaults(faults)
	} else {
		r.slowCloud()
	}
	for _, a := range asks {
		r.send(a)
	}
	moment()
	r.count(kind, 1)
	if !before {
		r.setFaults(faults)
	}
	if kind == "no plugin" {
		n := strike(r.mark(), syscall.SIGKILL, func(m member) bool { return m.part == plugin })
		r.story.tell("killed %d plugins", n)
	}
	r.pause(lasts)
	r.heal()
}
