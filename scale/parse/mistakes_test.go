package parse

import (
	"slices"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
)

type badDocument struct {
	name string
	json string
	want []scale.Problem
	// beyondSchema says that a JSON schema cannot state the rule: it finds the document valid.
	beyondSchema bool
}

const (
	mustBeCount    = "must be an integer from 0 to 1000000000"
	mustBeUnits    = "must be an integer from 1 to 1000000000"
	mustBeBool     = "must be true or false"
	mustBeDuration = "must be a duration such as 5m or 90s, or a number of seconds, from 0 to 1000000000 s"
	mustBeCooldown = mustBeDuration + ", or an object with up and down"
	mustBeTarget   = "must be a URN (urn:pulumi:...), or a pattern with * or **"
	mustBeKey      = "must be the key of a stack config value, such as workerCount or namespace:workerCount"
	notPulumis     = "must not be in the namespace pulumi, whose keys are settings of Pulumi itself: " + ownKeyForm
	notOurs        = "must not be in the namespace pulumiscale, whose keys are settings of PulumiScale itself, such as the token: " + ownKeyForm
	ownKeyForm     = "the count needs a key of the program's own, such as workerCount or namespace:workerCount"
	mustBePath     = `must be a path in the stack config, such as pools.worker.count or namespace:pools["my worker"].sizes[0]`
	mustBeTrigger  = "must be a trigger: an object with direction, delta, count or strategy"
	isString       = "; this is a string and must be a number"
	isNull         = "; to leave it out, leave out its name too"
	isSecret       = "is a secret; rules must not be secret (wrap it with unsecret)"
	isUnknown      = "is not known yet: run `pulumi up`"
	noOutput       = "the stack has no such output; export a map from pool name to rule under this name, such as " +
		"{worker-pool: {urn: ${pool.urn}, configKey: workerCount, min: 1, max: 10}}, and run `pulumi up`"
)

// badDocuments has a document for every rule that a stack output can break.
func badDocuments() []badDocument {
	return slices.Concat(badOutputs(), badTargetsAndKeys(), badNumbers(), badSchedules(), badStrategies(), badTriggersAndGuards(), badMetrics(), withheldDocuments())
}

// oneMistake is a document with one mistake, in one field of the pool "worker".
func oneMistake(name, field, json, path, found, expected string) badDocument {
	return badDocument{
		name: name, json: workerOutput(`"` + field + `":` + json),
		want: []scale.Problem{{Pool: "worker", Field: path, Found: found, Expected: expected}},
	}
}

func (d badDocument) suggesting(word string) badDocument {
	d.want[0].Suggestion = word
	return d
}

func (d badDocument) invisible() badDocument {
	d.beyondSchema = true
	return d
}

