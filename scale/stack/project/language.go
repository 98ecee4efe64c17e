package project

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/pulumiscale/pulumiscale/scale/snippet"
	"github.com/pulumiscale/pulumiscale/scale/stack/files"
)

// Language returns the language that the program is written in; empty if no rule can be written in it.
func (p *Project) Language() snippet.Language {
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

// ProgramDir returns the folder of the program itself, which the project file may name.
func (p *Project) ProgramDir() string {
	dir := p.Main
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(p.Dir, dir)
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return filepath.Dir(dir)
	}
	return dir
}

func (p *Project) nodeLanguage() snippet.Language {
	dir := p.ProgramDir()
	typescript := slices.ContainsFunc(files.Names(dir), func(name string) bool { return filepath.Ext(name) == ".ts" })
	for _, of := range []string{dir, p.Dir} { // the files that are run may be a compiler's output
		typescript = typescript || files.IsFile(filepath.Join(of, "tsconfig.json"))
	}
	if typescript || strings.HasSuffix(p.Main, ".ts") {
		return snippet.TypeScript
	}
	var pkg struct {
		Type string `json:"type"`
	}
	text, err := os.ReadFile(filepath.Join(p.Dir, "package.json"))
	if err == nil && json.Unmarshal(text, &pkg) == nil && pkg.Type == "module" {
		return snippet.ESModule
	}
	return snippet.JavaScript
}

// yamlResource names a resource by the last word of its type, since a program may write the short form of the type, and
// by its name.
type yamlResource struct{ typ, name string }

func shortType(typ string) string { return typ[strings.LastIndexAny(typ, ":/")+1:] }

// Variables are a program's names for its resources, by type and name.
type Variables map[yamlResource]string

// Of returns the program's name for the resource of a type and a name; empty if the program has none.
func (v Variables) Of(typ, name string) string { return v[yamlResource{shortType(typ), name}] }

// YAMLVariables returns the names that a YAML program has for its resources. A file that cannot be read has none.
func (p *Project) YAMLVariables() Variables {
	out := Variables{}
	if p.Language() != snippet.YAML {
		return out
	}
	for _, file := range []string{p.Path, filepath.Join(p.ProgramDir(), "Main.yaml")} {
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
