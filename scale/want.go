package scale

import (
	"fmt"
	"math"
	"time"
)

// stopped says why no count can, or need, be computed for an intent.
type stopped struct {
	outcome Outcome
	reason  string
}

func refuse(format string, args ...any) *stopped {
	return &stopped{Refused, fmt.Sprintf(format, args...)}
}

// wish is what an intent asks for.
type wish struct {
	// count is the count before the guardrails limit it.
	count int
	// way is the only direction in which the pool may be moved for the intent: an intent that asks for more never
	// lowers a count. Zero means that both are allowed.
	way Direction
}

// want is what an intent asks for. Sums that overflow stay at the largest or smallest int.
func want(rule Rule, pool Pool, intent Intent, now time.Time) (wish, *stopped) {
	count := pool.Count
	switch {
	case intent.Count != nil:
		return wish{count: *intent.Count}, nil
	case intent.Signal != nil:
		return wantSignal(rule, count, *intent.Signal)
	case intent.ToMetrics:
		return wantMetrics(rule, pool, now)
	}
	if count == nil {
		return wish{}, unknownCount(rule)
	}
	if intent.ToBounds {
		return wish{count: *count}, nil
	}
	return wish{add(*count, *intent.Delta), wayTo(new(0), *intent.Delta)}, nil
}

func unknownCount(rule Rule) *stopped {
	return refuse("the present count is not known: the configuration has no %q and the rule no \"current\"; "+
		"give a start value with --count, or export \"current\"", rule.ConfigKey)
}

// wantSignal finds a signal's direction and size. Each comes from the first of these that gives it: the request or the
// alert itself, the rule's trigger of the alert's name, the alarm's comparison operator (a direction only). If nothing
// else gives them, the direction is up and the size comes from the rule's strategy.
//
// A count and a metric's value say by themselves which way they move the pool. If somebody has also named a direction,
// they move it that way or not at all.
func wantSignal(rule Rule, count *int, signal Signal) (wish, *stopped) {
	trigger := rule.trigger(signal.Alert)
	asked := Trigger{Direction: signal.Direction, Delta: signal.Delta, Count: signal.Count}
	named := firstDirection(asked.ownDirection(), trigger.ownDirection(), signal.Comparison)
	direction := firstDirection(named, Up)
	if signal.Cleared {
		switch {
		case signal.Lapsed != "":
			return wish{}, &stopped{Cleared, signal.Lapsed}
		case trigger.OnClear == nil:
			return wish{}, &stopped{Cleared, "the alert has cleared"}
		}
		// What the alert itself asks for applies only while it fires. Once it has cleared, onClear alone decides. Its
		// direction is the opposite one, unless it gives its own.
		trigger, asked = *trigger.OnClear, Trigger{}
		named, direction = firstDirection(trigger.ownDirection(), -named), firstDirection(trigger.ownDirection(), -direction)
	}
	for _, t := range []Trigger{asked, trigger} {
		switch {
		case t.Count != nil:
			return wish{*t.Count, firstDirection(asked.Direction, trigger.Direction, wayTo(count, *t.Count))}, nil
		case t.Delta != nil && count == nil:
			return wish{}, unknownCount(rule)
		case t.Delta != nil:
			return wish{move(*count, direction, magnitude(*t.Delta)), direction}, nil
		}
	}
	strategy := rule.Strategy
	if trigger.Strategy != nil {
		strategy = *trigger.Strategy
	}
	if count == nil && strategy.Type != Exact {
		return wish{}, unknownCount(rule)
	}
	n, stop := strategy.want(count, direction, signal)
	if strategy.FollowsValue() {
		direction = firstDirection(named, wayTo(count, n))
	}
	return wish{n, direction}, stop
}

// ownDirection is the direction that a trigger names, or that the sign of its delta gives.
func (t Trigger) ownDirection() Direction {
	switch {
	case t.Direction != 0 || t.Delta == nil:
		return t.Direction
	case *t.Delta < 0:
		return Down
	}
	return Up
}

func firstDirection(of ...Direction) Direction {
	for _, d := range of {
		if d != 0 {
			return d
		}
	}
	return 0
}

