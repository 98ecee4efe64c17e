package scale

import (
	"testing"
	"time"
)

func TestDecideCooldown(t *testing.T) {
	const long = time.Hour
	held := func(to int, left time.Duration) Decision {
		return coolsDown(to, left, "cooling down for another "+left.String())
	}
	ofUpAndDown := split(2*time.Minute, 10*time.Minute)
	testDecide(t, []decideCase{
		{"of one duration: a scale-out holds a scale-out", nil, scaledAt(at(5), time.Minute, never), byDelta(1), held(6, 4*time.Minute)},
		{"of one duration: a scale-out holds a scale-in", nil, scaledAt(at(5), time.Minute, never), byDelta(-1), held(4, 4*time.Minute)},
		{"of one duration: a scale-in holds a scale-out", nil, scaledAt(at(5), never, time.Minute), byDelta(1), held(6, 4*time.Minute)},
		{"of one duration: a scale-in holds a scale-in", nil, scaledAt(at(5), never, time.Minute), byDelta(-1), held(4, 4*time.Minute)},
		{"of one duration: it runs from the later of a scale-out and an earlier scale-in", nil, scaledAt(at(5), time.Minute, long), byDelta(-1), held(4, 4*time.Minute)},
		{"of one duration: it runs from the later of a scale-in and an earlier scale-out", nil, scaledAt(at(5), long, time.Minute), byDelta(1), held(6, 4*time.Minute)},
		{"of one duration: its last moment still holds", nil, scaledAt(at(5), 5*time.Minute-time.Second, never), byDelta(1), held(6, time.Second)},
		{"of one duration: its end lets through", nil, scaledAt(at(5), 5*time.Minute, never), byDelta(1), scaleTo(6)},
		{"without a scaling there is none", nil, scaledAt(at(5), never, never), byDelta(1), scaleTo(6)},
		{"of zero holds nothing", func(r *Rule) { r.Cooldown = Cooldown{} }, scaledAt(at(5), 0, 0), byDelta(1), scaleTo(6)},

		{"of up and down: a scale-out holds a scale-out for up", ofUpAndDown, scaledAt(at(5), time.Minute, never), byDelta(1), held(6, time.Minute)},
		{"of up and down: a scale-out holds a scale-in for down", ofUpAndDown, scaledAt(at(5), time.Minute, never), byDelta(-1), held(4, 9*time.Minute)},
		{"of up and down: a scale-in holds a scale-in for down", ofUpAndDown, scaledAt(at(5), never, time.Minute), byDelta(-1), held(4, 9*time.Minute)},
		{"of up and down: a scale-in never holds a scale-out", ofUpAndDown, scaledAt(at(5), never, 0), byDelta(1), scaleTo(6)},
		{"of up and down: a scale-in hides no scale-out before it", ofUpAndDown, scaledAt(at(5), time.Minute, 0), byDelta(1), held(6, time.Minute)},
		{"of up and down: a scale-in runs from the later scaling", ofUpAndDown, scaledAt(at(5), 9*time.Minute, 2*time.Minute), byDelta(-1), held(4, 8*time.Minute)},
		{"of up and down: up may end while down still holds", ofUpAndDown, scaledAt(at(5), 3*time.Minute, never), byDelta(1), scaleTo(6)},
		{"of up and down: up may be zero", split(0, long), scaledAt(at(5), 0, never), byDelta(1), scaleTo(6)},
		{"of up and down: down may be zero", split(long, 0), scaledAt(at(5), 0, 0), byDelta(-1), scaleTo(4)},

		{"holds an absolute intent by the way it moves the pool", ofUpAndDown, scaledAt(at(5), never, 0), toCount(2), held(2, 10*time.Minute)},
		{"holds a signal", nil, scaledAt(at(5), 0, never), signalUp(), held(6, 5*time.Minute)},
		{"holds the way back inside the guardrails too", nil, scaledAt(at(12), 0, never), toCount(13), Decision{
			Outcome: CoolingDown, Wanted: 13, To: 10, Clamped: true, Until: noon.Add(5 * time.Minute), Reason: "cooling down for another 5m0s",
		}},
		{"by force is passed", nil, scaledAt(at(5), 0, 0), forced(byDelta(1)), scaleTo(6)},
		{"by force is passed by a signal", nil, scaledAt(at(5), 0, 0), forced(signalDown()), scaleTo(4)},
		{"of a scaling that seems to lie ahead is as long as of one just now", nil, scaledAhead(scaledAt(at(5), never, never), 4 * time.Minute), byDelta(1), held(6, 5*time.Minute)},
		{"of a scaling that lies ahead by more than it lasts is none", nil, scaledAhead(scaledAt(at(5), never, never), 6 * time.Minute), byDelta(1), scaleTo(6)},
		{"of a scaling that lies too far ahead does not hide a real one", nil, scaledAhead(scaledAt(at(5), never, time.Minute), 6 * time.Minute), byDelta(1), held(6, 4*time.Minute)},
		{"holds what was asked after the scaling", nil, scaledAt(at(5), time.Minute, never), asked(byDelta(1), ago(30*time.Second)), held(6, 4*time.Minute)},
		{"does not hold a delta that waited while the scaling was done", nil, scaledAt(at(5), time.Minute, never), asked(byDelta(1), ago(90*time.Second)), scaleTo(6)},
		{"does not hold a count that waited while the scaling was done", nil, scaledAt(at(5), never, time.Minute), asked(toCount(2), ago(90*time.Second)), scaleTo(2)},
		{"knows the backend's times to the second only", nil, scaledAt(at(5), time.Minute, never), asked(byDelta(1), ago(time.Minute-time.Millisecond)), scaleTo(6)},
		{"holds a signal that waited", nil, scaledAt(at(5), time.Minute, never), asked(signalUp(), ago(90*time.Second)), held(6, 4*time.Minute)},
		{"still counts a scaling before the wait", nil, scaledAt(at(5), time.Minute, 2*time.Minute), asked(byDelta(1), ago(90*time.Second)), held(6, 3*time.Minute)},
		{"does not hold an unknown count, which moves neither way", nil, Pool{LastUp: noon}, toCount(5), scaleTo(5)},
	})
}

// asked is the intent as one that was accepted then and has waited since.
func asked(i Intent, then time.Time) Intent {
	i.At = then
	return i
}

// ahead is the pool as a clock that was set back shows it.
func scaledAhead(p Pool, d time.Duration) Pool {
	p.LastUp = noon.Add(d)
	return p
}
