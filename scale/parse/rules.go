package parse

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// defaultCooldown is the cooldown of a rule that names none: the default of AWS's simple scaling policies.
const defaultCooldown = 300 * time.Second

// The patterns of the strings in a rule. The JSON schema in docs/ holds the same patterns, and a test checks that it
// does.
//
// A config key is `name`, `namespace:name` or `namespace:config:name`, as Pulumi's config.ParseKey reads it; a path is
// what `pulumi config set --path` takes: names divided by dots, with ["quoted names"] and [indexes].
var (
	poolPattern    = regexp.MustCompile(`^[A-Za-z0-9._-]{1,63}$`)
	targetPattern  = regexp.MustCompile(`^(urn:pulumi:.+|.*\*.*)$`)
	keyPattern     = regexp.MustCompile(`^([^:\s]+:(config:)?)?[^:\s]+$`)
	keyPathPattern = regexp.MustCompile(`^([^:\s.\[\]"]+:(config:)?)?([^:\s.\[\]"]+|\["(\\"|[^":\\])+"\])` +
		`(\.[^:\s.\[\]"]+|\[([0-9]{1,9}|"(\\"|[^"\\])+")\])*$`)
	durationPattern = regexp.MustCompile(`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`)
)

// Rules reads the rules from the JSON of the stack output named [scale.OutputName]; empty or null says that the stack
// has no such output. The error is always a [*scale.RulesError] with every mistake in the output, ordered by pool and
// then as the fields stand in docs/rules.md. With an error there are no rules, not even the rules of the pools without
// a mistake.
//
// A value that Pulumi holds as a secret is a mistake, and its content does not appear in the error.
func Rules(output []byte) (scale.Rules, error) { return ProjectRules("", output) }

// ProjectRules is [Rules] for the output of a stack of the given project. The project's name is the namespace of a key
// that has none. Without the project's name, `count` and `project:count` are not known to be one key.
func ProjectRules(project string, output []byte) (scale.Rules, error) {
	r := &reader{}
	rules := r.rules(output)
	r.ownKeys(project, rules)
	if len(r.problems) > 0 {
		return nil, &scale.RulesError{Problems: r.problems, Keys: keysOf(rules, r.problems)}
	}
	return rules, nil
}

// keysOf returns the rules of the pools whose name and key have no mistake. These rules have nothing but their config
// keys.
func keysOf(rules scale.Rules, problems []scale.Problem) scale.Rules {
	keys := scale.Rules{}
	for name, rule := range rules {
		if rule.ConfigKey != "" {
			keys[name] = scale.Rule{Pool: name, ConfigKey: rule.ConfigKey, ConfigPath: rule.ConfigPath}
		}
	}
	for _, p := range problems {
		if p.Field == "" || p.Field == "configKey" || p.Field == "configPath" {
			delete(keys, p.Pool)
		}
	}
	return keys
}

// poolForm says what the name of a pool must be.
const poolForm = "the name of a pool must be 1 to 63 letters, digits, -, _ or ., and neither . nor .. alone, which no URL can carry"

// isPoolName says whether a pool may have that name. HTTP clients take "." and ".." out of the path of a URL.
func isPoolName(name string) bool {
	return poolPattern.MatchString(name) && name != "." && name != ".."
}

// CheckPool returns a [*scale.UsageError] that says what is wrong with the name of a pool in a field of a request; nil
// if the name is a good one.
func CheckPool(field, name string) error {
	if !isPoolName(name) {
		return &scale.UsageError{Field: field, Problem: poolForm}
	}
	return nil
}

func (r *reader) rules(output []byte) scale.Rules {
	var document any
	if len(bytes.TrimSpace(output)) > 0 {
		if err := json.Unmarshal(output, &document); err != nil {
			r.add(scale.Problem{Expected: fmt.Sprintf("must be JSON: %v", err)})
			return nil
		}
	}
	if document == nil {
		r.add(scale.Problem{Expected: "the stack has no such output; export a map from pool name to rule under this name, such as " +
			"{worker-pool: {urn: ${pool.urn}, configKey: workerCount, min: 1, max: 10}}, and run `pulumi up`"})
		return nil
	}
	root := node{reader: r, json: withhold(document)}
	pools, ok := root.json.(map[string]any)
	if !ok {
		root.mustBe("a map from pool name to rule")
		return nil
	}
	rules := make(scale.Rules, len(pools))
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		r.pool = name
		if !isPoolName(name) {
			r.add(scale.Problem{Pool: name, Expected: poolForm})
		}
		rules[name] = readRule(name, node{reader: r, json: pools[name]})
	}
	return rules
}

func readRule(pool string, v node) scale.Rule {
	o, ok := v.object("a rule: an object with urn or targets, configKey, min and max")
	if !ok {
		return scale.Rule{}
	}
	rule := ruleFields(o)
	rule.Pool = pool
	o.end("a rule")
	return rule
}

