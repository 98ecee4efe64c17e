package parse

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/pulumiscale/pulumiscale/scale"
)

const schemaFile = "../../docs/rules.schema.json"

func compiledSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// decodedSchema is the schema as plain JSON.
func decodedSchema(t *testing.T) map[string]any {
	t.Helper()
	content, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(content, &schema); err != nil {
		t.Fatal(err)
	}
	return schema["$defs"].(map[string]any)
}

// beyondSchema are the rules that a JSON schema cannot state. They are the only ones in which it and the parser may
// differ.
var beyondSchema = []struct {
	rule string
	is   func(scale.Problem) bool
}{
	{"min is not above max", func(p scale.Problem) bool {
		return p.Field == "min" && strings.HasPrefix(p.Expected, "must not be above max")
	}},
	{"a window's bounds are inside the rule's own", func(p scale.Problem) bool {
		return strings.HasSuffix(p.Expected, "the rule's own min and max") || strings.HasPrefix(p.Expected, "must have its min not above its max")
	}},
	{"a window's name is its own", func(p scale.Problem) bool { return strings.HasPrefix(p.Expected, "must be the window's own") }},
	{"dates and zones exist", func(p scale.Problem) bool {
		return strings.HasPrefix(p.Expected, "must be a date") && dateInDigits.MatchString(p.Found) ||
			strings.HasPrefix(p.Expected, "must be the name of a time zone") && zoneInLetters.MatchString(p.Found)
	}},
	{"a metric's name is its own", func(p scale.Problem) bool { return strings.HasPrefix(p.Expected, "must be the metric's own") }},
	{"a metric needs thresholds for most strategies", func(p scale.Problem) bool { return strings.HasPrefix(p.Expected, "must have above or below") }},
	{"below is not more than above", func(p scale.Problem) bool { return strings.HasPrefix(p.Expected, "must not be more than above") }},
	{"a sample may be as old as the time between two looks", func(p scale.Problem) bool {
		return strings.Contains(p.Expected, ", and not less than ")
	}},
	{"steps ascend", func(p scale.Problem) bool {
		return strings.HasSuffix(p.Field, ".above") && strings.HasPrefix(p.Expected, "must be more than in the step before")
	}},
	{"a pool's key is its own", func(p scale.Problem) bool {
		return p.Field == "configKey" && strings.HasPrefix(p.Expected, "must be the pool's own")
	}},
	{"a duration in words is no longer than the largest number of seconds", func(p scale.Problem) bool {
		return durationField.MatchString(p.Field) && durationInWords.MatchString(p.Found)
	}},
}

// durationField matches the paths of durations.
var durationField = regexp.MustCompile(`^(cooldown|stabilize|warmup)(\.(up|down))?$`)

// dateInDigits and zoneInLetters match what the schema takes for a date and for a zone.
var (
	dateInDigits  = regexp.MustCompile(`^"[0-9]{4}-[0-9]{2}-[0-9]{2}"$`)
	zoneInLetters = regexp.MustCompile(`^"[A-Za-z][A-Za-z0-9_+/-]*("|…)$`)
)

// durationInWords matches what the schema takes for a duration. A duration that was cut for the message cannot be told,
// and passes.
var durationInWords = regexp.MustCompile(`^"([0-9.]+(ms|s|m|h))+"$|…$`)

func isBeyondSchema(p scale.Problem) bool {
	for _, rule := range beyondSchema {
		if rule.is(p) {
			return true
		}
	}
	return false
}

func TestSchemaAndParserAgreeOnGoodDocuments(t *testing.T) {
	schema := compiledSchema(t)
	for _, test := range goodDocuments() {
		t.Run(test.name, func(t *testing.T) {
			if err := schema.Validate(decoded(t, test.json)); err != nil {
				t.Error(err)
			}
		})
	}
	if err := schema.Validate(decoded(t, string(readRulesFile(t, "full.json")))); err != nil {
		t.Error(err)
	}
}

