package parse

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

const (
	stackURN  = "urn:pulumi:dev::demo::pulumi:pulumi:Stack::demo-dev"
	workerURN = "urn:pulumi:dev::demo::pkg:index:WorkerPool::worker"

	secretJSON  = `{"4dabf18193072939515e22adb298388d":"1b47061264138c4ac30d75fd1eb44270","ciphertext":"v1:abcdef"}`
	unknownJSON = `"04da6b54-80e4-46f7-96ec-b56ff0331ba9"`
)

// workerOutput is an output with one pool, "worker", of the least rule and these fields. If a name stands twice, the
// last one counts.
func workerOutput(fields ...string) string {
	least := []string{`"urn":"` + workerURN + `"`, `"configKey":"workerCount"`, `"min":1`, `"max":10`}
	return `{"worker":{` + strings.Join(append(least, fields...), ",") + `}}`
}

// leastRule is the rule of workerOutput() with the defaults that the design names.
func leastRule() scale.Rule {
	return scale.Rule{
		Pool:       "worker",
		Targets:    []string{workerURN},
		ConfigKey:  "workerCount",
		Min:        1,
		Max:        10,
		Cooldown:   scale.Cooldown{Up: 5 * time.Minute, Down: 5 * time.Minute},
		OnCooldown: scale.Ignore,
		Strategy:   scale.Strategy{Type: scale.Step, Up: new(1), Down: new(1)},
		Stabilize:  scale.Stabilize{Down: 5 * time.Minute},
		Pending:    scale.RefusePending,
	}
}

type goodDocument struct {
	name string
	json string
	// rule is how the pool "worker" differs from leastRule.
	rule func(*scale.Rule)
}

