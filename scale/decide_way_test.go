package scale_test

import (
	"testing"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// turned is a decision for no change on a pool at n that could only be moved the other way than was asked for.
func turned(n, wanted int, reason string) scale.Decision {
	return scale.Decision{Outcome: scale.NoChange, Wanted: wanted, To: n, Reason: reason}
}

func turnedByLimit(n, wanted int, reason string) scale.Decision {
	d := turned(n, wanted, reason)
	d.Clamped = true
	return d
}

// between is a rule with min 4, max 8 and a strategy.
func between(s scale.Strategy, triggers ...scale.Trigger) scaletest.RuleEdit {
	return func(r *scale.Rule) {
		r.Min, r.Max, r.Strategy = 4, 8, s
		for _, t := range triggers {
			r.Triggers = map[string]scale.Trigger{"A": t}
		}
	}
}

func TestUpNeverLowersAndDownNeverRaises(t *testing.T) {
	step := scale.Strategy{Type: scale.Step, Up: new(1), Down: new(1)}
	percent := scale.Strategy{Type: scale.Percent, Up: new(10), Down: new(10)}
	exact := scale.Strategy{Type: scale.Exact, Up: new(6), Down: new(5)}
	tracking := scale.Strategy{Type: scale.TargetTracking, Target: 50, Tolerance: scale.Tolerance{Up: 0.1, Down: 0.1}}
	of := func(s scale.Signal) scale.Intent { s.Alert = "A"; return scaletest.Signal(s) }
	const aboveMax, belowMin = "already at 12, above max 8: a signal for more never lowers it", "already at 2, below min 4: a signal for less never raises it"
	testDecide(t, []decideCase{
		{"a signal up leaves a pool above max alone", between(step), at(12), scaletest.SignalUp(), turnedByLimit(12, 13, aboveMax)},
		{"so does one whose trigger and alarm say nothing", between(step), at(12), of(scale.Signal{}), turnedByLimit(12, 13, aboveMax)},
		{"so does one by a share", between(percent), at(12), scaletest.SignalUp(), turnedByLimit(12, 13, aboveMax)},
		{"so does one by its own delta", between(step), at(12), of(scale.Signal{Delta: new(2)}), turnedByLimit(12, 14, aboveMax)},
		{"so does one by its trigger's delta", between(step, scale.Trigger{Delta: new(2)}), at(12), of(scale.Signal{}), turnedByLimit(12, 14, aboveMax)},
		{"so does one by an exact size", between(exact), at(12), scaletest.SignalUp(), turned(12, 6, "already at 12, above max 8: a signal for more never lowers it")},
		{"so does one by the metric's value", between(tracking), at(12), valued(75), turnedByLimit(12, 18, aboveMax)},
		{"so does one that says no change", between(tracking), at(12), valued(50), turnedByLimit(12, 12, "already at 12, above max 8: a signal for no change never moves it")},
		{"so does a wish for a larger count", between(step), at(12), of(scale.Signal{Count: new(15)}), turnedByLimit(12, 15, aboveMax)},
		{"so does a wish for the same count", between(step), at(12), of(scale.Signal{Count: new(12)}), turnedByLimit(12, 12, "already at 12, above max 8: a signal for no change never moves it")},
		{"so does a forced one", between(step), at(12), scaletest.Forced(scaletest.SignalUp()), turnedByLimit(12, 13, aboveMax)},
		{"so does the end of an alert that asks for more", between(step, scale.Trigger{Direction: scale.Down, OnClear: &scale.Trigger{}}), at(12), of(scale.Signal{Cleared: true}), turnedByLimit(12, 13, aboveMax)},
		{"a signal down moves it inside", between(step), at(12), signalDown(), clampedTo(11, 8, "clamped from 11 to max 8")},
		{"so does the metric's value", between(tracking), at(12), valued(25), scaleTo(6)},
		{"so does a wish for a smaller count", between(step), at(12), of(scale.Signal{Count: new(9)}), clampedTo(9, 8, "clamped from 9 to max 8")},

		{"a signal down leaves a pool below min alone", between(step), at(2), signalDown(), turnedByLimit(2, 1, belowMin)},
		{"so does one by a share", between(percent), at(2), signalDown(), turnedByLimit(2, 1, belowMin)},
		{"so does one by an exact size", between(exact), at(2), signalDown(), turned(2, 5, belowMin)},
		{"so does one by the metric's value", between(tracking), at(2), valued(10), turnedByLimit(2, 1, belowMin)},
		{"so does the end of an alert", between(step, scale.Trigger{Direction: scale.Up, OnClear: &scale.Trigger{Delta: new(-1)}}), at(2), of(scale.Signal{Cleared: true}), turnedByLimit(2, 1, belowMin)},
		{"a signal up moves it inside", between(step), at(2), scaletest.SignalUp(), clampedTo(3, 4, "clamped from 3 to min 4")},

		{"an exact size for more is no less", between(exact), at(7), scaletest.SignalUp(), turned(7, 6, "already at 7, and 6 is wanted: a signal for more never lowers it")},
		{"an exact size for less is no more", between(exact), at(4), signalDown(), turned(4, 5, "already at 4, and 5 is wanted: a signal for less never raises it")},
		{"a wish for a count goes either way", between(step), at(7), of(scale.Signal{Count: new(5)}), scaleTo(5)},
		{"so does a trigger's", between(step, scale.Trigger{Count: new(5)}), at(7), of(scale.Signal{}), scaleTo(5)},
		{"unless the trigger names the direction", between(step, scale.Trigger{Direction: scale.Up, Count: new(5)}), at(7), of(scale.Signal{}), turned(7, 5, "already at 7, and 5 is wanted: a signal for more never lowers it")},
		{"or the request does", between(step), at(4), of(scale.Signal{Direction: scale.Down, Count: new(5)}), turned(4, 5, "already at 4, and 5 is wanted: a signal for less never raises it")},
		{"what an alarm compares does not bind a wish for a count", between(step), at(7), of(scale.Signal{Comparison: scale.Up, Count: new(5)}), scaleTo(5)},
		{"onClear's count goes either way", between(step, scale.Trigger{Direction: scale.Up, OnClear: &scale.Trigger{Count: new(6)}}), at(5), of(scale.Signal{Cleared: true}), scaleTo(6)},
		{"the metric's value goes either way", between(tracking), at(7), valued(36), scaleTo(6)},
		{"unless the alarm looks the other way", between(tracking), at(7), scaletest.Signal(scale.Signal{Comparison: scale.Up, Value: new(36.0)}), turned(7, 6, "already at 7, and 6 is wanted: a signal for more never lowers it")},

		{"a delta for more leaves a pool above max alone", between(step), at(12), scaletest.ByDelta(1), turnedByLimit(12, 13, "already at 12, above max 8: a request for more never lowers it")},
		{"a delta for less leaves a pool below min alone", between(step), at(2), scaletest.ByDelta(-1), turnedByLimit(2, 1, "already at 2, below min 4: a request for less never raises it")},
		{"a count moves it inside", between(step), at(12), scaletest.ToCount(20), clampedTo(20, 8, "clamped from 20 to max 8")},
		{"nothing is above or below a count that is not known", between(exact), scale.Pool{}, scaletest.SignalUp(), scaleTo(6)},
	})
}