func TestSchemaAndParserAgreeOnBadDocuments(t *testing.T) {
	schema := compiledSchema(t)
	for _, test := range badDocuments() {
		t.Run(test.name, func(t *testing.T) {
			if !json.Valid([]byte(test.json)) {
				t.Skip("a schema speaks of JSON only")
			}
			err := schema.Validate(decoded(t, test.json))
			switch {
			case test.beyondSchema && err != nil:
				t.Errorf("the schema can state this rule after all: %v", err)
			case test.beyondSchema && !isBeyondSchema(test.want[0]):
				t.Errorf("not among the rules that a schema cannot state: %v", test.want[0])
			case !test.beyondSchema && err == nil:
				t.Error("the schema finds the document valid")
			}
		})
	}
	if err := schema.Validate(decoded(t, string(readRulesFile(t, "mistakes.json")))); err == nil {
		t.Error("mistakes.json: the schema finds the document valid")
	}
}

// TestSchemaAndParserKnowTheSameFields compares the properties of each object in the schema with the fields that the
// parser asks for.
func TestSchemaAndParserKnowTheSameFields(t *testing.T) {
	defs := decodedSchema(t)
	fields := func(read func(*object), more ...string) []string {
		o := &object{node: node{reader: &reader{}}}
		read(o)
		return slices.Sorted(slices.Values(append(o.known, more...)))
	}
	trigger := func(o *object) { triggerFields(o) }
	each := fields(func(o *object) { eachFields(o, boolForm(), false, false) })
	parser := map[string][]string{
		"rule":           fields(func(o *object) { ruleFields(o) }),
		"cooldown":       each,
		"maxStep":        each,
		"stabilize":      each,
		"metric":         fields(func(o *object) { metricFields(o) }),
		"window":         fields(func(o *object) { windowFields(o, scale.Rule{}, false) }),
		"stepAdjustment": fields(func(o *object) { stepAdjustmentFields(o) }),
		"reaction":       fields(trigger),
		"trigger":        {"onClear"}, // and those of reaction
		"strategy":       {"type"},    // and those of its types:
	}
	for _, kind := range strategyTypes() {
		parser[string(kind)] = fields(func(o *object) { strategyFields(kind)(o) }, "type")
	}
	schema := map[string][]string{}
	for name, def := range defs {
		if properties, ok := def.(map[string]any)["properties"].(map[string]any); ok {
			schema[name] = slices.Sorted(maps.Keys(properties))
		}
	}
	if diff := cmp.Diff(parser, schema); diff != "" {
		t.Errorf("-parser +schema\n%s", diff)
	}
}

// TestSchemaStatesTheParsersDefaults writes out every default of the schema: the rules stay the same.
func TestSchemaStatesTheParsersDefaults(t *testing.T) {
	defs := decodedSchema(t)
	for _, test := range []struct{ def, head, tail string }{
		{"rule", workerPrefix(), `}}`},
		{"window", workerPrefix() + `,"schedules":[{"count":1`, `}]}}`},
		{"cooldown", workerPrefix() + `,"cooldown":{"up":1`, `}}}`},
		{"cooldown", workerPrefix() + `,"cooldown":{"down":1`, `}}}`},
		{"step", workerPrefix() + `,"strategy":{"type":"step"`, `}}}`},
		{"percent", workerPrefix() + `,"strategy":{"type":"percent","up":7`, `}}}`},
		{"metric", workerPrefix() + `,"strategy":{"type":"perUnit","value":7},"metrics":[{"name":"q","http":{"url":"http://q","pointer":""}`, `}]}}`},
		{"stabilize", workerPrefix() + `,"stabilize":{"up":1`, `}}}`},
		{"stabilize", workerPrefix() + `,"stabilize":{"down":1`, `}}}`},
	} {
		stated := 0
		want, err := Rules([]byte(test.head + test.tail))
		if err != nil {
			t.Fatal(err)
		}
		for name, property := range defs[test.def].(map[string]any)["properties"].(map[string]any) {
			value, ok := property.(map[string]any)["default"]
			if !ok || strings.Contains(test.head, `{"`+name+`":1`) {
				continue
			}
			stated++
			spelt, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Rules([]byte(test.head + `,"` + name + `":` + string(spelt) + test.tail))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s.%s: -left out +written out\n%s", test.def, name, diff)
			}
		}
		if stated == 0 {
			t.Errorf("%s: the schema states no default", test.def)
		}
	}
}

