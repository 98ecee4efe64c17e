package scale_test

import (
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestDecideCooldown(t *testing.T) {
	const long = time.Hour
	held := func(to int, left time.Duration) scale.Decision {
		return coolsDown(to, left, "cooling down for another "+left.String())
	}
	ofUpAndDown := scaletest.Split(2*time.Minute, 10*time.Minute)
	testDecide(t, []decideCase{
		{"of one duration: a scale-out holds a scale-out", nil, scaledAt(at(5), time.Minute, never), scaletest.ByDelta(1), held(6, 4*time.Minute)},
		{"of one duration: a scale-out holds a scale-in", nil, scaledAt(at(5), time.Minute, never), scaletest.ByDelta(-1), held(4, 4*time.Minute)},
		{"of one duration: a scale-in holds a scale-out", nil, scaledAt(at(5), never, time.Minute), scaletest.ByDelta(1), held(6, 4*time.Minute)},
		{"of one duration: a scale-in holds a scale-in", nil, scaledAt(at(5), never, time.Minute), scaletest.ByDelta(-1), held(4, 4*time.Minute)},
		{"of one duration: it runs from the later of a scale-out and an earlier scale-in", nil, scaledAt(at(5), time.Minute, long), scaletest.ByDelta(-1), held(4, 4*time.Minute)},
		{"of one duration: it runs from the later of a scale-in and an earlier scale-out", nil, scaledAt(at(5), long, time.Minute), scaletest.ByDelta(1), held(6, 4*time.Minute)},
		{"of one duration: its last moment still holds", nil, scaledAt(at(5), 5*time.Minute-time.Second, never), scaletest.ByDelta(1), held(6, time.Second)},
		{"of one duration: its end lets through", nil, scaledAt(at(5), 5*time.Minute, never), scaletest.ByDelta(1), scaleTo(6)},
		{"without a scaling there is none", nil, scaledAt(at(5), never, never), scaletest.ByDelta(1), scaleTo(6)},
		{"of zero holds nothing", func(r *scale.Rule) { r.Cooldown = scale.Cooldown{} }, scaledAt(at(5), 0, 0), scaletest.ByDelta(1), scaleTo(6)},

		{"of up and down: a scale-out holds a scale-out for up", ofUpAndDown, scaledAt(at(5), time.Minute, never), scaletest.ByDelta(1), held(6, time.Minute)},
		{"of up and down: a scale-out holds a scale-in for down", ofUpAndDown, scaledAt(at(5), time.Minute, never), scaletest.ByDelta(-1), held(4, 9*time.Minute)},
		{"of up and down: a scale-in holds a scale-in for down", ofUpAndDown, scaledAt(at(5), never, time.Minute), scaletest.ByDelta(-1), held(4, 9*time.Minute)},
		{"of up and down: a scale-in never holds a scale-out", ofUpAndDown, scaledAt(at(5), never, 0), scaletest.ByDelta(1), scaleTo(6)},
		{"of up and down: a scale-in hides no scale-out before it", ofUpAndDown, scaledAt(at(5), time.Minute, 0), scaletest.ByDelta(1), held(6, time.Minute)},
		{"of up and down: a scale-in runs from the later scaling", ofUpAndDown, scaledAt(at(5), 9*time.Minute, 2*time.Minute), scaletest.ByDelta(-1), held(4, 8*time.Minute)},
		{"of up and down: up may end while down still holds", ofUpAndDown, scaledAt(at(5), 3*time.Minute, never), scaletest.ByDelta(1), scaleTo(6)},
		{"of up and down: up may be zero", scaletest.Split(0, long), scaledAt(at(5), 0, never), scaletest.ByDelta(1), scaleTo(6)},
		{"of up and down: down may be zero", scaletest.Split(long, 0), scaledAt(at(5), 0, 0), scaletest.ByDelta(-1), scaleTo(4)},

		{"holds an absolute intent by the way it moves the pool", ofUpAndDown, scaledAt(at(5), never, 0), scaletest.ToCount(2), held(2, 10*time.Minute)},
		{"holds a signal", nil, scaledAt(at(5), 0, never), scaletest.SignalUp(), held(6, 5*time.Minute)},
		{"holds the way back inside the guardrails too", nil, scaledAt(at(12), 0, never), scaletest.ToCount(13), scale.Decision{
			Outcome: scale.CoolingDown, Wanted: 13, To: 10, Clamped: true, Until: scaletest.Noon.Add(5 * time.Minute), Reason: "cooling down for another 5m0s",
		}},
		{"by force is passed", nil, scaledAt(at(5), 0, 0), scaletest.Forced(scaletest.ByDelta(1)), scaleTo(6)},
		{"by force is passed by a signal", nil, scaledAt(at(5), 0, 0), scaletest.Forced(signalDown()), scaleTo(4)},
		{"of a scaling that seems to lie ahead is as long as of one just now", nil, scaledAhead(scaledAt(at(5), never, never), 4*time.Minute), scaletest.ByDelta(1), held(6, 5*time.Minute)},
		{"of a scaling that lies ahead by more than it lasts is none", nil, scaledAhead(scaledAt(at(5), never, never), 6*time.Minute), scaletest.ByDelta(1), scaleTo(6)},
		{"of a scaling that lies too far ahead does not hide a real one", nil, scaledAhead(scaledAt(at(5), never, time.Minute), 6*time.Minute), scaletest.ByDelta(1), held(6, 4*time.Minute)},
		{"holds what was asked after the scaling", nil, scaledAt(at(5), time.Minute, never), asked(scaletest.ByDelta(1), scaletest.Ago(30*time.Second)), held(6, 4*time.Minute)},
		{"does not hold a delta that waited while the scaling was done", nil, scaledAt(at(5), time.Minute, never), asked(scaletest.ByDelta(1), scaletest.Ago(90*time.Second)), scaleTo(6)},
		{"does not hold a count that waited while the scaling was done", nil, scaledAt(at(5), never, time.Minute), asked(scaletest.ToCount(2), scaletest.Ago(90*time.Second)), scaleTo(2)},
		{"knows the backend's times to the second only", nil, scaledAt(at(5), time.Minute, never), asked(scaletest.ByDelta(1), scaletest.Ago(time.Minute-time.Millisecond)), scaleTo(6)},
		{"holds a signal that waited", nil, scaledAt(at(5), time.Minute, never), asked(scaletest.SignalUp(), scaletest.Ago(90*time.Second)), held(6, 4*time.Minute)},
		{"still counts a scaling before the wait", nil, scaledAt(at(5), time.Minute, 2*time.Minute), asked(scaletest.ByDelta(1), scaletest.Ago(90*time.Second)), held(6, 3*time.Minute)},
		{"does not hold an unknown count, which moves neither way", nil, scale.Pool{LastUp: scaletest.Noon}, scaletest.ToCount(5), scaleTo(5)},
	})
}

// asked is the intent as one that was accepted then and has waited since.
func asked(i scale.Intent, then time.Time) scale.Intent {
	i.At = then
	return i
}

// ahead is the pool as a clock that was set back shows it.
func scaledAhead(p scale.Pool, d time.Duration) scale.Pool {
	p.LastUp = scaletest.Noon.Add(d)
	return p
}
