//go:build !windows

package stack

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

func TestSelectedStack(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	s := newScript(t, `case "$*" in *version*) echo v3.250.0 ;; *--show-name*) echo organization/demo/asked ;; *) exit 9 ;; esac`)
	t.Setenv("PATH", s.dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PULUMI_HOME", home)
	if err := os.WriteFile(filepath.Join(dir, "Pulumi.yaml"), []byte("name: demo\nruntime: yaml\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	project, err := findProject(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := func(want string) {
		t.Helper()
		got, err := Open(context.Background(), Options{Dir: dir})
		if err != nil || got.Name() != want {
			t.Errorf("got %q, want %q, error %v", got.Name(), want, err)
		}
	}
	want("asked")
	// As `pulumi stack select` writes it; the name is that of v3.250.0 for this path, which the end-to-end tests hold against the CLI.
	if err := os.Mkdir(filepath.Join(home, "workspaces"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(home, "workspaces", project.workspaceFile())
	for settings, name := range map[string]string{
		`{"stack": "organization/demo/dev"}`: "dev", `{"stack": "acme/demo/prod"}`: "acme/demo/prod", `{"stack": "dev"}`: "dev", `{}`: "asked", `{`: "asked",
	} {
		if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
		want(name)
	}
	t.Setenv("PULUMI_STACK", "mine")
	want("mine")
	if s, err := Open(context.Background(), Options{Dir: dir, Stack: "given"}); err != nil || s.Name() != "given" {
		t.Errorf("got %v, error %v", s, err)
	}
}

func TestWorkspaceFileIsNamedAsPulumiDoes(t *testing.T) {
	p := &project{path: "/srv/worker-pool/Pulumi.yaml", Project: demoProject().Project}
	if got, want := p.workspaceFile(), "demo-d7fa8bd2fea635ce52fb97f090e0657351e9e3da-workspace.json"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
