package stack

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/snippet"
	"github.com/pulumiscale/pulumiscale/scale/stack/files"
)

// Inventory reads what a pool of the stack can be made of: from the state, the working configuration and the project
// file.
func (s *Stack) Inventory(ctx context.Context) (*snippet.Inventory, error) {
	state, err := s.readState(ctx)
	if err != nil {
		return nil, err
	}
	out := &snippet.Inventory{Language: s.project.language(), Runtime: s.project.Runtime.Name()}
	variables := s.project.yamlVariables()
	for _, r := range state.all {
		if !r.Custom || strings.HasPrefix(r.Type, providerTypes) {
			continue
		}
		name := r.URN[strings.LastIndex(r.URN, "::")+2:]
		found := snippet.Resource{URN: r.URN, Type: r.Type, Name: name, Numbers: map[string]int{}, Variable: variables[yamlResource{shortType(r.Type), name}]}
		for property, value := range r.Outputs {
			if n, ok := wholeNumber(value); ok {
				found.Numbers[property] = n
			}
		}
		out.Resources = append(out.Resources, found)
	}
	if rules, err := scale.ParseProjectRules(string(s.project.Name), state.rules); err == nil { // whatever else is there, the rule that is asked for is a good one
		out.Pools = rules.Names()
		for _, rule := range rules {
			out.Taken = append(out.Taken, rule.ConfigKey)
		}
	}
	out.Keys, err = s.file.WholeNumbers()
	return out, err
}

func wholeNumber(value jsontext.Value) (int, bool) {
	n, err := strconv.ParseFloat(string(value), 64)
	return int(n), err == nil && n == math.Trunc(n) && n >= 0 && n <= scale.MaxNumber
}

// language is the language that the program is written in; empty if no rule can be written in it.
func (p *project) language() snippet.Language {
	switch runtime := p.Runtime.Name(); runtime {
	case "nodejs", "bun":
		return p.nodeLanguage()
	case "python", "go", "yaml", "java":
		return snippet.Language(runtime)
	case "dotnet":
		return snippet.CSharp
	}
	return ""
}

// programDir is where the program itself is.
func (p *project) programDir() string {
	dir := p.Main
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(p.dir, dir)
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return filepath.Dir(dir)
	}
	return dir
}

func (p *project) nodeLanguage() snippet.Language {
	dir := p.programDir()
	typescript := slices.ContainsFunc(files.Names(dir), func(name string) bool { return filepath.Ext(name) == ".ts" })
	if typescript || strings.HasSuffix(p.Main, ".ts") || isFile(filepath.Join(dir, "tsconfig.json")) {
		return snippet.TypeScript
	}
	var pkg struct {
		Type string `json:"type"`
	}
	text, err := os.ReadFile(filepath.Join(p.dir, "package.json"))
	if err == nil && json.Unmarshal(text, &pkg) == nil && pkg.Type == "module" {
		return snippet.ESModule
	}
	return snippet.JavaScript
}

// yamlResource names a resource by the last word of its type, since a program may write the short form of the type, and
// by its name.
type yamlResource struct{ typ, name string }

func shortType(typ string) string { return typ[strings.LastIndexAny(typ, ":/")+1:] }

// yamlVariables are the names that a YAML program has for its resources. What cannot be read has none.
func (p *project) yamlVariables() map[yamlResource]string {
	out := map[yamlResource]string{}
	if p.language() != snippet.YAML {
		return out
	}
	for _, file := range []string{p.path, filepath.Join(p.programDir(), "Main.yaml")} {
		text, err := os.ReadFile(file)
		var program struct {
			Resources map[string]struct {
				Type string `yaml:"type"`
				Name string `yaml:"name"`
			} `yaml:"resources"`
		}
		if err != nil || yaml.Unmarshal(text, &program) != nil {
			continue
		}
		for variable, r := range program.Resources {
			name := r.Name
			if name == "" {
				name = variable
			}
			out[yamlResource{shortType(r.Type), name}] = variable
		}
	}
	return out
}