// ruleFields reads the fields of a rule in the order of docs/rules.md, which is also the order of the mistakes.
func ruleFields(o *object) scale.Rule {
	var rule scale.Rule
	rule.Targets = readTargets(o)
	rule.TargetDependents = withDefault(o, "targetDependents", boolForm(), false)
	rule.ConfigKey, rule.ConfigPath = readConfigKey(o)
	var bounded bool
	rule.Min, rule.Max, bounded = readGuardrails(o)
	if v, ok := o.take("schedules"); ok {
		rule.Schedules = readSchedules(v, rule, bounded)
	}
	rule.Current = optional(o, "current", intForm(0, scale.MaxNumber))
	rule.Cooldown = readCooldown(o)
	rule.OnCooldown = withDefault(o, "onCooldown", wordForm(scale.Ignore, scale.Defer), scale.Ignore)
	rule.Strategy = defaultStrategy()
	if v, ok := o.take("strategy"); ok {
		rule.Strategy = readStrategy(v)
	}
	if v, ok := o.take("triggers"); ok {
		rule.Triggers = readTriggers(v)
	}
	if v, ok := o.take("metrics"); ok {
		rule.Metrics = readMetrics(v, rule)
	}
	rule.MaxStep.Up, rule.MaxStep.Down = readEach(o, "maxStep", intForm(1, scale.MaxNumber), 0, 0)
	rule.Stabilize.Up, rule.Stabilize.Down = readEach(o, "stabilize", durationForm(), 0, defaultStabilize)
	rule.Warmup = withDefault(o, "warmup", durationForm(), 0)
	rule.Paused = withDefault(o, "paused", pauseForm(), scale.PauseNone)
	rule.Refresh = withDefault(o, "refresh", boolForm(), false)
	if v, ok := o.take("guard"); ok {
		rule.Guard = readGuard(v)
	}
	rule.Pending = withDefault(o, "pending", wordForm(scale.RefusePending, scale.AllowPending), scale.RefusePending)
	return rule
}

func readTargets(o *object) []string {
	target := textForm(targetPattern, "a URN (urn:pulumi:...), or a pattern with * or **")
	urn := optional(o, "urn", target)
	many, hasMany := o.take("targets")
	var targets []string
	if urn != nil {
		targets = []string{*urn}
	}
	if hasMany {
		for _, item := range many.list(1, "a list of at least one URN; a single one may stand in urn instead") {
			one, _ := as(item, target)
			targets = append(targets, one)
		}
	}
	switch {
	case !o.has("urn") && !hasMany:
		o.missing("urn", "a URN here, or a list of them in targets")
	case o.has("urn") && hasMany:
		many.wrong("must be left out where urn is given: the two exclude each other")
	}
	return targets
}

// readConfigKey looks at the key only after configPath, which decides what a valid key is.
func readConfigKey(o *object) (key string, path bool) {
	kind := "the key of a stack config value, such as workerCount or namespace:workerCount"
	got, ok := required(o, "configKey", textForm(nil, kind))
	isPath := optional(o, "configPath", boolForm())
	switch {
	case !ok || o.has("configPath") && isPath == nil:
	case reserved(got) != "":
		o.field("configKey").wrong(reserved(got))
	case isPath != nil && *isPath:
		path = true
		as(o.field("configKey"), textForm(keyPathPattern, "a path in the stack config, such as pools.worker.count or "+
			`namespace:pools["my worker"].sizes[0]`))
	default:
		as(o.field("configKey"), textForm(keyPattern, kind))
	}
	return got, path
}

// readGuardrails reads min and max; ok says whether they are right.
func readGuardrails(o *object) (lowest, highest int, ok bool) {
	lowest, hasLowest := required(o, "min", intForm(0, scale.MaxNumber))
	highest, hasHighest := required(o, "max", intForm(0, scale.MaxNumber))
	if hasLowest && hasHighest && lowest > highest {
		o.field("min").wrong(fmt.Sprintf("must not be above max, which is %d", highest))
	}
	return lowest, highest, hasLowest && hasHighest && lowest <= highest
}

func readCooldown(o *object) scale.Cooldown {
	up, down := readEach(o, "cooldown", durationForm(), defaultCooldown, defaultCooldown)
	_, split := o.fields["cooldown"].(map[string]any)
	return scale.Cooldown{Up: up, Down: down, Split: split}
}

func readGuard(v node) []scale.Guard {
	var guards []scale.Guard
	for _, item := range v.list(0, "a list of replace, delete and untargeted") {
		guard, ok := as(item, wordForm(scale.GuardReplace, scale.GuardDelete, scale.GuardUntargeted))
		if ok && slices.Contains(guards, guard) {
			item.wrong("must be left out: it stands in the list already")
		}
		guards = append(guards, guard)
	}
	return guards
}

// pauseForm is how a rule writes a [scale.Pause]: true is both directions, false is none.
func pauseForm() form[scale.Pause] {
	directions := wordForm(scale.PauseUp, scale.PauseDown)
	return form[scale.Pause]{
		expected: "true, false, up or down",
		words:    directions.words,
		read: func(json any) (scale.Pause, bool) {
			switch json {
			case true:
				return scale.PauseBoth, true
			case false:
				return scale.PauseNone, true
			}
			return directions.read(json)
		},
	}
}

// durationForm is the form of a duration: a string such as "5m" or "1h30m", or a number of seconds.
func durationForm() form[time.Duration] {
	return form[time.Duration]{
		expected: fmt.Sprintf("a duration such as 5m or 90s, or a number of seconds, from 0 to %d s", scale.MaxNumber),
		read: func(json any) (time.Duration, bool) {
			switch got := json.(type) {
			case float64:
				return time.Duration(got * float64(time.Second)), got >= 0 && got <= scale.MaxNumber
			case string:
				d, err := time.ParseDuration(got)
				return d, err == nil && durationPattern.MatchString(got) && d <= scale.MaxNumber*time.Second
			}
			return 0, false
		},
	}
}
