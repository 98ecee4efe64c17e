package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// ran is what a program exports and registers when it is run on mocks.
type ran struct {
	Outputs map[string]any
	URNs    []string
}

// program is one that can be run.
type program struct {
	// project is the program's name, and config is its configuration. COUNT stands for the count in it.
	project string
	config  map[string]string
	// run is the command, to which project and configuration are added.
	run []string
	env []string
}

// with runs a program with so many units.
func (p program) with(t *testing.T, count int) ran {
	t.Helper()
	config := map[string]string{}
	for key, value := range p.config {
		config[p.project+":"+key] = strings.ReplaceAll(value, "COUNT", strconv.Itoa(count))
	}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), p.run[0], append(p.run[1:], p.project, string(text))...)
	cmd.Env = append(os.Environ(), p.env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(p.run, " "), err, &stderr)
	}
	// The mocks make every resource a child of the stack, which the engine's URNs do not show.
	output = bytes.ReplaceAll(output, []byte("pulumi:pulumi:Stack$"), nil)
	var out ran
	if err := json.Unmarshal(output, &out); err != nil {
		t.Fatalf("%s printed\n%s\n%v\n%s", strings.Join(p.run, " "), output, err, &stderr)
	}
	return out
}

// check runs a program with two counts, holds the rules that it exports against the schema, and proves them on what it
// registers. The targets are resources of the program; if they are a pattern, there are as many as there are units.
// `current` and the config key are the count. It returns the rules for three units.
func (p program) check(t *testing.T) any {
	t.Helper()
	var rules any
	for _, count := range []int{5, 3} {
		got := p.with(t, count)
		rules = got.Outputs["pulumiscale"]
		if err := schema(t).Validate(rules); err != nil {
			t.Errorf("%v\n%v", rules, err)
			continue
		}
		for name, rule := range rules.(map[string]any) {
			p.checkRule(t, name, rule.(map[string]any), got.URNs, count)
		}
	}
	return rules
}

func (p program) checkRule(t *testing.T, name string, rule map[string]any, urns []string, count int) {
	t.Helper()
	if current := rule["current"]; current != float64(count) {
		t.Errorf("%s: current is %v with %d units", name, current, count)
	}
	key, _, path := strings.Cut(rule["configKey"].(string), ".")
	if value := p.config[key]; !strings.Contains(value, "COUNT") || path != (rule["configPath"] == true) {
		t.Errorf("%s: the config key %v holds no count", name, rule["configKey"])
	}
	want, targets := count, []any{rule["urn"]}
	if list, ok := rule["targets"].([]any); ok {
		targets = list
	} else {
		want = 1
	}
	found := 0
	for _, target := range targets {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(target.(string)), `\*\*`, ".*")
		pattern = strings.ReplaceAll(pattern, `\*`, "[^:]*")
		for _, urn := range urns {
			if regexp.MustCompile("^" + pattern + "$").MatchString(urn) {
				found++
			}
		}
	}
	if found != want {
		t.Errorf("%s: the targets %v are %d resources, want %d, of\n%s", name, targets, found, want, strings.Join(urns, "\n"))
	}
}

// schema is the JSON schema of the rules. A test of package scale holds that it and the parser agree.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	compiled, err := jsonschema.NewCompiler().Compile(filepath.Join(root, "docs/rules.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// blocksIn are the blocks of a language on all pages. There must be at least one.
func blocksIn(t *testing.T, language string) []block {
	t.Helper()
	out := ofLanguage(pages(t), language)
	if len(out) == 0 {
		t.Fatalf("no page has a block of %s", language)
	}
	return out
}

func ofLanguage(pages []page, language string) []block {
	var out []block
	for _, p := range pages {
		for _, b := range p.blocks() {
			if b.language == language {
				out = append(out, b)
			}
		}
	}
	return out
}

// documented is the program of a block that exports rules, without the command.
func documented() program {
	return program{project: "documented", config: map[string]string{"workerCount": "COUNT"}}
}

// TestTheLanguagesExportTheSameRules runs the blocks that show one rule in several languages.
func TestTheLanguagesExportTheSameRules(t *testing.T) {
	first := map[string]any{}
	agree := func(b block, rules any) {
		t.Helper()
		want, ok := first[b.page+" "+b.name]
		if !ok {
			first[b.page+" "+b.name] = rules
			return
		}
		if diff := cmp.Diff(want, rules); diff != "" {
			t.Errorf("%s:%d exports other rules than the first block of %q (-first +this):\n%s", b.page, b.line, b.name, diff)
		}
	}
	for _, b := range blocksIn(t, "yaml") {
		if b.mark == "rules" {
			agree(b, rulesInYAML(t, b))
		}
	}
	for _, language := range []struct {
		name    string
		program func(*testing.T, block) program
	}{{"ts", compiledBlock}, {"python", pythonBlock}, {"go", goBlock}} {
		for _, b := range blocksIn(t, language.name) {
			if b.mark == "rules" {
				t.Run(fmt.Sprintf("%s/%s:%d", language.name, b.page, b.line), func(t *testing.T) {
					agree(b, language.program(t, b).check(t))
				})
			}
		}
	}
	if len(first) < 2 {
		t.Errorf("only %d rules were compared", len(first))
	}
}

// rulesInYAML are the rules of a block, with what they would take from an Auto Scaling group of three.
func rulesInYAML(t *testing.T, b block) any {
	t.Helper()
	text := strings.NewReplacer(
		"${pool.urn}", "urn:pulumi:dev::documented::aws:autoscaling/group:Group::pool", "${pool.desiredCapacity}", "3",
	).Replace(b.text)
	var whole struct{ Outputs map[string]any }
	if err := yaml.Unmarshal([]byte(text), &whole); err != nil {
		t.Fatal(err)
	}
	plain, err := json.Marshal(whole.Outputs["pulumiscale"])
	if err != nil {
		t.Fatal(err)
	}
	var rules any
	if err := json.Unmarshal(plain, &rules); err != nil {
		t.Fatal(err)
	}
	return rules
}
