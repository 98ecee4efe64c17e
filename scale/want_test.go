package scale_test

import (
	"math"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func strategy(s scale.Strategy) scaletest.RuleEdit {
	return func(r *scale.Rule) { r.Min, r.Max, r.Strategy = 0, 1000, s }
}

// measured is a signal with a metric's value and threshold.
func measured(d scale.Direction, value, threshold float64) scale.Intent {
	return scaletest.Signal(scale.Signal{Direction: d, Value: &value, Threshold: &threshold})
}

// valued is a signal with a metric's value alone.
func valued(value float64) scale.Intent { return scaletest.Signal(scale.Signal{Value: &value}) }

func TestStepStrategy(t *testing.T) {
	plain := strategy(scale.Strategy{Type: scale.Step, Up: new(3), Down: new(2)})
	stepped := strategy(scale.Strategy{Type: scale.Step, Up: new(1), Down: new(2), Steps: []scale.StepAdjustment{{Above: 10, Change: 4}, {Above: 30, Change: 8}}})
	const unmeasured = "the strategy's steps need the metric's value and threshold, and the signal does not carry both"
	testDecide(t, []decideCase{
		{"up adds units", plain, at(5), scaletest.SignalUp(), scaleTo(8)},
		{"down takes units away", plain, at(5), signalDown(), scaleTo(3)},
		{"without steps no value is needed", plain, at(0), scaletest.SignalUp(), scaleTo(3)},
		{"a signal whose trigger and alarm say nothing is up", plain, at(5), scaletest.Signal(scale.Signal{}), scaleTo(8)},
		{"a breach below the first step moves as the strategy itself", stepped, at(20), measured(scale.Up, 89, 80), scaleTo(21)},
		{"a breach at a step's edge takes that step", stepped, at(20), measured(scale.Up, 90, 80), scaleTo(24)},
		{"a breach between two steps takes the lower one", stepped, at(20), measured(scale.Up, 109, 80), scaleTo(24)},
		{"a breach beyond the last step takes that", stepped, at(20), measured(scale.Up, 900, 80), scaleTo(28)},
		{"downwards the breach is below the threshold", stepped, at(20), measured(scale.Down, 10, 40), scaleTo(12)},
		{"downwards a small breach moves as the strategy itself", stepped, at(20), measured(scale.Down, 35, 40), scaleTo(18)},
		{"a value at the threshold is a breach of zero", stepped, at(20), measured(scale.Up, 80, 80), scaleTo(21)},
		{"a value that breaches nothing is refused", stepped, at(20), measured(scale.Up, 70, 80), refused("the metric's value 70 is not past its threshold 80")},
		{"steps need a value", stepped, at(20), scaletest.Signal(scale.Signal{Threshold: new(80.0)}), refused(unmeasured)},
		{"steps need a threshold", stepped, at(20), valued(90), refused(unmeasured)},
		{"steps need a value that is a number", stepped, at(20), measured(scale.Up, math.NaN(), 80), refused(unmeasured)},
		{"steps need a finite value", stepped, at(20), measured(scale.Up, math.Inf(1), 80), refused(unmeasured)},
	})
}

func TestPercentStrategy(t *testing.T) {
	percent := func(up, down, least int) scaletest.RuleEdit {
		return strategy(scale.Strategy{Type: scale.Percent, Up: new(up), Down: new(down), MinChange: least})
	}
	testDecide(t, []decideCase{
		{"up adds the share", percent(50, 20, 1), at(10), scaletest.SignalUp(), scaleTo(15)},
		{"down takes the share away", percent(50, 20, 1), at(10), signalDown(), scaleTo(8)},
		{"up rounds towards zero", percent(15, 15, 1), at(13), scaletest.SignalUp(), scaleTo(14)},
		{"down rounds towards zero", percent(15, 15, 1), at(19), signalDown(), scaleTo(17)},
		{"less than one unit is one", percent(10, 10, 0), at(3), scaletest.SignalUp(), scaleTo(4)},
		{"less than one unit down is one", percent(10, 10, 0), at(3), signalDown(), scaleTo(2)},
		{"minChange is the least", percent(10, 10, 4), at(20), scaletest.SignalUp(), scaleTo(24)},
		{"minChange is the least downwards", percent(10, 10, 4), at(20), signalDown(), scaleTo(16)},
		{"minChange is no most", percent(50, 10, 4), at(20), scaletest.SignalUp(), scaleTo(30)},
		{"of nothing is one unit", percent(50, 50, 1), at(0), scaletest.SignalUp(), scaleTo(1)},
		{"may be more than all", percent(200, 10, 1), at(10), scaletest.SignalUp(), scaleTo(30)},
		{"may be all", percent(10, 100, 1), at(10), signalDown(), scaleTo(0)},
		{
			"a direction that is left out is refused", strategy(scale.Strategy{Type: scale.Percent, Up: new(10)}), at(10), signalDown(),
			refused(`the percent strategy has no "down"`),
		},
		{
			"a share that overflows stays upwards", percent(scale.MaxNumber, 1, 1), at(scale.MaxNumber), scaletest.SignalUp(),
			turnedByLimit(scale.MaxNumber, scale.MaxNumber+math.MaxInt32, "already at 1000000000, above max 1000: a signal for more never lowers it"),
		},
	})
}

func TestExactStrategy(t *testing.T) {
	exact := strategy(scale.Strategy{Type: scale.Exact, Up: new(8), Down: new(0)})
	testDecide(t, []decideCase{
		{"up is a size", exact, at(5), scaletest.SignalUp(), scaleTo(8)},
		{"down is a size", exact, at(5), signalDown(), scaleTo(0)},
		{"the size it has is no change", exact, at(8), scaletest.SignalUp(), staysAt(8, "already at 8")},
		{
			"a direction that is left out is refused", strategy(scale.Strategy{Type: scale.Exact, Down: new(2)}), at(10), scaletest.SignalUp(),
			refused(`the exact strategy has no "up"`),
		},
	})
}

func TestTargetTrackingStrategy(t *testing.T) {
	tracking := func(target, tolerance float64) scaletest.RuleEdit {
		return strategy(scale.Strategy{Type: scale.TargetTracking, Target: target, Tolerance: scale.Tolerance{Up: tolerance, Down: tolerance}})
	}
	const unmeasured = "the strategy targetTracking needs the metric's value, 0 or more, and the signal does not carry one"
	testDecide(t, []decideCase{
		{"more than the target adds", tracking(50, 0.1), at(4), valued(75), scaleTo(6)},
		{"less than the target takes away", tracking(50, 0.1), at(4), valued(25), scaleTo(2)},
		{"a part of a unit is a whole one", tracking(50, 0.1), at(4), valued(63), scaleTo(6)},
		{"a part of a unit is a whole one downwards", tracking(50, 0.1), at(4), valued(31), scaleTo(3)},
		{"a product that is whole is not rounded up for its last digit", tracking(0.3, 0.1), at(1), valued(2.1), scaleTo(7)},
		{"a direction that nobody has named does not matter", tracking(50, 0.1), at(4), valued(31), scaleTo(3)},
		{"a value that says the other way than the named direction moves nothing", tracking(50, 0.1), at(4), measured(scale.Down, 75, 0), turned(4, 6, "already at 4, and 6 is wanted: a signal for less never raises it")},
		{"inside the tolerance nothing changes", tracking(64, 0.25), at(4), valued(79), staysAt(4, "already at 4")},
		{"at the tolerance nothing changes", tracking(64, 0.25), at(4), valued(80), staysAt(4, "already at 4")},
		{"at the tolerance nothing changes downwards", tracking(64, 0.25), at(4), valued(48), staysAt(4, "already at 4")},
		{"past the tolerance it does", tracking(64, 0.25), at(4), valued(81), scaleTo(6)},
		{"past the tolerance it does downwards", tracking(64, 0.25), at(4), valued(47), scaleTo(3)},
		{"a value of zero leaves none", tracking(50, 0.1), at(4), valued(0), scaleTo(0)},
		{"nothing stays nothing", tracking(50, 0.1), at(0), valued(500), staysAt(0, "already at 0")},
		{"nothing stays nothing whatever the value", tracking(math.SmallestNonzeroFloat64, 0.1), at(0), valued(math.MaxFloat64), staysAt(0, "already at 0")},
		{"a huge value stays upwards", tracking(0.001, 0.1), at(4), valued(math.MaxFloat64), clampedTo(math.MaxInt32, 1000, "clamped from 2147483647 to max 1000")},
		{"without a value it is refused", tracking(50, 0.1), at(4), scaletest.SignalUp(), refused(unmeasured)},
		{"a negative value is refused", tracking(50, 0.1), at(4), valued(-1), refused(unmeasured)},
		{"a value that is no number is refused", tracking(50, 0.1), at(4), valued(math.NaN()), refused(unmeasured)},
		{"an infinite value is refused", tracking(50, 0.1), at(4), valued(math.Inf(1)), refused(unmeasured)},
	})
}

func TestUnknownStrategy(t *testing.T) {
	testDecide(t, []decideCase{{"is refused", strategy(scale.Strategy{Type: "guess"}), at(4), scaletest.SignalUp(), refused(`unknown strategy "guess"`)}})
}

// triggers are a rule of 0 to 100 units with steps of 1 and these triggers.
func triggers(of map[string]scale.Trigger) scaletest.RuleEdit {
	return func(r *scale.Rule) { r.Min, r.Max, r.Triggers = 0, 100, of }
}

func alert(s scale.Signal) scale.Intent {
	s.Alert = "Load"
	return scaletest.Signal(s)
}

func TestSignalPrecedence(t *testing.T) {
	of := func(trigger scale.Trigger) scaletest.RuleEdit {
		return triggers(map[string]scale.Trigger{"Load": trigger})
	}
	byExact := &scale.Strategy{Type: scale.Exact, Up: new(42), Down: new(7)}
	down := scale.Trigger{Direction: scale.Down}
	testDecide(t, []decideCase{
		{"the request's direction wins over the trigger's", of(down), at(20), alert(scale.Signal{Direction: scale.Up}), scaleTo(21)},
		{"the request's direction wins over the comparison", nil, at(5), alert(scale.Signal{Direction: scale.Down, Comparison: scale.Up}), scaleTo(4)},
		{"the trigger's direction wins over the comparison", of(down), at(20), alert(scale.Signal{Comparison: scale.Up}), scaleTo(19)},
		{"the comparison wins over up", of(scale.Trigger{}), at(20), alert(scale.Signal{Comparison: scale.Down}), scaleTo(19)},
		{"up is the last resort", of(scale.Trigger{}), at(20), alert(scale.Signal{}), scaleTo(21)},
		{"the request's count wins over the trigger's", of(scale.Trigger{Count: new(9)}), at(20), alert(scale.Signal{Count: new(3)}), scaleTo(3)},
		{"the request's count wins over the trigger's delta", of(scale.Trigger{Delta: new(9)}), at(20), alert(scale.Signal{Count: new(3)}), scaleTo(3)},
		{"the request's delta wins over the trigger's count", of(scale.Trigger{Count: new(9)}), at(20), alert(scale.Signal{Delta: new(3)}), scaleTo(23)},
		{"the request's delta wins over the trigger's direction", of(down), at(20), alert(scale.Signal{Delta: new(3)}), scaleTo(23)},
		{"the request's negative delta is a direction", of(scale.Trigger{}), at(20), alert(scale.Signal{Delta: new(-3), Comparison: scale.Up}), scaleTo(17)},
		{"a delta with a direction is so many units that way", of(scale.Trigger{}), at(20), alert(scale.Signal{Direction: scale.Down, Delta: new(3)}), scaleTo(17)},
		{"a negative delta with the direction down is not turned twice", of(scale.Trigger{Direction: scale.Down, Delta: new(-3)}), at(20), alert(scale.Signal{}), scaleTo(17)},
		{"the request's direction turns the trigger's delta", of(scale.Trigger{Delta: new(4)}), at(20), alert(scale.Signal{Direction: scale.Down}), scaleTo(16)},
		{"the trigger's count wins over the strategy", of(scale.Trigger{Count: new(9)}), at(20), alert(scale.Signal{}), scaleTo(9)},
		{"the trigger's delta wins over the strategy", of(scale.Trigger{Delta: new(-4)}), at(20), alert(scale.Signal{}), scaleTo(16)},
		{"the trigger's strategy wins over the rule's", of(scale.Trigger{Strategy: byExact}), at(20), alert(scale.Signal{}), scaleTo(42)},
		{"the trigger's strategy takes the signal's direction", of(scale.Trigger{Strategy: byExact}), at(20), alert(scale.Signal{Comparison: scale.Down}), scaleTo(7)},
		{"another alert's trigger says nothing", triggers(map[string]scale.Trigger{"Other": {Count: new(9)}}), at(20), alert(scale.Signal{}), scaleTo(21)},
	})
}

func TestSignalCleared(t *testing.T) {
	of := func(trigger scale.Trigger) scaletest.RuleEdit {
		return triggers(map[string]scale.Trigger{"Load": trigger})
	}
	onClear := func(then scale.Trigger) scaletest.RuleEdit { return of(scale.Trigger{OnClear: &then}) }
	cleared := func(s scale.Signal) scale.Intent {
		s.Cleared = true
		return alert(s)
	}
	nothing := scale.Decision{Outcome: scale.Cleared, Reason: "the alert has cleared"}
	testDecide(t, []decideCase{
		{"does nothing without a trigger", nil, at(5), cleared(scale.Signal{}), nothing},
		{"does nothing without onClear", of(scale.Trigger{Count: new(9)}), at(20), cleared(scale.Signal{}), nothing},
		{"does nothing even if the request gives a count", nil, at(5), cleared(scale.Signal{Count: new(9)}), nothing},
		{"does nothing even by force", nil, at(5), scaletest.Forced(cleared(scale.Signal{})), nothing},
		{"with onClear goes to its count", onClear(scale.Trigger{Count: new(2)}), at(20), cleared(scale.Signal{}), scaleTo(2)},
		{"with onClear moves by its delta", onClear(scale.Trigger{Delta: new(-2)}), at(20), cleared(scale.Signal{}), scaleTo(18)},
		{"with onClear moves by its strategy", onClear(scale.Trigger{Direction: scale.Down, Strategy: &scale.Strategy{Type: scale.Step, Down: new(6)}}), at(20), cleared(scale.Signal{}), scaleTo(14)},
		{"with onClear goes the other way than the firing by default", onClear(scale.Trigger{}), at(20), cleared(scale.Signal{}), scaleTo(19)},
		{"with onClear goes the other way than the comparison", onClear(scale.Trigger{}), at(20), cleared(scale.Signal{Comparison: scale.Down}), scaleTo(21)},
		{"with onClear goes the other way than the trigger", of(scale.Trigger{Direction: scale.Down, OnClear: &scale.Trigger{}}), at(20), cleared(scale.Signal{Comparison: scale.Up}), scaleTo(21)},
		{"with onClear goes the other way than the trigger's delta", of(scale.Trigger{Delta: new(-3), OnClear: &scale.Trigger{}}), at(20), cleared(scale.Signal{}), scaleTo(21)},
		{"with onClear goes the other way than the request", onClear(scale.Trigger{}), at(20), cleared(scale.Signal{Direction: scale.Down}), scaleTo(21)},
		{"with onClear goes its own way", onClear(scale.Trigger{Direction: scale.Up}), at(20), cleared(scale.Signal{}), scaleTo(21)},
		{"with onClear does not take the firing's count", of(scale.Trigger{Count: new(9), OnClear: &scale.Trigger{Direction: scale.Down}}), at(20), cleared(scale.Signal{Count: new(50)}), scaleTo(19)},
	})
}