func goodDocuments() []goodDocument {
	strategy := func(s scale.Strategy) func(*scale.Rule) { return func(r *scale.Rule) { r.Strategy = s } }
	trigger := func(t scale.Trigger) func(*scale.Rule) {
		return func(r *scale.Rule) { r.Triggers = map[string]scale.Trigger{"HighCPU": t} }
	}
	key := func(key string, path bool) func(*scale.Rule) {
		return func(r *scale.Rule) { r.ConfigKey, r.ConfigPath = key, path }
	}
	cooldown := func(up, down time.Duration, split bool) func(*scale.Rule) {
		return func(r *scale.Rule) { r.Cooldown = scale.Cooldown{Up: up, Down: down, Split: split} }
	}
	step := func(up, down int, steps ...scale.StepAdjustment) scale.Strategy {
		return scale.Strategy{Type: scale.Step, Up: new(up), Down: new(down), Steps: steps}
	}
	return []goodDocument{
		{"what is left out has its default", workerOutput(), func(*scale.Rule) {}},
		{"a target may be a pattern", workerOutput(`"urn":"**::worker-*"`), func(r *scale.Rule) { r.Targets = []string{"**::worker-*"} }},
		{
			"several targets stand in targets",
			`{"worker":{"targets":["` + workerURN + `","**$x:y:Z::*"],"configKey":"workerCount","min":1,"max":10}}`,
			func(r *scale.Rule) { r.Targets = []string{workerURN, "**$x:y:Z::*"} },
		},
		{"dependents may be updated too", workerOutput(`"targetDependents":true`), func(r *scale.Rule) { r.TargetDependents = true }},
		{"a key may have a namespace", workerOutput(`"configKey":"ns:workerCount"`), key("ns:workerCount", false)},
		{"a key may have the old form", workerOutput(`"configKey":"ns:config:count"`), key("ns:config:count", false)},
		{"a key with a dot is no path", workerOutput(`"configKey":"pools.count"`), key("pools.count", false)},
		{"a path may be one name", workerOutput(`"configKey":"count"`, `"configPath":true`), key("count", true)},
		{"a path may have dots", workerOutput(`"configKey":"ns:config:a.b-c.d"`, `"configPath":true`), key("ns:config:a.b-c.d", true)},
		{
			"a path may have quoted names and indexes",
			workerOutput(`"configKey":"ns:pools[\"a.b \\\"c\\\"\"].sizes[0]"`, `"configPath":true`), key(`ns:pools["a.b \"c\""].sizes[0]`, true),
		},
		{"a path may begin with a quoted name", workerOutput(`"configKey":"[\"a.b\"].c"`, `"configPath":true`), key(`["a.b"].c`, true)},
		{"a path may be said to be none", workerOutput(`"configPath":false`), func(*scale.Rule) {}},
		{"min may equal max", workerOutput(`"min":10`), func(r *scale.Rule) { r.Min = 10 }},
		{"the guardrails may be 0 and the largest number", workerOutput(`"min":0`, `"max":1e9`), func(r *scale.Rule) { r.Min, r.Max = 0, scale.MaxNumber }},
		{"an integer may be written with a fraction of zero", workerOutput(`"min":5.0`, `"max":5e0`), func(r *scale.Rule) { r.Min, r.Max = 5, 5 }},
		{"the current size may be 0", workerOutput(`"current":0`), func(r *scale.Rule) { r.Current = new(0) }},
		{"the current size may be outside the guardrails", workerOutput(`"current":99`), func(r *scale.Rule) { r.Current = new(99) }},
		{"a cooldown may be a duration", workerOutput(`"cooldown":"1h30m1.5s"`), cooldown(90*time.Minute+1500*time.Millisecond, 90*time.Minute+1500*time.Millisecond, false)},
		{"a cooldown may be seconds", workerOutput(`"cooldown":90`), cooldown(90*time.Second, 90*time.Second, false)},
		{"a cooldown may be a fraction of a second", workerOutput(`"cooldown":0.5`), cooldown(time.Second/2, time.Second/2, false)},
		{"a cooldown may be none", workerOutput(`"cooldown":0`), cooldown(0, 0, false)},
		{"a cooldown may be one for each direction", workerOutput(`"cooldown":{"up":"1m","down":600}`), cooldown(time.Minute, 10*time.Minute, true)},
		{"a direction's cooldown left out is the default", workerOutput(`"cooldown":{"up":"1m"}`), cooldown(time.Minute, 5*time.Minute, true)},
		{"a signal in the cooldown may be ignored", workerOutput(`"onCooldown":"ignore"`), func(*scale.Rule) {}},
		{"a signal in the cooldown may be kept", workerOutput(`"onCooldown":"defer"`), func(r *scale.Rule) { r.OnCooldown = scale.Defer }},
		{"a step is one unit by default", workerOutput(`"strategy":{"type":"step"}`), func(*scale.Rule) {}},
		{"a step may have its sizes", workerOutput(`"strategy":{"type":"step","up":3,"down":2}`), strategy(step(3, 2))},
		{
			"steps ascend", workerOutput(`"strategy":{"type":"step","steps":[{"above":0,"change":1},{"above":0.5,"change":3}]}`),
			strategy(step(1, 1, scale.StepAdjustment{Above: 0, Change: 1}, scale.StepAdjustment{Above: 0.5, Change: 3})),
		},
		{
			"percent moves at least one unit by default", workerOutput(`"strategy":{"type":"percent","up":150}`),
			strategy(scale.Strategy{Type: scale.Percent, Up: new(150), MinChange: 1}),
		},
		{
			"percent may have its least change", workerOutput(`"strategy":{"type":"percent","down":100,"minChange":2}`),
			strategy(scale.Strategy{Type: scale.Percent, Down: new(100), MinChange: 2}),
		},
		{"exact may have one size, and 0", workerOutput(`"strategy":{"type":"exact","down":0}`), strategy(scale.Strategy{Type: scale.Exact, Down: new(0)})},
		{
			"exact may have two sizes", workerOutput(`"strategy":{"type":"exact","up":8,"down":2}`),
			strategy(scale.Strategy{Type: scale.Exact, Up: new(8), Down: new(2)}),
		},
		{
			"target tracking tolerates a tenth by default", workerOutput(`"strategy":{"type":"targetTracking","target":0.5}`),
			strategy(scale.Strategy{Type: scale.TargetTracking, Target: 0.5, Tolerance: scale.Tolerance{Up: 0.1, Down: 0.1}}),
		},
		{
			"target tracking may tolerate more on one side", workerOutput(`"strategy":{"type":"targetTracking","target":1,"tolerance":{"down":0.5}}`),
			strategy(scale.Strategy{Type: scale.TargetTracking, Target: 1, Tolerance: scale.Tolerance{Up: 0.1, Down: 0.5}}),
		},
		{
			"there may be a unit for so much of a total", workerOutput(`"strategy":{"type":"perUnit","value":20,"tolerance":0}`),
			strategy(scale.Strategy{Type: scale.PerUnit, Target: 20}),
		},
		{
			"target tracking may tolerate nothing", workerOutput(`"strategy":{"type":"targetTracking","target":1e12,"tolerance":0}`),
			strategy(scale.Strategy{Type: scale.TargetTracking, Target: 1e12}),
		},
		{"no trigger is no mistake", workerOutput(`"triggers":{}`), func(*scale.Rule) {}},
		{"a trigger may name its direction", workerOutput(`"triggers":{"HighCPU":{"direction":"down"}}`), trigger(scale.Trigger{Direction: scale.Down})},
		{"a trigger may have a negative delta", workerOutput(`"triggers":{"HighCPU":{"delta":-2}}`), trigger(scale.Trigger{Delta: new(-2)})},
		{
			"a delta may be so many units in the direction", workerOutput(`"triggers":{"HighCPU":{"direction":"down","delta":2}}`),
			trigger(scale.Trigger{Direction: scale.Down, Delta: new(2)}),
		},
		{"a trigger may have a count", workerOutput(`"triggers":{"HighCPU":{"count":0}}`), trigger(scale.Trigger{Count: new(0)})},
		{
			"a trigger may have a strategy", workerOutput(`"triggers":{"HighCPU":{"direction":"up","strategy":{"type":"exact","up":3}}}`),
			trigger(scale.Trigger{Direction: scale.Up, Strategy: &scale.Strategy{Type: scale.Exact, Up: new(3)}}),
		},
		{
			"a trigger may act when its alert clears", workerOutput(`"triggers":{"HighCPU":{"delta":2,"onClear":{"delta":-1}}}`),
			trigger(scale.Trigger{Delta: new(2), OnClear: &scale.Trigger{Delta: new(-1)}}),
		},
		{"an onClear may leave all to the rule", workerOutput(`"triggers":{"HighCPU":{"onClear":{}}}`), trigger(scale.Trigger{OnClear: &scale.Trigger{}})},
		{"a step may be limited in one direction", workerOutput(`"maxStep":{"down":1}`), func(r *scale.Rule) { r.MaxStep = scale.MaxStep{Down: 1} }},
		{"a window for both directions", workerOutput(`"stabilize":60`), func(r *scale.Rule) { r.Stabilize = scale.Stabilize{Up: time.Minute, Down: time.Minute} }},
		{"no window", workerOutput(`"stabilize":0`), func(r *scale.Rule) { r.Stabilize = scale.Stabilize{} }},
		{"no metric is no mistake", workerOutput(`"metrics":[]`), func(*scale.Rule) {}},
		{
			"the trigger of a metric's name may make a count of its value alone",
			workerOutput(`"metrics":[{"name":"q","http":{"url":"http://q","pointer":""}}]`, `"triggers":{"q":{"strategy":{"type":"perUnit","value":2,"tolerance":0}}}`),
			func(r *scale.Rule) {
				r.Metrics = []scale.Metric{{Name: "q", HTTP: &scale.HTTPQuery{URL: "http://q"}, Every: 30 * time.Second, MaxAge: 5 * time.Minute}}
				r.Triggers = map[string]scale.Trigger{"q": {Strategy: &scale.Strategy{Type: scale.PerUnit, Target: 2}}}
			},
		},
		{"a pool may be paused", workerOutput(`"paused":true`), func(r *scale.Rule) { r.Paused = scale.PauseBoth }},
		{"a pool may be said not to be paused", workerOutput(`"paused":false`), func(*scale.Rule) {}},
		{"a pool may be paused upwards", workerOutput(`"paused":"up"`), func(r *scale.Rule) { r.Paused = scale.PauseUp }},
		{"a pool may be paused downwards", workerOutput(`"paused":"down"`), func(r *scale.Rule) { r.Paused = scale.PauseDown }},
		{"the targets may be refreshed", workerOutput(`"refresh":true`), func(r *scale.Rule) { r.Refresh = true }},
		{"no guard is no mistake", workerOutput(`"guard":[]`), func(*scale.Rule) {}},
		{
			"there may be several guards", workerOutput(`"guard":["untargeted","replace"]`),
			func(r *scale.Rule) { r.Guard = []scale.Guard{scale.GuardUntargeted, scale.GuardReplace} },
		},
	}
}