func badOutputs() []badDocument {
	whole := func(found, expected string) []scale.Problem {
		return []scale.Problem{{Found: found, Expected: expected}}
	}
	pool := func(name string) []scale.Problem {
		return []scale.Problem{{Pool: name, Expected: "the name of a pool must be 1 to 63 letters, digits, -, _ or ., and neither . nor .. alone, which no URL can carry"}}
	}
	rule := strings.TrimSuffix(strings.TrimPrefix(workerOutput(), `{"worker":`), `}`)
	long := strings.Repeat("x", 64)
	return []badDocument{
		{name: "there is an output", json: ``, want: whole("", noOutput)},
		{name: "there is an output, and not blanks", json: " \n", want: whole("", noOutput)},
		{name: "there is an output, and not null", json: `null`, want: whole("", noOutput)},
		{name: "the output is JSON", json: `{"a":`, want: whole("", "must be JSON: unexpected end of JSON input")},
		{name: "the output is one value", json: `{} {}`, want: whole("", "must be JSON: invalid character '{' after top-level value")},
		{name: "the output is a map", json: `[1]`, want: whole("[1]", "must be a map from pool name to rule")},
		{name: "the output is no secret", json: `"[secret]"`, want: whole(`"[secret]"`, isSecret)},
		{name: "the output is known", json: unknownJSON, want: whole(`"[unknown]"`, isUnknown)},
		{
			name: "a rule is an object", json: `{"worker":5}`,
			want: []scale.Problem{{Pool: "worker", Found: "5", Expected: "must be a rule: an object with urn or targets, configKey, min and max"}},
		},
		{name: "a pool has a name", json: `{"":` + rule + `}`, want: pool("")},
		{name: "a pool's name has no blanks", json: `{"a b":` + rule + `}`, want: pool("a b")},
		{name: "a pool's name is ASCII", json: `{"ä":` + rule + `}`, want: pool("ä")},
		{name: "a pool's name has at most 63 characters", json: `{"` + long + `":` + rule + `}`, want: pool(long)},
		{name: "a pool's name is not what a URL leaves out", json: `{".":` + rule + `}`, want: pool(".")},
		{name: "a pool's name does not go up in a URL", json: `{"..":` + rule + `}`, want: pool("..")},
		{name: "a rule has what is required", json: `{"worker":{}}`, want: []scale.Problem{
			{Pool: "worker", Field: "urn", Expected: "is required: a URN here, or a list of them in targets"},
			{Pool: "worker", Field: "configKey", Expected: strings.Replace(mustBeKey, "must be", "is required:", 1)},
			{Pool: "worker", Field: "min", Expected: strings.Replace(mustBeCount, "must be", "is required:", 1)},
			{Pool: "worker", Field: "max", Expected: strings.Replace(mustBeCount, "must be", "is required:", 1)},
		}},
		oneMistake("a rule has no other fields", "nme", `1`, "nme", `1`, "no such field in a rule"),
		oneMistake("a misspelt field is recognised", "trigger", `{}`, "trigger", `{}`, "no such field in a rule").suggesting("triggers"),
		oneMistake("a field in another case is recognised", "target_dependents", `true`, "target_dependents", `true`,
			"no such field in a rule").suggesting("targetDependents"),
		oneMistake("a field has a plain name", "a \\\" b", `1`, `["a \" b"]`, `1`, "no such field in a rule"),
		oneMistake("what stands there is shown as it is", "x", `"<&>"`, "x", `"<&>"`, "no such field in a rule"),
		oneMistake("what stands there is shortened", "x", `"`+strings.Repeat("y", 50)+`"`, "x", `"`+strings.Repeat("y", 38)+`…`,
			"no such field in a rule"),
	}
}

func badTargetsAndKeys() []badDocument {
	path := func(name, key string) badDocument {
		d := oneMistake(name, "configKey", key, "configKey", key, mustBePath)
		d.json = workerOutput(`"configKey":`+key, `"configPath":true`)
		return d
	}
	const (
		manyTargets = "must be a list of at least one URN; a single one may stand in urn instead"
		bothTargets = "must be left out where urn is given: the two exclude each other"
	)
	targets := func(name, list, path, found, expected string) badDocument {
		return badDocument{
			name: name, json: `{"worker":{"targets":` + list + `,"configKey":"workerCount","min":1,"max":10}}`,
			want: []scale.Problem{{Pool: "worker", Field: path, Found: found, Expected: expected}},
		}
	}
	return []badDocument{
		oneMistake("urn is a string", "urn", `["a*"]`, "urn", `["a*"]`, mustBeTarget),
		oneMistake("urn is not empty", "urn", `""`, "urn", `""`, mustBeTarget),
		oneMistake("urn is no id", "urn", `"i-0123"`, "urn", `"i-0123"`, mustBeTarget),
		oneMistake("urn and targets exclude each other", "targets", `["a*"]`, "targets", `["a*"]`, bothTargets),
		targets("targets is a list", `"a*"`, "targets", `"a*"`, manyTargets),
		targets("targets is not empty", `[]`, "targets", `[]`, manyTargets),
		targets("targets are strings", `["a*",5]`, "targets[1]", `5`, mustBeTarget),
		targets("targets are URNs", `["worker"]`, "targets[0]", `"worker"`, mustBeTarget),
		oneMistake("targetDependents is a bool", "targetDependents", `1`, "targetDependents", `1`, mustBeBool),
		oneMistake("targetDependents is no string", "targetDependents", `"true"`, "targetDependents", `"true"`,
			mustBeBool+"; this is a string and must be a bool"),
		oneMistake("configKey is a string", "configKey", `5`, "configKey", `5`, mustBeKey),
		oneMistake("configKey is not null", "configKey", `null`, "configKey", `null`, mustBeKey+isNull),
		oneMistake("configKey is not empty", "configKey", `""`, "configKey", `""`, mustBeKey),
		oneMistake("configKey has no blanks", "configKey", `"a b"`, "configKey", `"a b"`, mustBeKey),
		oneMistake("configKey has a name behind its namespace", "configKey", `"ns:"`, "configKey", `"ns:"`, mustBeKey),
		oneMistake("configKey has a namespace before the colon", "configKey", `":a"`, "configKey", `":a"`, mustBeKey),
		oneMistake("configKey has three parts only with config", "configKey", `"a:b:c"`, "configKey", `"a:b:c"`, mustBeKey),
		oneMistake("a key is none of Pulumi's own settings", "configKey", `"pulumi:parallel"`, "configKey", `"pulumi:parallel"`, notPulumis),
		oneMistake("nor is one that is spelled as of old", "configKey", `"pulumi:config:tags"`, "configKey", `"pulumi:config:tags"`, notPulumis),
		oneMistake("a key is not the token", "configKey", `"pulumiscale:token"`, "configKey", `"pulumiscale:token"`, notOurs),
		oneMistake("a key is not another of PulumiScale's", "configKey", `"pulumiscale:workers"`, "configKey", `"pulumiscale:workers"`, notOurs),
		{
			name: "a path is none of Pulumi's own settings", json: workerOutput(`"configKey":"pulumi:tags.count"`, `"configPath":true`),
			want: []scale.Problem{{Pool: "worker", Field: "configKey", Found: `"pulumi:tags.count"`, Expected: notPulumis}},
		},
		{
			name: "a path does not lead into PulumiScale's settings", json: workerOutput(`"configKey":"pulumiscale:token[0]"`, `"configPath":true`),
			want: []scale.Problem{{Pool: "worker", Field: "configKey", Found: `"pulumiscale:token[0]"`, Expected: notOurs}},
		},
		oneMistake("configPath is a bool", "configPath", `"yes"`, "configPath", `"yes"`, mustBeBool),
		{
			name: "a key is not judged while it is unknown whether it is a path", json: workerOutput(`"configKey":"a[\"b c\"]"`, `"configPath":1`),
			want: []scale.Problem{{Pool: "worker", Field: "configPath", Found: "1", Expected: mustBeBool}},
		},
		path("a path does not begin with a dot", `".a"`),
		path("a path does not end with a dot", `"a."`),
		path("a path has no empty name", `"a..b"`),
		path("a path's brackets are closed", `"a[0"`),
		path("a path's brackets are opened", `"a0]"`),
		path("a path's quotes are closed", `"a[\"b]"`),
		path("a path's indexes are not negative", `"a[-1]"`),
		path("a path's names in brackets are quoted", `"a[b]"`),
		path("a path begins with no index", `"[0].a"`),
	}
}

