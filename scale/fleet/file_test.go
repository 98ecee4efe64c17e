package fleet

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestAFileOfAFleet(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "fleet.yaml")
	text := `
tokenFile: secrets/token
stacks:
  - name: shop
    dir: ../shop/infra
    stack: acme/prod
  - {name: web.eu-1, git: "https://git.example.com/web.git", path: infra, stack: prod}
  - {name: absolute, dir: /srv/program, stack: dev}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	want := &File{TokenFile: filepath.Join(dir, "secrets", "token"), Stacks: []Entry{
		{Name: "shop", Dir: filepath.Join(dir, "..", "shop", "infra"), Stack: "acme/prod"},
		{Name: "web.eu-1", Git: "https://git.example.com/web.git", Path: "infra", Stack: "prod"},
		{Name: "absolute", Dir: "/srv/program", Stack: "dev"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMistakesInAFileOfAFleet(t *testing.T) {
	const sound = "{name: a, dir: a, stack: dev}"
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"an empty file":                {"", []string{"tokenFile: is missing", "stacks: is missing or empty"}},
		"no list":                      {"tokenFile: t\nstacks: 3", []string{"line 2: cannot unmarshal !!int `3`"}},
		"no YAML":                      {"a: [", []string{"did not find expected node content"}},
		"an unknown field":             {"tokenFile: t\nstacks: [{name: a, dri: a, stack: dev}]", []string{"field dri not found"}},
		"nothing in an entry":          {"tokenFile: t\nstacks: [{}]", []string{"stacks[0]: name: is missing", "stacks[0]: dir, git: one of them", "stacks[0]: stack: is missing"}},
		"two places in an entry":       {"tokenFile: t\nstacks: [{name: a, dir: a, git: b, stack: dev}]", []string{"stacks[0] (a): dir, git: only one"}},
		"a path without a repository":  {"tokenFile: t\nstacks: [{name: a, dir: a, path: b, stack: dev}]", []string{"stacks[0] (a): path: is the program's folder in the repository"}},
		"a path out of the repository": {"tokenFile: t\nstacks: [{name: a, git: a, path: ../b, stack: dev}]", []string{"path: must be a folder inside the repository"}},
		"a name with a slash":          {"tokenFile: t\nstacks: [{name: a/b, dir: a, stack: dev}]", []string{`name: must be letters, digits`, `"a/b"`}},
		"a name of dots":               {"tokenFile: t\nstacks: [{name: .., dir: a, stack: dev}]", []string{"name: must be letters"}},
		"a name that is too long":      {"tokenFile: t\nstacks: [{name: " + strings.Repeat("a", 64) + ", dir: a, stack: dev}]", []string{"at most 63"}},
		"a name twice":                 {"tokenFile: t\nstacks: [" + sound + ", {name: A, dir: b, stack: dev}]", []string{"stacks[1] (A): name: is that of stacks[0] already"}},
		"a stack twice":                {"tokenFile: t\nstacks: [" + sound + ", {name: b, dir: a, stack: dev}]", []string{"stacks[1] (b): is the same stack as stacks[0] (a)"}},
		"a repository's folder twice":  {"tokenFile: t\nstacks: [{name: a, git: g, stack: s}, {name: b, git: g, path: ., stack: s}]", []string{"is the same stack as"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "fleet.yaml")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Read(file)
			if !scale.IsA[*scale.UsageError](err) {
				t.Fatalf("got %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

func TestAMissingFileOfAFleet(t *testing.T) {
	if _, err := Read(filepath.Join(t.TempDir(), "fleet.yaml")); !scale.IsA[*scale.SetupError](err) {
		t.Errorf("got %v", err)
	}
}