func TestSchemaHasTheParsersPatterns(t *testing.T) {
	content, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []*regexp.Regexp{poolPattern, targetPattern, keyPattern, keyPathPattern, reservedPattern, durationPattern, windowPattern, timePattern, datePattern, zonePattern,
		metricPattern, urlPattern, pointerPattern, headerPattern, valuePattern} {
		quoted, err := json.Marshal(pattern.String())
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(content), `"pattern": `+string(quoted)) {
			t.Errorf("the schema has no pattern %s", quoted)
		}
	}
}

// TestDocumentedRulesAreValid reads the examples in YAML of README.md and of the pages about rules, each a map of pools or the
// fields of one pool. Those in other languages are compared with them in e2e/docs.
func TestDocumentedRulesAreValid(t *testing.T) {
	var pages []byte
	for _, name := range []string{"../../README.md", "../../docs/rules.md", "../../docs/schedules.md", "../../docs/metric-scaling.md"} {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, page...)
	}
	schema := compiledSchema(t)
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(pages), -1)
	if len(examples) < 10 {
		t.Fatalf("found %d examples", len(examples))
	}
	mentioned := map[string]bool{}
	for _, example := range examples {
		document := documentedRules(t, example[1])
		for _, rule := range document {
			for field := range rule.(map[string]any) {
				mentioned[field] = true
			}
		}
		content, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Rules(content); err != nil {
			t.Errorf("%s\n%v", example[1], err)
		}
		if err := schema.Validate(decoded(t, string(content))); err != nil {
			t.Errorf("%s\n%v", example[1], err)
		}
	}
	for field := range decodedSchema(t)["rule"].(map[string]any)["properties"].(map[string]any) {
		if !mentioned[field] {
			t.Errorf("no example has the field %s", field)
		}
	}
}

// documentedRules makes an example a whole output: it fills in what the example takes from a resource, and adds what it
// leaves out.
func documentedRules(t *testing.T, example string) map[string]any {
	t.Helper()
	example = regexp.MustCompile(`\$\{\w+\.urn\}`).ReplaceAllString(example, workerURN)
	example = regexp.MustCompile(`\$\{\w+\.(size|desiredCapacity)\}`).ReplaceAllString(example, "3")
	var fields map[string]any
	if err := yaml.Unmarshal([]byte(example), &fields); err != nil {
		t.Fatalf("%s\n%v", example, err)
	}
	if outputs, ok := fields["outputs"].(map[string]any); ok {
		return outputs[scale.OutputName].(map[string]any)
	}
	whole := decoded(t, workerOutput()).(map[string]any)
	rule := whole["worker"].(map[string]any)
	if _, ok := fields["targets"]; ok {
		delete(rule, "urn")
	}
	maps.Copy(rule, fields)
	return whole
}

func FuzzParseRules(f *testing.F) {
	for _, d := range goodDocuments() {
		f.Add(d.json)
	}
	for _, d := range badDocuments() {
		f.Add(d.json)
	}
	schema := compiledSchema(f)
	f.Fuzz(func(t *testing.T, output string) {
		rules, err := Rules([]byte(output))
		for pool, rule := range rules {
			assertValid(t, pool, rule)
		}
		var document any
		if json.Unmarshal([]byte(output), &document) != nil {
			if err == nil {
				t.Fatal("accepted what is not JSON")
			}
			return
		}
		invalid := schema.Validate(document)
		switch {
		case err == nil && invalid != nil:
			t.Fatalf("only the parser accepts it: %v", invalid)
		case err != nil && invalid == nil:
			for _, p := range problemsOf(t, err) {
				if !isBeyondSchema(p) {
					t.Fatalf("only the schema accepts it: %v", p)
				}
			}
		}
	})
}