func badNumbers() []badDocument {
	const atMost100 = "must be an integer from 1 to 100"
	return []badDocument{
		oneMistake("min is an integer", "min", `1.5`, "min", `1.5`, mustBeCount),
		oneMistake("min is not negative", "min", `-1`, "min", `-1`, mustBeCount),
		oneMistake("min is not above max", "min", `11`, "min", `11`, "must not be above max, which is 10").invisible(),
		oneMistake("max is no string", "max", `"10"`, "max", `"10"`, mustBeCount+isString),
		oneMistake("max is no word", "max", `"ten"`, "max", `"ten"`, mustBeCount),
		oneMistake("max is not null", "max", `null`, "max", `null`, mustBeCount+isNull),
		oneMistake("max is no more than the largest number", "max", `1000000001`, "max", `1000000001`, mustBeCount),
		oneMistake("current is an integer", "current", `{}`, "current", `{}`, mustBeCount),
		oneMistake("current is not null", "current", `null`, "current", `null`, mustBeCount+isNull),
		oneMistake("current is not negative", "current", `-1`, "current", `-1`, mustBeCount),
		oneMistake("a cooldown has a unit", "cooldown", `"5"`, "cooldown", `"5"`, mustBeCooldown+isString),
		oneMistake("a cooldown has a unit that is known", "cooldown", `"5d"`, "cooldown", `"5d"`, mustBeCooldown),
		oneMistake("a cooldown is not negative", "cooldown", `-1`, "cooldown", `-1`, mustBeCooldown),
		oneMistake("a cooldown has no sign", "cooldown", `"-5m"`, "cooldown", `"-5m"`, mustBeCooldown),
		oneMistake("a cooldown is no list", "cooldown", `[1]`, "cooldown", `[1]`, mustBeCooldown),
		oneMistake("a cooldown is no more than the largest number", "cooldown", `1e10`, "cooldown", `10000000000`, mustBeCooldown),
		oneMistake("a cooldown's duration is no longer", "cooldown", `"300000h"`, "cooldown", `"300000h"`, mustBeCooldown).invisible(),
		oneMistake("a cooldown fits a duration", "cooldown", `"99999999999h"`, "cooldown", `"99999999999h"`, mustBeCooldown).invisible(),
		oneMistake("a direction's cooldown is a duration", "cooldown", `{"up":true}`, "cooldown.up", `true`, mustBeDuration),
		oneMistake("a direction's cooldown is no object", "cooldown", `{"down":{"up":1}}`, "cooldown.down", `{"up":1}`, mustBeDuration),
		oneMistake("a cooldown has a direction", "cooldown", `{}`, "cooldown", `{}`, "must have at least one of up and down"),
		oneMistake("a cooldown has no other fields", "cooldown", `{"up":1,"dwon":1}`, "cooldown.dwon", `1`,
			"no such field in a cooldown").suggesting("down"),
		oneMistake("a step's units are positive", "strategy", `{"type":"step","up":0}`, "strategy.up", `0`, mustBeUnits),
		oneMistake("a step's units are integers", "strategy", `{"type":"step","down":0.5}`, "strategy.down", `0.5`, mustBeUnits),
		oneMistake("a share is positive", "strategy", `{"type":"percent","up":0}`, "strategy.up", `0`, mustBeUnits),
		oneMistake("no more than all is removed", "strategy", `{"type":"percent","down":101}`, "strategy.down", `101`, atMost100),
		oneMistake("a share's least change is positive", "strategy", `{"type":"percent","up":5,"minChange":0}`, "strategy.minChange", `0`, mustBeUnits),
		oneMistake("a size is not negative", "strategy", `{"type":"exact","up":-1}`, "strategy.up", `-1`, mustBeCount),
		oneMistake("a size is an integer", "strategy", `{"type":"exact","down":"5"}`, "strategy.down", `"5"`, mustBeCount+isString),
		oneMistake("a tracked target is positive", "strategy", `{"type":"targetTracking","target":0}`, "strategy.target", `0`,
			"must be a number above 0"),
		oneMistake("a tracked target is a number", "strategy", `{"type":"targetTracking","target":"70"}`, "strategy.target", `"70"`,
			"must be a number above 0"+isString),
		oneMistake("a tolerance is below 1", "strategy", `{"type":"targetTracking","target":1,"tolerance":1}`, "strategy.tolerance", `1`,
			"must be a number from 0 to below 1, or an object with up and down"),
		oneMistake("a tolerance is not negative", "strategy", `{"type":"targetTracking","target":1,"tolerance":-0.1}`, "strategy.tolerance",
			`-0.1`, "must be a number from 0 to below 1, or an object with up and down"),
	}
}

