//go:build !windows

package probe

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/doctor"
	"github.com/pulumiscale/pulumiscale/scale/stack"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli/clitest"
	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
	"github.com/pulumiscale/pulumiscale/scale/stack/project"
	"github.com/pulumiscale/pulumiscale/scale/stack/statedir"
)

// probed is a probe of the stack dev whose CLI answers with the files export.json and history.json in its folder, which
// is returned too. The name has been found.
func probed(t *testing.T) (p *Probe, dir string) {
	t.Helper()
	s := clitest.New(t, `
cd "$(dirname "$0")"
case "$*" in
*"stack export"*) cat export.json ;;
*"stack history"*) cat history.json ;;
esac
`)
	filestest.WriteAll(t, map[string]string{filepath.Join(s.Dir, "export.json"): `{"deployment":{}}`, filepath.Join(s.Dir, "history.json"): "[]"})
	program := &project.Project{Dir: t.TempDir(), Project: &workspace.Project{Name: "demo", Runtime: workspace.NewProjectRuntimeInfo("yaml", nil)}}
	program.Path = filepath.Join(program.Dir, "Pulumi.yaml")
	p = New(stack.Options{Stack: "dev"})
	p.command, p.program = s.Command, program
	p.dir = statedir.Dir{Path: filepath.Join(t.TempDir(), "state", ".pulumiscale"), Program: program}
	if _, err := p.StackName(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p, s.Dir
}

func TestLocksAreThoseOfTheStack(t *testing.T) {
	p, _ := probed(t)
	dir := filepath.Join(t.TempDir(), "back[1]end")
	p.backend.URL = "file://" + dir
	host, _ := os.Hostname()
	running := clitest.Running(t)
	since := time.Now().Truncate(time.Second).UTC()
	put := func(place, name string, content any) {
		t.Helper()
		folder := filepath.Join(dir, ".pulumi", "locks", place)
		text, err := json.Marshal(content)
		if err == nil {
			err = os.MkdirAll(folder, 0o700)
		}
		if s, ok := content.(string); ok {
			text = []byte(s)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	lock := func(host string, pid int) map[string]any {
		return map[string]any{"pid": pid, "username": "ana", "hostname": host, "timestamp": since}
	}
	const dead = 1 << 22 // above every process id
	put("organization/demo/dev", "a.json", lock("elsewhere", 1))
	put("organization/demo/dev", "b.json", lock(host, running))
	put("organization/demo/dev", "c.json", lock(host, dead))
	put("organization/demo/dev", "d.json", lock(host, dead+1))
	put("organization/demo/dev", "e.json", "")
	put("organization/demo/prod", "f.json", lock(host, 1))
	put("dev", "g.json", lock("old", 2))
	// c is that of an engine of ours.
	r, err := p.dir.NewRecord("x", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Started = since
	if err := r.Save(); err != nil {
		t.Fatal(err)
	}
	r.Begin(dead)

	got, known, err := p.Locks(context.Background())
	if err != nil || !known {
		t.Fatal(known, err)
	}
	holder := func(host string, pid int, dead bool) scale.LockHolder {
		return scale.LockHolder{User: "ana", Host: host, PID: pid, Since: since, Dead: dead}
	}
	want := []doctor.Lock{
		{LockHolder: holder("elsewhere", 1, false)}, {LockHolder: holder(host, running, false), Here: true},
		{LockHolder: holder(host, dead, true), Here: true, Ours: true}, {LockHolder: holder(host, dead+1, true), Here: true}, {Damaged: true},
		{LockHolder: holder("old", 2, false)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	p.backend.URL = "s3://bucket"
	if got, known, err := p.Locks(context.Background()); err != nil || known || len(got) > 0 {
		t.Errorf("%v, %v, %v", got, known, err)
	}
}

func TestABackendWithAServerTellsOfUpdatesThatRun(t *testing.T) {
	p, dir := probed(t)
	p.backend.URL = "https://app.pulumi.example"
	history := func(result string) {
		started := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
		filestest.WriteAll(t, map[string]string{filepath.Join(dir, "history.json"): `[{"kind":"update","startTime":"` + started + `","result":"` + result + `"}]`})
	}
	history("in-progress")
	got, known, err := p.Locks(context.Background())
	if err != nil || !known || len(got) != 1 || time.Since(got[0].Since) < time.Minute {
		t.Errorf("%v, %v, %v", got, known, err)
	}
	history("succeeded")
	if got, _, err := p.Locks(context.Background()); err != nil || len(got) > 0 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestTheServersTimeIsThatOfItsAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusNotFound)
	}))
	defer server.Close()
	p, _ := probed(t)
	p.backend.URL = server.URL
	ahead, ok, err := p.BackendTime(context.Background())
	if err != nil || !ok || (ahead-time.Hour).Abs() > 5*time.Second {
		t.Errorf("%s, %v, %v", ahead, ok, err)
	}
	server.Close()
	if _, ok, err := p.BackendTime(context.Background()); err == nil || !ok {
		t.Errorf("%v, %v", ok, err)
	}
	p.backend.URL = "file:///x"
	if _, ok, err := p.BackendTime(context.Background()); err != nil || ok {
		t.Errorf("%v, %v", ok, err)
	}
}

func TestLookingMakesNoFiles(t *testing.T) {
	p, _ := probed(t)
	parent := filepath.Dir(filepath.Dir(p.dir.Path))
	if working, err := p.Working(); working || err != nil {
		t.Errorf("%v, %v", working, err)
	}
	if got := p.StateDir(context.Background()); !got.Missing || got.WriteErr != nil || got.Free == 0 {
		t.Errorf("got %+v", got)
	}
	if got := p.ConfigFile(); !got.Missing || got.DirErr != nil {
		t.Errorf("got %+v", got)
	}
	for _, dir := range []string{parent, p.program.Dir} {
		if made, err := os.ReadDir(dir); err != nil || len(made) > 0 {
			t.Errorf("made %v, %v", made, err)
		}
	}
}

func TestAFileInThePlaceOfTheStateDirectoryIsNone(t *testing.T) {
	p, _ := probed(t)
	if err := os.WriteFile(filepath.Dir(p.dir.Path), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := p.StateDir(context.Background()); got.WriteErr == nil {
		t.Errorf("got %+v", got)
	}
}

func TestAFileOfReadOnlyModeCanBeReplaced(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("no mode stops root")
	}
	p, _ := probed(t)
	file := p.stack.ConfigFile()
	filestest.WriteAll(t, map[string]string{file: "config: {}\n"})
	if err := os.Chmod(file, 0o400); err != nil {
		t.Fatal(err)
	}
	if got := p.ConfigFile(); !got.ReadOnly || got.FileErr != nil || got.DirErr != nil {
		t.Errorf("got %+v", got)
	}
	if err := os.Chmod(filepath.Dir(file), 0o500); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(filepath.Dir(file), 0o700) }()
	if got := p.ConfigFile(); got.DirErr == nil {
		t.Errorf("got %+v", got)
	}
}

func TestPluginsAreThoseOfTheProvidersInTheState(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"pulumi-resource-aws", "pulumi-resource-terraform-provider", "pulumi-language-python"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p, dir := probed(t)
	filestest.WriteAll(t, map[string]string{filepath.Join(dir, "export.json"): `{"deployment":{"resources":[
		{"urn":"urn:pulumi:dev::demo::pulumi:providers:aws::default","type":"pulumi:providers:aws","inputs":{"version":"6.1.0"}},
		{"urn":"urn:pulumi:dev::demo::pulumi:providers:aws::other","type":"pulumi:providers:aws","inputs":{"version":"6.1.0"}},
		{"urn":"urn:pulumi:dev::demo::pulumi:providers:hcloud::default","type":"pulumi:providers:hcloud","inputs":{"version":"1.2.3"}},
		{"urn":"urn:pulumi:dev::demo::pulumi:providers:dns::default","type":"pulumi:providers:dns","inputs":{"version":"0.1.0",
			"__internal":{"name":"terraform-provider","parameterization":{"version":"9"}}}},
		{"urn":"urn:pulumi:dev::demo::pulumi:providers:pulumi::default","type":"pulumi:providers:pulumi"},
		{"urn":"urn:pulumi:dev::demo::a:b:C::w","type":"a:b:C"}]}}`})
	if _, err := p.Survey(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin) // from here on no plugin of this machine's is in the way
	t.Setenv("PULUMI_HOME", t.TempDir())
	t.Setenv("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", "")
	want := []doctor.Plugin{
		{Name: "aws", Version: "6.1.0", Path: filepath.Join(bin, "pulumi-resource-aws"), Acquired: true},
		{Name: "hcloud", Version: "1.2.3", Acquired: true},
		{Name: "terraform-provider", Version: "0.1.0", Path: filepath.Join(bin, "pulumi-resource-terraform-provider"), Acquired: true},
	}
	if diff := cmp.Diff(want, p.Providers(context.Background()), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	t.Setenv("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", "true")
	if got := p.Providers(context.Background()); got[1].Acquired {
		t.Errorf("got %+v", got[1])
	}

	p.program.Runtime = workspace.NewProjectRuntimeInfo("python", nil)
	if got := p.LanguageHost(context.Background()); got.Path != filepath.Join(bin, "pulumi-language-python") {
		t.Errorf("got %+v", got)
	}
	p.program.Runtime = workspace.NewProjectRuntimeInfo("cobol", nil)
	if got := p.LanguageHost(context.Background()); got.Path != "" || got.Name != "pulumi-language-cobol" {
		t.Errorf("got %+v", got)
	}
	beside := filepath.Join(dir, "pulumi-language-cobol")
	if err := os.WriteFile(beside, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := p.LanguageHost(context.Background()); got.Path != beside {
		t.Errorf("got %+v, want %s", got, beside)
	}
}
