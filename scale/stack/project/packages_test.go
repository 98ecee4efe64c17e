package project

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

func TestPackagesThatTheProgramLacksAreMissed(t *testing.T) {
	type missing struct{ Folder, Command string }
	const pkg = "package.json"
	for name, c := range map[string]struct {
		runtime, main string
		options       map[string]any
		files         map[string]string
		want          missing
	}{
		"node without its packages":             {"nodejs", "", nil, map[string]string{pkg: "{}"}, missing{"node_modules", "npm install"}},
		"in the folder of the program":          {"nodejs", "src", nil, map[string]string{"src/" + pkg: "{}"}, missing{"src/node_modules", "npm install"}},
		"beside the project file":               {"nodejs", "bin", nil, map[string]string{pkg: "{}", "bin/index.js": ""}, missing{"node_modules", "npm install"}},
		"by the manager that the lock tells":    {"nodejs", "", nil, map[string]string{pkg: "{}", "pnpm-lock.yaml": ""}, missing{"node_modules", "pnpm install"}},
		"by the manager that the project names": {"nodejs", "", map[string]any{"packagemanager": "yarn"}, map[string]string{pkg: "{}"}, missing{"node_modules", "yarn install"}},
		"of bun":                                {"bun", "", nil, map[string]string{pkg: "{}"}, missing{"node_modules", "bun install"}},
		"node with them":                        {"nodejs", "", nil, map[string]string{pkg: "{}", "node_modules/x": ""}, missing{}},
		"node with them in a folder above":      {"nodejs", "a/b", nil, map[string]string{"a/b/" + pkg: "{}", "node_modules/x": ""}, missing{}},
		"node with those of Plug'n'Play":        {"nodejs", "", nil, map[string]string{pkg: "{}", ".pnp.cjs": ""}, missing{}},
		"node without a package":                {"nodejs", "", nil, nil, missing{}},
		"python without its environment":        {"python", "", map[string]any{"virtualenv": "venv"}, nil, missing{"venv", "pulumi install"}},
		"python with a file in its place":       {"python", "", map[string]any{"virtualenv": "venv"}, map[string]string{"venv": ""}, missing{"venv", "pulumi install"}},
		"python with it":                        {"python", "", map[string]any{"virtualenv": "venv"}, map[string]string{"venv/pyvenv.cfg": ""}, missing{}},
		"python that names none":                {"python", "", nil, nil, missing{}},
		"python whose tool makes it":            {"python", "", map[string]any{"virtualenv": "venv", "toolchain": "uv"}, nil, missing{}},
		"another language":                      {"go", "", nil, map[string]string{pkg: "{}"}, missing{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("NODE_PATH", "")
			p := demoProject()
			p.Dir, p.Main, p.Runtime = t.TempDir(), c.main, workspace.NewProjectRuntimeInfo(c.runtime, c.options)
			write(t, p.Dir, c.files)
			var got missing
			got.Folder, got.Command = p.MissingPackages()
			if c.want.Folder != "" {
				c.want.Folder = filepath.Join(p.Dir, c.want.Folder)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
