package project

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/pulumiscale/pulumiscale/scale/snippet"
)

func TestTheLanguageIsThatOfTheProgram(t *testing.T) {
	for name, c := range map[string]struct {
		runtime, main string
		files         map[string]string
		want          snippet.Language
	}{
		"python":                       {"python", "", nil, snippet.Python},
		"go":                           {"go", "", nil, snippet.Go},
		"java":                         {"java", "", nil, snippet.Java},
		"dotnet":                       {"dotnet", "", nil, snippet.CSharp},
		"yaml":                         {"yaml", "", nil, snippet.YAML},
		"another one":                  {"cobol", "", nil, ""},
		"node with a TypeScript file":  {"nodejs", "", map[string]string{"index.ts": ""}, snippet.TypeScript},
		"node with its configuration":  {"nodejs", "", map[string]string{"tsconfig.json": "{}"}, snippet.TypeScript},
		"node in a folder of its own":  {"nodejs", "src", map[string]string{"src/index.ts": ""}, snippet.TypeScript},
		"node with a main file":        {"nodejs", "src/main.ts", map[string]string{"src/main.ts": ""}, snippet.TypeScript},
		"node that runs compiled code": {"nodejs", "bin", map[string]string{"tsconfig.json": "{}", "bin/index.js": ""}, snippet.TypeScript},
		"JavaScript of CommonJS":       {"nodejs", "", map[string]string{"index.js": "", "package.json": "{}"}, snippet.JavaScript},
		"JavaScript without a package": {"nodejs", "", map[string]string{"index.js": ""}, snippet.JavaScript},
		"JavaScript of modules":        {"nodejs", "", map[string]string{"index.js": "", "package.json": `{"type": "module"}`}, snippet.ESModule},
	} {
		t.Run(name, func(t *testing.T) {
			p := demoProject()
			p.Dir, p.Main, p.Runtime = t.TempDir(), c.main, workspace.NewProjectRuntimeInfo(c.runtime, nil)
			write(t, p.Dir, c.files)
			if got := p.Language(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAYAMLProgramHasNamesOfItsOwn(t *testing.T) {
	p := demoProject()
	p.Dir, p.Main, p.Runtime = t.TempDir(), "src", workspace.NewProjectRuntimeInfo("yaml", nil)
	p.Path = filepath.Join(p.Dir, "Pulumi.yaml")
	write(t, p.Dir, map[string]string{
		"Pulumi.yaml":   "resources:\n  a: {type: aws:autoscaling:Group, name: workers}\n  b: {type: aws:sns:Topic}\n",
		"src/Main.yaml": "resources:\n  c: {type: random:RandomId}\n",
	})
	want := Variables{{"Group", "workers"}: "a", {"Topic", "b"}: "b", {"RandomId", "c"}: "c"}
	if diff := cmp.Diff(want, p.YAMLVariables(), cmp.AllowUnexported(yamlResource{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p.Runtime = workspace.NewProjectRuntimeInfo("go", nil)
	if got := p.YAMLVariables(); len(got) > 0 {
		t.Errorf("got %v", got)
	}
}
