package scale

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// OutputName is the stack output from which the rules are read.
const OutputName = "pulumiscale"

// MaxNumber is the largest count, change or number of seconds that a rule may hold. Twice as much still fits an int32.
const MaxNumber = 1_000_000_000

// Rules maps the name of a pool to its rule.
type Rules map[string]Rule

// Rule says how one pool may be scaled. A Rule that came out of package parse is valid; the zero Rule is not.
type Rule struct {
	// Pool is the name of the pool: the key of the rule in the stack output.
	Pool string
	// Targets are the URNs to update, as `pulumi up --target` takes them: literal, or with the wildcards `*` and `**`.
	Targets []string
	// TargetDependents also updates what depends on the targets.
	TargetDependents bool
	// ConfigKey is the key of the stack's configuration that holds the count, with or without a namespace.
	ConfigKey string
	// ConfigPath says that ConfigKey is a path into a structured value, as in `pulumi config set --path`.
	ConfigPath bool
	// Min and Max are the guardrails: the count is never set outside them. Schedules are the windows in which different
	// guardrails are in force, inside Min and Max: see [Rule.Bounds].
	Min, Max  int
	Schedules []Window
	// Current is the pool's real size as the program exports it from the resource; nil if the rule has none.
	Current *int
	// Metrics are the numbers that a server looks at by itself to find the count; nil if there are none.
	Metrics []Metric
	// Cooldown is how long scaling is held off after a completed scaling.
	Cooldown Cooldown
	// OnCooldown says what becomes of a signal that arrives in the cooldown. The zero value is not valid.
	OnCooldown OnCooldown
	// Strategy turns a signal into a count.
	Strategy Strategy
	// Triggers are overrides for single alerts and metrics, by the name of the alert, alarm or metric.
	Triggers map[string]Trigger
	// MaxStep is the most that one signal, or the metrics, may move the pool.
	MaxStep MaxStep
	// Stabilize is how long the metrics must have wanted a count before the pool is moved there. Warmup is how long
	// after a scaling the metrics decide nothing.
	Stabilize Stabilize
	Warmup    time.Duration
	// Paused refuses scaling, in one direction or both. The zero value pauses nothing.
	Paused Pause
	// Refresh reads the real state of the targets before the update.
	Refresh bool
	// Guard lists what a preview must not show for the scaling to go on.
	Guard []Guard
	// Pending says what becomes of a scaling while changes are pending. The zero value refuses it, as RefusePending
	// does.
	Pending Allow
}

// Cooldown is how long a pool is left alone after a completed scaling.
//
// With Split false, Up and Down are equal and every change is held off for that long after any scaling. With Split
// true, a scale-out is held off for Up after a scale-out alone, and a scale-in for Down after any scaling.
type Cooldown struct {
	Up, Down time.Duration
	Split    bool
}

// MaxStep is the most units by which a pool is moved at once in each direction; 0 means no limit. It does not limit
// what a person or a schedule asks for, and the guardrails in force win over it.
type MaxStep struct{ Up, Down int }

// Stabilize is how long the metrics must have wanted a count before they move the pool there. The pool is scaled out to
// the smallest count that the metrics wanted within Up, and in to the largest count that they wanted within Down, as
// Kubernetes' HorizontalPodAutoscaler does.
type Stabilize struct{ Up, Down time.Duration }

// OnCooldown says what becomes of a signal that arrives while its pool cools down.
type OnCooldown string

const (
	// Ignore drops the signal.
	Ignore OnCooldown = "ignore"
	// Defer keeps the newest signal until the cooldown ends or its alarm clears.
	Defer OnCooldown = "defer"
)

// Pause says in which directions a pool must not be scaled.
type Pause string

const (
	// PauseNone pauses nothing.
	PauseNone Pause = ""
	// PauseBoth refuses every scaling.
	PauseBoth Pause = "both"
	// PauseUp refuses to scale out.
	PauseUp Pause = "up"
	// PauseDown refuses to scale in.
	PauseDown Pause = "down"
)

// Guard names something that a scaling's preview must not contain.
type Guard string

const (
	// GuardReplace refuses a scaling that would replace a resource.
	GuardReplace Guard = "replace"
	// GuardDelete refuses a scaling that would delete a resource outside the targets.
	GuardDelete Guard = "delete"
	// GuardUntargeted refuses a scaling that would touch a resource outside the targets and their dependents.
	GuardUntargeted Guard = "untargeted"
)

// Direction is the way a pool is scaled. The zero value says that nobody has chosen one yet.
type Direction int

const (
	// Up is scaling out: more capacity.
	Up Direction = 1
	// Down is scaling in: less capacity.
	Down Direction = -1
)

func (d Direction) String() string {
	switch d {
	case Up:
		return "up"
	case Down:
		return "down"
	}
	return "none"
}

