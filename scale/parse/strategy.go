package parse

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pulumiscale/pulumiscale/scale"
)

// defaultTolerance is the tolerance of a strategy that names none, as with Kubernetes' HorizontalPodAutoscaler.
const defaultTolerance = 0.1

// defaultStrategy is the strategy of a rule that names none.
func defaultStrategy() scale.Strategy {
	return scale.Strategy{Type: scale.Step, Up: new(1), Down: new(1)}
}

func readStrategy(v node) scale.Strategy {
	o, ok := v.object("a strategy: an object with a type, which is step, percent, exact, targetTracking or perUnit")
	if !ok {
		return scale.Strategy{}
	}
	kind, ok := required(o, "type", wordForm(strategyTypes()...))
	if !ok {
		// Which fields are right depends on the type, so only those that no type has are mistakes.
		for _, t := range strategyTypes() {
			every := &object{node: node{reader: &reader{}}}
			strategyFields(t)(every)
			o.known = append(o.known, every.known...)
		}
		o.end("a strategy")
		return scale.Strategy{}
	}
	strategy := strategyFields(kind)(o)
	strategy.Type = kind
	o.end("a strategy of type " + string(kind))
	return strategy
}

// strategyTypes returns all types, as messages list them.
func strategyTypes() []scale.StrategyType {
	return []scale.StrategyType{scale.Step, scale.Percent, scale.Exact, scale.TargetTracking, scale.PerUnit}
}

// strategyFields returns the function that reads the fields of a strategy of the type, except for the type itself.
func strategyFields(t scale.StrategyType) func(*object) scale.Strategy {
	return map[scale.StrategyType]func(*object) scale.Strategy{
		scale.Step: stepFields, scale.Percent: percentFields, scale.Exact: exactFields, scale.TargetTracking: targetTrackingFields, scale.PerUnit: perUnitFields,
	}[t]
}

func stepFields(o *object) scale.Strategy {
	units := intForm(1, scale.MaxNumber)
	strategy := scale.Strategy{
		Up:   new(withDefault(o, "up", units, 1)),
		Down: new(withDefault(o, "down", units, 1)),
	}
	if v, ok := o.take("steps"); ok {
		strategy.Steps = readSteps(v)
	}
	return strategy
}

func readSteps(v node) []scale.StepAdjustment {
	var steps []scale.StepAdjustment
	var highest *float64 // the last valid "above"
	for _, item := range v.list(1, "a list of at least one step, each with above and change") {
		o, ok := item.object("a step: an object with above and change")
		if !ok {
			continue
		}
		step, hasAbove := stepAdjustmentFields(o)
		o.end("a step")
		if hasAbove && highest != nil && step.Above <= *highest {
			o.field("above").wrong(fmt.Sprintf("must be more than in the step before, where it is %v", *highest))
		}
		if hasAbove {
			highest = &step.Above
		}
		steps = append(steps, step)
	}
	return steps
}

func stepAdjustmentFields(o *object) (step scale.StepAdjustment, hasAbove bool) {
	step.Above, hasAbove = required(o, "above", floatForm("a number, 0 or more", func(f float64) bool { return f >= 0 }))
	step.Change, _ = required(o, "change", intForm(1, scale.MaxNumber))
	return step, hasAbove
}

func percentFields(o *object) scale.Strategy {
	strategy := scale.Strategy{
		Up:        optional(o, "up", intForm(1, scale.MaxNumber)),
		Down:      optional(o, "down", intForm(1, 100)),
		MinChange: withDefault(o, "minChange", intForm(1, scale.MaxNumber), 1),
	}
	o.needsOneOf("up", "down")
	return strategy
}

func exactFields(o *object) scale.Strategy {
	size := intForm(0, scale.MaxNumber)
	strategy := scale.Strategy{Up: optional(o, "up", size), Down: optional(o, "down", size)}
	o.needsOneOf("up", "down")
	return strategy
}