// assertValid checks what the rest of the package relies on in a rule.
func assertValid(t *testing.T, pool string, rule scale.Rule) {
	t.Helper()
	for invariant, holds := range map[string]bool{
		"the pool has a name":             rule.Pool == pool && pool != "",
		"there is a target":               len(rule.Targets) > 0 && !slices.Contains(rule.Targets, ""),
		"there is a config key":           rule.ConfigKey != "",
		"0 <= min <= max":                 0 <= rule.Min && rule.Min <= rule.Max && rule.Max <= scale.MaxNumber,
		"current is not negative":         rule.Current == nil || *rule.Current >= 0,
		"cooldowns are not negative":      rule.Cooldown.Up >= 0 && rule.Cooldown.Down >= 0,
		"one cooldown is in both fields":  rule.Cooldown.Split || rule.Cooldown.Up == rule.Cooldown.Down,
		"onCooldown is ignore or defer":   rule.OnCooldown == scale.Ignore || rule.OnCooldown == scale.Defer,
		"pause is one that exists":        slices.Contains([]scale.Pause{scale.PauseNone, scale.PauseBoth, scale.PauseUp, scale.PauseDown}, rule.Paused),
		"the strategy is one that exists": validStrategy(rule.Strategy),
	} {
		if !holds {
			t.Errorf("%s: not so: %s\n%+v", pool, invariant, rule)
		}
	}
	for alert, trigger := range rule.Triggers {
		if alert == "" || !validTrigger(trigger) || trigger.OnClear != nil && (!validTrigger(*trigger.OnClear) || trigger.OnClear.OnClear != nil) {
			t.Errorf("%s: invalid trigger %q: %+v", pool, alert, trigger)
		}
	}
}

func validTrigger(trigger scale.Trigger) bool {
	return (trigger.Delta == nil || trigger.Count == nil) && (trigger.Delta == nil || *trigger.Delta != 0) &&
		(trigger.Count == nil || *trigger.Count >= 0) && (trigger.Strategy == nil || validStrategy(*trigger.Strategy))
}

func validStrategy(s scale.Strategy) bool {
	positive := func(n *int) bool { return n == nil || *n > 0 }
	switch s.Type {
	case scale.Step:
		ascend := slices.IsSortedFunc(s.Steps, func(a, b scale.StepAdjustment) int {
			if a.Above < b.Above {
				return -1
			}
			return 1
		})
		return s.Up != nil && s.Down != nil && positive(s.Up) && positive(s.Down) && ascend
	case scale.Percent:
		return (s.Up != nil || s.Down != nil) && positive(s.Up) && positive(s.Down) && s.MinChange >= 1
	case scale.Exact:
		return (s.Up != nil || s.Down != nil) && (s.Up == nil || *s.Up >= 0) && (s.Down == nil || *s.Down >= 0)
	case scale.TargetTracking, scale.PerUnit:
		fraction := func(f float64) bool { return f >= 0 && f < 1 }
		return s.Target > 0 && fraction(s.Tolerance.Up) && fraction(s.Tolerance.Down)
	}
	return false
}

func decoded(t *testing.T, content string) any {
	t.Helper()
	if strings.TrimSpace(content) == "" {
		return nil
	}
	var document any
	if err := json.Unmarshal([]byte(content), &document); err != nil {
		t.Fatal(err)
	}
	return document
}

// workerPrefix is the JSON of the least rule of the pool "worker", without the braces at its end.
func workerPrefix() string { return strings.TrimSuffix(workerOutput(), `}}`) }