// want applies the strategy to a signal. count is nil only for Exact.
func (s Strategy) want(count *int, direction Direction, signal Signal) (int, *stopped) {
	switch s.Type {
	case Step:
		return s.wantStep(*count, direction, signal)
	case Percent:
		size := s.size(direction)
		if size == nil {
			return 0, s.refuseDirection(direction)
		}
		// Round towards zero, but move at least one unit, as AWS's MinAdjustmentMagnitude has it.
		units := int(math.Min(math.Trunc(float64(*count)*float64(*size)/100), math.MaxInt32))
		return move(*count, direction, max(units, s.MinChange, 1)), nil
	case Exact:
		size := s.size(direction)
		if size == nil {
			return 0, s.refuseDirection(direction)
		}
		return *size, nil
	case TargetTracking, PerUnit:
		return s.wantTarget(*count, signal)
	}
	return 0, refuse("unknown strategy %q", s.Type)
}

func (s Strategy) wantStep(count int, direction Direction, signal Signal) (int, *stopped) {
	size := s.size(direction)
	if len(s.Steps) > 0 {
		if !finite(signal.Value) || !finite(signal.Threshold) {
			return 0, refuse("the strategy's steps need the metric's value and threshold, and the signal does not carry both")
		}
		breach := (*signal.Value - *signal.Threshold) * float64(direction)
		if breach < 0 {
			return 0, refuse("the metric's value %g is not past its threshold %g", *signal.Value, *signal.Threshold)
		}
		for _, step := range s.Steps {
			if breach >= step.Above {
				size = &step.Change
			}
		}
	}
	if size == nil {
		return 0, s.refuseDirection(direction)
	}
	return move(count, direction, *size), nil
}

// FollowsValue says whether the strategy computes the count from the metric's value, which then says the direction too.
func (s Strategy) FollowsValue() bool { return s.Type == TargetTracking || s.Type == PerUnit }

// FollowsValue says whether a different value of the metric behind an alert, or of a metric itself, may lead to a
// different count.
func (r Rule) FollowsValue(alert string) bool {
	strategy, ok := r.StrategyFor(alert)
	return ok && (strategy.FollowsValue() || strategy.Type == Step && len(strategy.Steps) > 0)
}

// StrategyFor returns the strategy by which an alert or a metric scales the pool; ok is false if a trigger gives the
// count or the delta instead.
func (r Rule) StrategyFor(alert string) (s Strategy, ok bool) {
	trigger := r.trigger(alert)
	if trigger.Strategy != nil {
		return *trigger.Strategy, true
	}
	return r.Strategy, trigger.Delta == nil && trigger.Count == nil
}

// wantTarget applies the formula of Kubernetes' HorizontalPodAutoscaler. It returns the number of units that brings
// each unit's share of the metric to the target, or the present count if the share is inside the tolerance. With
// TargetTracking the metric's value is the share of a unit, and with PerUnit it is the total.
func (s Strategy) wantTarget(count int, signal Signal) (int, *stopped) {
	if !finite(signal.Value) || *signal.Value < 0 {
		return 0, refuse("the strategy %s needs the metric's value, 0 or more, and the signal does not carry one", s.Type)
	}
	share := math.Min(*signal.Value/s.Target, math.MaxInt32) // finite, so that a pool of zero does not make it NaN
	units, ratio := float64(count)*share, share
	if s.Type == PerUnit {
		units, ratio = share, share/float64(count) // a pool of zero has no share that could be near enough
	}
	if s.Tolerance.allows(ratio) {
		return count, nil
	}
	// A hair less, so that a product that should be whole is not rounded up because of its last binary digit.
	return int(math.Min(math.Ceil(units-1e-9), math.MaxInt32)), nil
}

func (s Strategy) size(d Direction) *int {
	if d == Down {
		return s.Down
	}
	return s.Up
}

func (s Strategy) refuseDirection(d Direction) *stopped {
	return refuse("the %s strategy has no %q", s.Type, d)
}

func finite(f *float64) bool {
	return f != nil && !math.IsNaN(*f) && !math.IsInf(*f, 0)
}

func move(count int, d Direction, units int) int {
	if d == Down {
		return add(count, -units)
	}
	return add(count, units)
}

// magnitude returns the absolute value of n; for the smallest int, it returns the largest int.
func magnitude(n int) int {
	switch {
	case n == math.MinInt:
		return math.MaxInt
	case n < 0:
		return -n
	}
	return n
}

// add returns a + b; a sum that overflows stays at the largest or smallest int.
func add(a, b int) int {
	switch sum := a + b; {
	case b > 0 && sum < a:
		return math.MaxInt
	case b < 0 && sum > a:
		return math.MinInt
	default:
		return sum
	}
}