func TestParseRulesAccepts(t *testing.T) {
	for _, test := range goodDocuments() {
		t.Run(test.name, func(t *testing.T) {
			got, err := Rules([]byte(test.json))
			if err != nil {
				t.Fatal(err)
			}
			want := leastRule()
			test.rule(&want)
			if diff := cmp.Diff(scale.Rules{"worker": want}, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestParseRulesReadsEveryPool(t *testing.T) {
	got, err := Rules(readRulesFile(t, "full.json"))
	if err != nil {
		t.Fatal(err)
	}
	fiveMinutes := 5 * time.Minute
	berlin, ok := scale.LoadZone("Europe/Berlin")
	if !ok {
		t.Fatal("there is no zone")
	}
	want := scale.Rules{
		"worker-pool": {
			Pool:             "worker-pool",
			Targets:          []string{"urn:pulumi:dev::demo::pkg:index:WorkerPool::worker-pool", "**::worker-*"},
			TargetDependents: true,
			ConfigKey:        `demo:pools["a.b"].count`,
			ConfigPath:       true,
			Min:              2,
			Max:              20,
			Schedules: []scale.Window{
				{Name: "sale", Dates: []scale.Date{{Year: 2026, Month: time.November, Day: 27}, {Year: 2026, Month: time.November, Day: 30}}, Min: 10, Max: 20},
				{
					Name: "mon,fri 08:00 to 18:30 Europe/Berlin", Days: []time.Weekday{time.Monday, time.Friday},
					From: 8 * 60, To: 18*60 + 30, Zone: berlin, Min: 4, Max: 12,
				},
				{Name: "every day 22:00 to 06:00 UTC", From: 22 * 60, To: 6 * 60, Min: 2, Max: 2},
			},
			Current:    new(3),
			Cooldown:   scale.Cooldown{Up: 90 * time.Second, Down: 600 * time.Second, Split: true},
			OnCooldown: scale.Defer,
			Strategy:   scale.Strategy{Type: scale.Step, Up: new(2), Down: new(3), Steps: []scale.StepAdjustment{{Above: 0, Change: 1}, {Above: 12.5, Change: 4}}},
			Triggers: map[string]scale.Trigger{
				"HighCPU": {
					Direction: scale.Up,
					Strategy:  &scale.Strategy{Type: scale.Percent, Up: new(50), Down: new(25), MinChange: 2},
					OnClear:   &scale.Trigger{Direction: scale.Down, Delta: new(1)},
				},
				"Night shift": {Count: new(2)},
			},
			MaxStep:   scale.MaxStep{Up: 4, Down: 4},
			Stabilize: scale.Stabilize{Up: time.Minute, Down: 10 * time.Minute},
			Warmup:    2 * time.Minute,
			Paused:    scale.PauseDown,
			Refresh:   true,
			Guard:     []scale.Guard{scale.GuardReplace, scale.GuardDelete, scale.GuardUntargeted},
			Pending:   scale.RefusePending,
		},
		"web.eu": {
			Pool:       "web.eu",
			Targets:    []string{"urn:pulumi:dev::demo::pkg:index:Web::eu"},
			ConfigKey:  "webCount",
			Max:        5,
			Cooldown:   scale.Cooldown{Up: fiveMinutes, Down: fiveMinutes},
			OnCooldown: scale.Ignore,
			Strategy:   scale.Strategy{Type: scale.TargetTracking, Target: 0.5, Tolerance: scale.Tolerance{Up: 0.1, Down: 0.1}},
			Stabilize:  scale.Stabilize{Down: fiveMinutes},
			Pending:    scale.RefusePending,
			Metrics: []scale.Metric{
				{
					Name: "busy", Prometheus: &scale.PrometheusQuery{URL: "https://metrics.example.com/prometheus", Query: "avg(busy)"},
					Every: 15 * time.Second, MaxAge: time.Minute, EmptyIsZero: true,
					Access: scale.Access{BearerKey: "metricsToken", Headers: map[string]scale.Header{"X-Scope-OrgID": {Value: "shop"}, "X-Key": {Key: "demo:key"}}, CAKey: "ca", CertificateKey: "cert"},
				},
				{
					Name: "queue", HTTP: &scale.HTTPQuery{URL: "http://queue:8080/stats?of=web", Pointer: "/queues/0/length"},
					Every: 10 * time.Minute, MaxAge: 20 * time.Minute, Above: new(100.0), Below: new(-0.5), Access: scale.Access{BasicKey: "queueLogin"},
				},
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestParseRulesOfNoPools(t *testing.T) {
	got, err := Rules([]byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(scale.Rules{}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestParseRulesRefuses(t *testing.T) {
	for _, test := range badDocuments() {
		t.Run(test.name, func(t *testing.T) {
			got, err := Rules([]byte(test.json))
			if got != nil {
				t.Errorf("half-loaded %v", got)
			}
			if diff := cmp.Diff(test.want, problemsOf(t, err)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestParseRulesReportsEveryMistakeInTheOrderOfPoolsAndFields(t *testing.T) {
	_, err := Rules(readRulesFile(t, "mistakes.json"))
	got := make([]string, 0, 20)
	for _, p := range problemsOf(t, err) {
		got = append(got, p.String())
	}
	want := []string{
		`web is "webCount": must be a rule: an object with urn or targets, configKey, min and max`,
		`worker pool: the name of a pool must be 1 to 63 letters, digits, -, _ or ., and neither . nor .. alone, which no URL can carry`,
		`worker pool: configKey: is required: the key of a stack config value, such as workerCount or namespace:workerCount`,
		`worker pool: min is "1": must be an integer from 0 to 1000000000; this is a string and must be a number`,
		`worker pool: max is 10.5: must be an integer from 0 to 1000000000`,
		`worker pool: cooldown.up is "5 minutes": must be a duration such as 5m or 90s, or a number of seconds, from 0 to 1000000000 s`,
		`worker pool: onCooldown is "differ": must be ignore or defer (did you mean "defer"?)`,
		`worker pool: strategy.up is -50: must be an integer from 1 to 1000000000`,
		`worker pool: strategy.a is 1: no such field in a strategy of type percent`,
		`worker pool: strategy.b is 2: no such field in a strategy of type percent`,
		`worker pool: strategy.c is 3: no such field in a strategy of type percent`,
		`worker pool: strategy.minchange is 1: no such field in a strategy of type percent (did you mean "minChange"?)`,
		`worker pool: triggers.HighCPU.delta is 0: must be an integer from -1000000000 to 1000000000, but not 0`,
		`worker pool: triggers.HighCPU.onClear.direction is "dwon": must be up or down (did you mean "down"?)`,
		`worker pool: triggers.a is 1: must be a trigger: an object with direction, delta, count or strategy`,
		`worker pool: triggers.b is 2: must be a trigger: an object with direction, delta, count or strategy`,
		`worker pool: triggers.c is 3: must be a trigger: an object with direction, delta, count or strategy`,
		`worker pool: triggers.d is 4: must be a trigger: an object with direction, delta, count or strategy`,
		`worker pool: paused is "[secret]": is a secret; rules must not be secret (wrap it with unsecret)`,
		`worker pool: guard[1] is "replace": must be left out: it stands in the list already`,
		`worker pool: configkey is "workerCount": no such field in a rule (did you mean "configKey"?)`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for range 20 {
		_, again := Rules(readRulesFile(t, "mistakes.json"))
		if diff := cmp.Diff(err, again); diff != "" {
			t.Fatalf("another order: -first +again\n%s", diff)
		}
	}
}

func TestParseRulesNeverShowsASecret(t *testing.T) {
	for _, json := range []string{
		secretJSON,
		`{"worker":` + secretJSON + `}`,
		`{"a b":` + secretJSON + `}`,
		workerOutput(`"configKey":` + secretJSON),
		workerOutput(`"urn":[` + secretJSON + `]`),
		workerOutput(`"nosuch":` + secretJSON),
		workerOutput(`"nosuch":{"a":[` + secretJSON + `]}`),
		workerOutput(`"guard":` + secretJSON),
		workerOutput(`"cooldown":{"up":` + secretJSON + `}`),
		workerOutput(`"strategy":{"type":` + secretJSON + `}`),
		workerOutput(`"triggers":{"HighCPU":{"count":1,"delta":` + secretJSON + `}}`),
	} {
		_, err := Rules([]byte(json))
		if text := (&scale.RulesError{Problems: problemsOf(t, err)}).Error(); strings.Contains(text, "abcdef") || !strings.Contains(text, "[secret]") {
			t.Errorf("%s\n%s", json, text)
		}
	}
}

func problemsOf(t *testing.T, err error) []scale.Problem {
	t.Helper()
	rulesError, ok := errors.AsType[*scale.RulesError](err)
	if !ok {
		t.Fatalf("got error %v, want a *RulesError", err)
	}
	return slices.Clone(rulesError.Problems)
}

func readRulesFile(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "rules", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// A mistake beside the config key does not hide it.
func TestKeysOfMalformedRules(t *testing.T) {
	const good = `"urn":"urn:x","min":1,"max":9`
	keysOf := func(output string) *scale.RulesError {
		t.Helper()
		_, err := Rules([]byte(output))
		malformed, ok := errors.AsType[*scale.RulesError](err)
		if !ok {
			t.Fatal(err)
		}
		return malformed
	}
	some := keysOf(`{"typo":{` + good + `,"configKey":"a","cooldwon":"5m"}, "path":{"configKey":"b.c","configPath":true}, "second":{` + good + `,"configKey":"a"},
		"none":{` + good + `}, "number":{` + good + `,"configKey":7}, "text":"x", "no name":{` + good + `,"configKey":"d"}, "fine":{` + good + `,"configKey":"e"}}`)
	want := scale.Rules{
		"second": {Pool: "second", ConfigKey: "a"}, "path": {Pool: "path", ConfigKey: "b.c", ConfigPath: true}, "fine": {Pool: "fine", ConfigKey: "e"},
	}
	if diff := cmp.Diff(want, some.Keys); diff != "" || some.KeysWhole() { // if two have one key, the first is taken at its word
		t.Errorf("whole: %v (-want +got):\n%s", some.KeysWhole(), diff)
	}
	if whole := keysOf(`{"typo":{` + good + `,"configKey":"a","cooldwon":"5m"}}`); !whole.KeysWhole() {
		t.Errorf("not whole: %v", whole)
	}
}