func targetTrackingFields(o *object) scale.Strategy {
	var strategy scale.Strategy
	strategy.Target, _ = required(o, "target", positiveForm())
	strategy.Tolerance = readTolerance(o)
	return strategy
}

func perUnitFields(o *object) scale.Strategy {
	var strategy scale.Strategy
	strategy.Target, _ = required(o, "value", positiveForm())
	strategy.Tolerance = readTolerance(o)
	return strategy
}

func positiveForm() form[float64] {
	return floatForm("a number above 0", func(f float64) bool { return f > 0 })
}

// readTolerance reads one fraction for both directions, or one for each.
func readTolerance(o *object) scale.Tolerance {
	fraction := floatForm("a number from 0 to below 1", func(f float64) bool { return f >= 0 && f < 1 })
	up, down := readEach(o, "tolerance", fraction, defaultTolerance, defaultTolerance)
	return scale.Tolerance{Up: up, Down: down}
}

// readEach reads a field that is one value for both directions or an object with up and down. A direction that is left
// out has the given default.
func readEach[T any](o *object, name string, f form[T], up, down T) (gotUp, gotDown T) {
	v, ok := o.take(name)
	if !ok {
		return up, down
	}
	if _, isObject := v.json.(map[string]any); !isObject {
		f.expected += ", or an object with up and down"
		if both, ok := as(v, f); ok {
			return both, both
		}
		return up, down
	}
	each, _ := v.object("")
	up, down = eachFields(each, f, up, down)
	each.end("a " + name)
	each.needsOneOf("up", "down")
	return up, down
}

func eachFields[T any](o *object, f form[T], up, down T) (gotUp, gotDown T) {
	return withDefault(o, "up", f, up), withDefault(o, "down", f, down)
}

func readTriggers(v node) map[string]scale.Trigger {
	alerts, ok := v.json.(map[string]any)
	if !ok {
		v.mustBe("a map from the name of an alert or alarm to what it does")
		return nil
	}
	var triggers map[string]scale.Trigger
	for _, alert := range slices.Sorted(maps.Keys(alerts)) {
		if alert == "" {
			v.child(alert, alerts[alert]).wrong("must stand under the name of an alert, which is not empty")
		}
		if triggers == nil {
			triggers = make(map[string]scale.Trigger, len(alerts))
		}
		triggers[alert] = readTrigger(v.child(alert, alerts[alert]), true)
	}
	return triggers
}

// readTrigger reads a trigger, or the onClear of a trigger. mayClear says that it is a trigger, which may have an
// onClear.
func readTrigger(v node, mayClear bool) scale.Trigger {
	kind := "a trigger"
	if !mayClear {
		kind = "an onClear"
	}
	o, ok := v.object(kind + ": an object with direction, delta, count or strategy")
	if !ok {
		return scale.Trigger{}
	}
	trigger := triggerFields(o)
	if mayClear {
		if v, ok := o.take("onClear"); ok {
			trigger.OnClear = new(readTrigger(v, false))
		}
	}
	o.end(kind)
	return trigger
}

// triggerFields reads the fields that a trigger and its onClear share.
func triggerFields(o *object) scale.Trigger {
	var trigger scale.Trigger
	if word := optional(o, "direction", wordForm("up", "down")); word != nil {
		trigger.Direction = map[string]scale.Direction{"up": scale.Up, "down": scale.Down}[*word]
	}
	trigger.Delta = optional(o, "delta", nonZeroForm())
	trigger.Count = optional(o, "count", intForm(0, scale.MaxNumber))
	if v, ok := o.take("strategy"); ok {
		trigger.Strategy = new(readStrategy(v))
	}
	// A negative delta is a direction of its own; a positive one is so many units in the trigger's direction.
	if trigger.Direction == scale.Up && trigger.Delta != nil && *trigger.Delta < 0 {
		o.field("delta").wrong("must be above 0, as the direction is up")
	}
	o.atMostOneOf("delta", "count", "strategy")
	return trigger
}