func badStrategies() []badDocument {
	const (
		strategyType = "must be step, percent, exact, targetTracking or perUnit"
		someSteps    = "must be a list of at least one step, each with above and change"
		someUpOrDown = "must have at least one of up and down"
	)
	steps := func(name, list, path, found, expected string) badDocument {
		return oneMistake(name, "strategy", `{"type":"step","steps":`+list+`}`, path, found, expected)
	}
	return []badDocument{
		oneMistake("a strategy is an object", "strategy", `"step"`, "strategy", `"step"`,
			"must be a strategy: an object with a type, which is step, percent, exact, targetTracking or perUnit"),
		oneMistake("a strategy has a type", "strategy", `{"up":1}`, "strategy.type", "",
			strings.Replace(strategyType, "must be", "is required:", 1)),
		oneMistake("a strategy's type is known", "strategy", `{"type":"linear","target":0}`, "strategy.type", `"linear"`, strategyType),
		oneMistake("a strategy's type is spelt right", "strategy", `{"type":"steps"}`, "strategy.type", `"steps"`, strategyType).suggesting("step"),
		{
			name: "a field of no strategy is a mistake in one of unknown type too", json: workerOutput(`"strategy":{"type":5,"tolerence":1}`),
			want: []scale.Problem{
				{Pool: "worker", Field: "strategy.type", Found: "5", Expected: strategyType},
				{Pool: "worker", Field: "strategy.tolerence", Found: "1", Expected: "no such field in a strategy", Suggestion: "tolerance"},
			},
		},
		oneMistake("a step has no fields of other strategies", "strategy", `{"type":"step","minChange":1}`, "strategy.minChange", `1`,
			"no such field in a strategy of type step"),
		oneMistake("a share has no fields of other strategies", "strategy", `{"type":"percent","up":1,"steps":[]}`, "strategy.steps", `[]`,
			"no such field in a strategy of type percent"),
		oneMistake("an exact size has no fields of other strategies", "strategy", `{"type":"exact","up":1,"target":1}`, "strategy.target", `1`,
			"no such field in a strategy of type exact"),
		oneMistake("target tracking has no fields of other strategies", "strategy", `{"type":"targetTracking","target":1,"up":1}`, "strategy.up",
			`1`, "no such field in a strategy of type targetTracking"),
		oneMistake("a share has a direction", "strategy", `{"type":"percent"}`, "strategy", `{"type":"percent"}`, someUpOrDown),
		oneMistake("an exact size has a direction", "strategy", `{"type":"exact"}`, "strategy", `{"type":"exact"}`, someUpOrDown),
		oneMistake("target tracking has a target", "strategy", `{"type":"targetTracking"}`, "strategy.target", "", "is required: a number above 0"),
		steps("steps are a list", `{}`, "strategy.steps", `{}`, someSteps),
		steps("there is a step", `[]`, "strategy.steps", `[]`, someSteps),
		steps("a step is an object", `[5]`, "strategy.steps[0]", `5`, "must be a step: an object with above and change"),
		steps("a step has a bound", `[{"change":1}]`, "strategy.steps[0].above", "", "is required: a number, 0 or more"),
		steps("a step's bound is not negative", `[{"above":-1,"change":1}]`, "strategy.steps[0].above", `-1`, "must be a number, 0 or more"),
		steps("a step has a change", `[{"above":1}]`, "strategy.steps[0].change", "",
			strings.Replace(mustBeUnits, "must be", "is required:", 1)),
		steps("a step's change is positive", `[{"above":1,"change":0}]`, "strategy.steps[0].change", `0`, mustBeUnits),
		steps("a step has no other fields", `[{"above":1,"change":1,"up":1}]`, "strategy.steps[0].up", `1`, "no such field in a step"),
		steps("steps ascend", `[{"above":2,"change":1},{"above":1,"change":2}]`, "strategy.steps[1].above", `1`,
			"must be more than in the step before, where it is 2").invisible(),
		steps("steps ascend strictly", `[{"above":2,"change":1},{"above":2,"change":2}]`, "strategy.steps[1].above", `2`,
			"must be more than in the step before, where it is 2").invisible(),
	}
}

