package project

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
)

// selecting is what decides which stack is selected.
type selecting struct {
	// cli is the CLI's version; empty if it is not known.
	cli string
	// file is the workspace file. linked is the one for the path by which the project is reached, if that has a link in
	// it.
	file, linked string
	// backend is the current one; empty stands for a folder.
	backend string
	env     map[string]string
	// login is the credentials file; empty if there is none.
	login string
	// noBackend leaves it to the credentials where the CLI is logged in.
	noBackend bool
}

func (c selecting) ask(t *testing.T) string {
	t.Helper()
	home, dir := t.TempDir(), t.TempDir()
	if resolved, err := filepath.EvalSymlinks(dir); err == nil { // of macOS
		dir = resolved
	}
	t.Setenv("PULUMI_HOME", home)
	for _, name := range []string{"PULUMI_STACK", StackOption, "PULUMI_CREDENTIAL_HELPER", "PULUMI_CREDENTIALS_PATH"} {
		t.Setenv(name, "") // it is put back after the test
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	backend := c.backend
	if backend == "" && !c.noBackend {
		backend = "file:///b"
	}
	t.Setenv("PULUMI_BACKEND_URL", backend)
	for name, value := range c.env {
		t.Setenv(name, value)
	}
	p := &Project{Path: filepath.Join(dir, "Pulumi.yaml"), Project: &workspace.Project{Name: "demo"}}
	filestest.WriteAll(t, map[string]string{p.Path: "name: demo\nruntime: yaml\n", filepath.Join(home, "credentials.json"): c.login, filepath.Join(home, "workspaces", p.workspaceFile(p.Path)): c.file})
	if c.linked != "" {
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(dir, link); err != nil {
			t.Fatal(err)
		}
		p.Path = filepath.Join(link, "Pulumi.yaml")
		filestest.WriteAll(t, map[string]string{filepath.Join(home, "workspaces", p.workspaceFile(p.Path)): c.linked})
	}
	version := semver.Version{}
	if c.cli != "" {
		version = semver.MustParse(c.cli)
	}
	return p.SelectedStack(version)
}

func TestTheSelectedStackIsTheOneThatTheCLIMeans(t *testing.T) {
	const (
		cloud = "https://api.pulumi.com"
		old   = `{"stack": "organization/demo/dev"}`
		both  = `{"stack": "organization/demo/dev", "stacks": {"file:///b": "organization/demo/prod", "https://api.pulumi.com": "acme/demo/live"}}`
	)
	for name, c := range map[string]struct {
		selecting
		want string
	}{
		"an older CLI's file, read by an older CLI":                 {selecting{cli: "3.200.0", file: old}, "dev"},
		"an older CLI's file, read by a newer CLI":                  {selecting{cli: "3.274.1", file: old}, "dev"},
		"an older CLI's file, whichever CLI reads it":               {selecting{file: old}, "dev"},
		"a short name of a self-managed backend":                    {selecting{cli: "3.250.0", file: `{"stack": "dev"}`}, "dev"},
		"a stack of another project":                                {selecting{cli: "3.250.0", file: `{"stack": "organization/other/dev"}`}, "organization/other/dev"},
		"both fields, an older CLI: the old one":                    {selecting{cli: "3.250.0", file: both}, "dev"},
		"both fields, the last CLI without the newer one":           {selecting{cli: "3.255.0", file: both}, "dev"},
		"both fields, the first CLI with the newer one":             {selecting{cli: "3.256.0", file: both}, "prod"},
		"both fields, a newer CLI: that of the backend":             {selecting{cli: "3.274.1", file: both}, "prod"},
		"both fields, another self-managed backend: the old one":    {selecting{cli: "3.274.1", file: both, backend: "file:///c"}, "dev"},
		"the same folder written in another way is another backend": {selecting{cli: "3.274.1", file: both, backend: "file:///b/"}, "dev"},
		"both fields, a service":                                    {selecting{cli: "3.274.1", file: both, backend: cloud}, "acme/demo/live"},
		"a service's address with a slash at its end":               {selecting{cli: "3.274.1", file: both, backend: cloud + "/"}, "acme/demo/live"},
		"a service without an entry may have one in other words":    {selecting{cli: "3.274.1", file: both, backend: "https://pulumi.example.com"}, ""},
		"only the newer field, an older CLI: nothing":               {selecting{cli: "3.250.0", file: `{"stacks": {"file:///b": "organization/demo/prod"}}`}, ""},
		"both fields, no version":                                   {selecting{file: both}, ""},
		"both fields, a version between releases":                   {selecting{cli: "3.256.0-alpha.1", file: both}, ""},
		"a CLI that is newer than all that are known":               {selecting{cli: "3.999.0", file: old}, ""},
		"an older CLI's name for a stack of another backend":        {selecting{cli: "3.274.1", file: `{"stack": "acme/demo/dev"}`}, ""},
		"a service's short name may mean another organisation":      {selecting{cli: "3.250.0", file: `{"stack": "dev"}`, backend: cloud}, ""},
		"a service's whole name":                                    {selecting{cli: "3.250.0", file: `{"stack": "acme/demo/dev"}`, backend: cloud}, "acme/demo/dev"},
		"no backend is known":                                       {selecting{cli: "3.250.0", file: old, noBackend: true}, ""},
		"the backend that the CLI is logged in to":                  {selecting{cli: "3.274.1", file: both, noBackend: true, login: `{"current": "file:///b"}`}, "prod"},
		"a helper may tell of another login":                        {selecting{cli: "3.274.1", file: both, noBackend: true, login: `{"current": "file:///b", "credentialHelper": {"path": "x"}}`}, ""},
		"a helper in the environment too":                           {selecting{cli: "3.274.1", file: both, env: map[string]string{"PULUMI_CREDENTIAL_HELPER": "x"}}, ""},
		"no file":                                                   {selecting{cli: "3.250.0"}, ""},
		"an empty file":                                             {selecting{cli: "3.250.0", file: `{}`}, ""},
		"a damaged file":                                            {selecting{cli: "3.250.0", file: `{`}, ""},
		"a file of another form":                                    {selecting{cli: "3.274.1", file: `{"stack": "dev", "stacks": []}`}, ""},
		"PULUMI_STACK is stronger than the file":                    {selecting{cli: "3.274.1", file: both, env: map[string]string{"PULUMI_STACK": "mine"}}, "mine"},
		"PULUMI_STACK in full":                                      {selecting{cli: "3.250.0", env: map[string]string{"PULUMI_STACK": "organization/demo/mine"}}, "mine"},
		"PULUMI_STACK that is empty":                                {selecting{cli: "3.250.0", file: old, env: map[string]string{"PULUMI_STACK": ""}}, ""},
		"PULUMI_STACK, short, of a service":                         {selecting{cli: "3.250.0", backend: cloud, env: map[string]string{"PULUMI_STACK": "mine"}}, ""},
		"the variable for --stack is stronger":                      {selecting{cli: "3.250.0", file: old, env: map[string]string{"PULUMI_STACK": "mine", StackOption: "flag"}}, "flag"},
		"the variable for --stack, an older CLI":                    {selecting{cli: "3.207.0", file: old, env: map[string]string{StackOption: "flag"}}, "dev"},
		"the variable for --stack, no version":                      {selecting{file: old, env: map[string]string{StackOption: "flag"}}, ""},
		"by a link, an older CLI":                                   {selecting{cli: "3.260.0", file: both, linked: old}, "dev"},
		"by a link, a newer CLI: the path without it":               {selecting{cli: "3.274.0", file: both, linked: old}, "prod"},
		"by a link, a newer CLI after an older one":                 {selecting{cli: "3.274.0", linked: old}, "dev"},
		"by a link, a CLI between the two":                          {selecting{cli: "3.265.0", file: both, linked: old}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if c.linked != "" && runtime.GOOS == "windows" {
				t.Skip("making links takes a privilege there")
			}
			if got := c.ask(t); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWorkspaceFileIsNamedAsPulumiDoes(t *testing.T) {
	p := &Project{Project: demoProject().Project}
	if got, want := p.workspaceFile("/srv/worker-pool/Pulumi.yaml"), "demo-d7fa8bd2fea635ce52fb97f090e0657351e9e3da-workspace.json"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
