package configfile

import (
	"encoding/json"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/parse"
)

// The rules' own check of keys knows nothing of Pulumi. It takes for one key what Pulumi takes for one, and no others.
func TestOneKeyIsOneForPulumiToo(t *testing.T) {
	type spelling struct {
		key  string
		path bool
	}
	spellings := []spelling{
		{"count", false}, {"demo:count", false}, {"demo:config:count", false}, {"shop:count", false}, {"shop:config:count", false}, {"a.b", false},
		{"count", true}, {"demo:count", true}, {`["count"]`, true}, {`["a.b"]`, true}, {"a.b", true}, {`a["b"]`, true}, {`demo:a["b"]`, true},
		{"a.b[1]", true}, {"a.b[01]", true}, {`a.b["1"]`, true}, {`a["x\"y"]`, true}, {`a["x"].y`, true}, {`shop:["a"].b`, true}, {`shop:a.b`, true},
	}
	for _, first := range spellings {
		for _, second := range spellings {
			a, err := ParseKey("demo", first.key, first.path)
			if err != nil {
				t.Fatal(err)
			}
			b, err := ParseKey("demo", second.key, second.path)
			if err != nil {
				t.Fatal(err)
			}
			shorter, longer := a.Path, b.Path
			if len(shorter) > len(longer) {
				shorter, longer = longer, shorter
			}
			clash := a.Name == b.Name && shorter.Contains(longer)
			rule := func(s spelling) map[string]any {
				return map[string]any{"urn": "urn:pulumi:x", "configKey": s.key, "configPath": s.path, "min": 1, "max": 2}
			}
			output, err := json.Marshal(map[string]any{"a": rule(first), "b": rule(second)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parse.ProjectRules("demo", output); (err != nil) != clash {
				t.Errorf("%v and %v: one inside the other for Pulumi: %v, for the rules: %v", first, second, clash, err)
			}
		}
	}
}