// StrategyType names a way of turning a signal into a count.
type StrategyType string

const (
	// Step adds or removes a number of units: AWS's ChangeInCapacity.
	Step StrategyType = "step"
	// Percent adds or removes a share of the current count: AWS's PercentChangeInCapacity.
	Percent StrategyType = "percent"
	// Exact sets the count: AWS's ExactCapacity.
	Exact StrategyType = "exact"
	// TargetTracking keeps a metric, counted per unit, at a target value, as Kubernetes' HorizontalPodAutoscaler does.
	TargetTracking StrategyType = "targetTracking"
	// PerUnit keeps one unit for each given part of a total, such as a queue's length or the requests in a second.
	PerUnit StrategyType = "perUnit"
)

// Strategy turns a signal into a count. Which fields count depends on Type; the others are zero.
type Strategy struct {
	Type StrategyType
	// Up and Down are units (Step), percent (Percent) or sizes (Exact). Each is nil if the rule gives none.
	Up, Down *int
	// Steps refine Step. Of the steps whose Above is at most the distance of the metric's value from its threshold, the
	// last applies.
	Steps []StepAdjustment
	// MinChange is the least number of units by which Percent moves the pool; 0 and 1 both mean 1.
	MinChange int
	// Target is the value at which TargetTracking keeps the metric. For PerUnit it is how much of the total one unit
	// takes on.
	Target float64
	// Tolerance is how far the metric may be off its target before TargetTracking and PerUnit act.
	Tolerance Tolerance
}

// Tolerance is how far a metric may be above and below its target, as a fraction of the target, before the pool is
// scaled out or in.
type Tolerance struct{ Up, Down float64 }

// allows says whether a metric is near enough to its target; ratio is the metric divided by the target.
func (t Tolerance) allows(ratio float64) bool { return ratio <= 1+t.Up && ratio >= 1-t.Down }

// StepAdjustment is one step of a step strategy: for a metric past its threshold by Above or more, move by Change
// units.
type StepAdjustment struct {
	// Above is the distance from the threshold, in the metric's unit, in the direction of the signal.
	Above float64
	// Change is the number of units, in the direction of the signal.
	Change int
}

// Trigger overrides how one alert scales the pool. Fields left out fall back to what the alert itself and the rule say.
type Trigger struct {
	Direction Direction
	Delta     *int
	Count     *int
	Strategy  *Strategy
	// OnClear is what happens when the alert clears: nothing if it is nil. OnClear has no OnClear of its own.
	OnClear *Trigger
}

// Names returns the names of the pools, sorted.
func (r Rules) Names() []string { return slices.Sorted(maps.Keys(r)) }

// Find returns the rule of a pool; the error is an [*UnknownPoolError].
func (r Rules) Find(pool string) (Rule, error) {
	if rule, ok := r[pool]; ok {
		return rule, nil
	}
	names := r.Names()
	return Rule{}, &UnknownPoolError{Pool: pool, Nearest: Nearest(pool, names), Known: names}
}

// OneAway returns a count that the guardrails allow and that is one unit away from the present count. If min equals
// max, there is no such count, and OneAway returns max + 1.
func OneAway(rule Rule, count *int) int {
	at := rule.Min
	if count != nil {
		at = min(max(*count, rule.Min), rule.Max)
	}
	if at > rule.Min {
		return at - 1
	}
	return at + 1
}

// IsPattern says whether a target has wildcards, as `pulumi up --target` decides it: by an asterisk.
func IsPattern(target string) bool { return strings.Contains(target, "*") }

// MatchTargets returns a function that says whether the targets stand for a URN, by the rules of `pulumi up --target`:
// `*` stands for anything without a colon, `**` for anything on one line.
func MatchTargets(targets ...string) func(urn string) bool {
	patterns := make([]*regexp.Regexp, len(targets))
	for i, target := range targets {
		parts := strings.Split(regexp.QuoteMeta(target), `\*\*`)
		for j, part := range parts {
			parts[j] = strings.ReplaceAll(part, `\*`, `[^:]*`)
		}
		patterns[i] = regexp.MustCompile("^" + strings.Join(parts, ".*") + "$")
	}
	return func(urn string) bool {
		return slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(urn) })
	}
}

// UnmatchedTargets returns the targets of a rule that stand for none of the resources.
func UnmatchedTargets(rule Rule, resources ...[]string) []string {
	var out []string
	for _, target := range rule.Targets {
		match := MatchTargets(target)
		if !slices.ContainsFunc(resources, func(urns []string) bool { return slices.ContainsFunc(urns, match) }) {
			out = append(out, target)
		}
	}
	return out
}

// Unmatched returns the targets of the rule that stand for none of the resources.
func (r Rule) Unmatched(resources []string) []string { return UnmatchedTargets(r, resources) }