func badTriggersAndGuards() []badDocument {
	const (
		anyDelta   = "must be an integer from -1000000000 to 1000000000, but not 0"
		oneChange  = "must have at most one of delta, count and strategy"
		mustPause  = "must be true, false, up or down"
		guardWords = "must be replace, delete or untargeted"
	)
	trigger := func(name, json, path, found, expected string) badDocument {
		return oneMistake(name, "triggers", `{"HighCPU":`+json+`}`, "triggers.HighCPU"+path, found, expected)
	}
	return []badDocument{
		oneMistake("onCooldown is a word", "onCooldown", `true`, "onCooldown", `true`, "must be ignore or defer"),
		oneMistake("onCooldown is a word that is known", "onCooldown", `"Defer"`, "onCooldown", `"Defer"`,
			"must be ignore or defer").suggesting("defer"),
		oneMistake("onCooldown is no number in a string", "onCooldown", `"5"`, "onCooldown", `"5"`, "must be ignore or defer"),
		oneMistake("triggers are a map", "triggers", `[]`, "triggers", `[]`, "must be a map from the name of an alert or alarm to what it does"),
		oneMistake("a trigger has a name", "triggers", `{"":{}}`, `triggers[""]`, `{}`, "must stand under the name of an alert, which is not empty"),
		oneMistake("a trigger's name may need quotes", "triggers", `{"High CPU":1}`, `triggers["High CPU"]`, `1`, mustBeTrigger),
		trigger("a trigger is an object", `null`, "", `null`, mustBeTrigger+isNull),
		trigger("a trigger's direction is known", `{"direction":"in"}`, ".direction", `"in"`, "must be up or down"),
		trigger("a trigger's delta is an integer", `{"delta":1.5}`, ".delta", `1.5`, anyDelta),
		trigger("a trigger's delta is not 0", `{"delta":0}`, ".delta", `0`, anyDelta),
		trigger("a trigger's delta is at least minus the largest number", `{"delta":-1e10}`, ".delta", `-10000000000`, anyDelta),
		trigger("a trigger's count is not negative", `{"count":-1}`, ".count", `-1`, mustBeCount),
		trigger("a trigger's strategy is one", `{"strategy":{"type":"exact"}}`, ".strategy", `{"type":"exact"}`,
			"must have at least one of up and down"),
		trigger("delta and count exclude each other", `{"delta":1,"count":1}`, "", `{"count":1,"delta":1}`, oneChange),
		trigger("delta and strategy exclude each other", `{"delta":1,"strategy":{"type":"step"}}`, "",
			`{"delta":1,"strategy":{"type":"step"}}`, oneChange),
		trigger("count and strategy exclude each other", `{"count":1,"strategy":{"type":"step"}}`, "",
			`{"count":1,"strategy":{"type":"step"}}`, oneChange),
		trigger("a negative delta does not go up", `{"direction":"up","delta":-1}`, ".delta", `-1`, "must be above 0, as the direction is up"),
		trigger("a trigger has no other fields", `{"onclear":{}}`, ".onclear", `{}`, "no such field in a trigger").suggesting("onClear"),
		trigger("an onClear is an object", `{"onClear":1}`, ".onClear", `1`,
			"must be an onClear: an object with direction, delta, count or strategy"),
		trigger("an onClear has a trigger's rules", `{"onClear":{"delta":0}}`, ".onClear.delta", `0`, anyDelta),
		trigger("an onClear has no onClear", `{"onClear":{"onClear":{}}}`, ".onClear.onClear", `{}`, "no such field in an onClear"),
		oneMistake("paused is a bool or a direction", "paused", `1`, "paused", `1`, mustPause),
		oneMistake("paused is a direction that is known", "paused", `"both"`, "paused", `"both"`, mustPause),
		oneMistake("paused is no string that holds a bool", "paused", `"true"`, "paused", `"true"`, mustPause+"; this is a string and must be a bool"),
		oneMistake("refresh is a bool", "refresh", `0`, "refresh", `0`, mustBeBool),
		oneMistake("pending is a word that is known", "pending", `"allows"`, "pending", `"allows"`, "must be refuse or allow").suggesting("allow"),
		oneMistake("guard is a list", "guard", `"replace"`, "guard", `"replace"`, "must be a list of replace, delete and untargeted"),
		oneMistake("a guard is a word", "guard", `[1]`, "guard[0]", `1`, guardWords),
		oneMistake("a guard is a word that is known", "guard", `["deletes"]`, "guard[0]", `"deletes"`, guardWords).suggesting("delete"),
		oneMistake("a guard stands once", "guard", `["delete","replace","delete"]`, "guard[2]", `"delete"`,
			"must be left out: it stands in the list already"),
	}
}

func withheldDocuments() []badDocument {
	secret := func(field, json, path string) badDocument {
		return oneMistake(path+" is no secret", field, json, path, `"[secret]"`, isSecret)
	}
	unknown := func(field string) badDocument {
		return oneMistake(field+" is known", field, unknownJSON, field, `"[unknown]"`, isUnknown)
	}
	plaintext := strings.Replace(secretJSON, "ciphertext", "plaintext", 1)
	return []badDocument{
		{name: "a rule is no secret", json: `{"worker":` + secretJSON + `}`, want: []scale.Problem{{Pool: "worker", Found: `"[secret]"`, Expected: isSecret}}},
		secret("min", secretJSON, "min"),
		secret("max", plaintext, "max"),
		secret("current", `"[secret]"`, "current"),
		secret("urn", secretJSON, "urn"),
		secret("configKey", `"[secret]"`, "configKey"),
		secret("refresh", secretJSON, "refresh"),
		secret("cooldown", `{"up":`+secretJSON+`}`, "cooldown.up"),
		secret("cooldown", secretJSON, "cooldown"),
		secret("guard", secretJSON, "guard"),
		secret("guard", `["replace",`+secretJSON+`]`, "guard[1]"),
		secret("strategy", secretJSON, "strategy"),
		secret("strategy", `{"type":"[secret]"}`, "strategy.type"),
		secret("triggers", secretJSON, "triggers"),
		secret("triggers", `{"HighCPU":`+secretJSON+`}`, "triggers.HighCPU"),
		secret("triggers", `{"HighCPU":{"onClear":{"count":"[secret]"}}}`, "triggers.HighCPU.onClear.count"),
		unknown("current"),
		unknown("urn"),
		unknown("configKey"),
		unknown("triggers"),
	}
}
