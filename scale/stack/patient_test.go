//go:build !windows

package stack

import (
	"context"
	"encoding/json"
	"errors"
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
	"github.com/pulumiscale/pulumiscale/scale/stack/statedir"
)

// patientOf is the stack of an engine, as a patient that has been looked at that far.
func patientOf(t *testing.T) (*Patient, engine) {
	t.Helper()
	e := newEngine(t)
	return &Patient{Stack: e.Stack}, e
}

func TestABackendsAddressShowsNoCredentials(t *testing.T) {
	for text, want := range map[string]string{
		"file:///a/b?no_tmp_dir=true":        "file:///a/b",
		"file://~":                           "file://~",
		"s3://bucket?region=x&secret=hunter": "s3://bucket",
		"postgres://me:hunter@host/db":       "postgres://host/db",
		"https://api.pulumi.com":             "https://api.pulumi.com",
		"%zz?hunter":                         "%zz",
	} {
		if got := withoutCredentials(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestTheFolderOfAFileBackendIsFoundAsTheCLIDoes(t *testing.T) {
	p, _ := patientOf(t)
	home, err := os.UserHomeDir()
	if err != nil {
		t.Skip(err)
	}
	for url, want := range map[string]string{
		"file:///a/b": "/a/b", "file://./b": filepath.Join(p.project.Dir, "b"), "s3://bucket": "", "https://api.pulumi.com": "", "file:///a?no_tmp_dir=true": "/a",
	} {
		if got, ok := p.project.BackendFolder(url); got != want || ok != (want != "") {
			t.Errorf("%s: %s, %v", url, got, ok)
		}
	}
	if got, _ := p.project.BackendFolder("file://~/b"); filepath.Base(got) != "b" || filepath.Dir(got) == filepath.Join(p.project.Dir, "~") || home == "" {
		t.Errorf("got %s", got)
	}
}

func TestLocksAreThoseOfTheStack(t *testing.T) {
	p, _ := patientOf(t)
	dir := filepath.Join(t.TempDir(), "back[1]end")
	p.backend.URL = "file://" + dir
	host, _ := os.Hostname()
	running := aCLI(t)
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
	holder := func(host string, pid int, dead bool) scale.Holder {
		return scale.Holder{User: "ana", Host: host, PID: pid, Since: since, Dead: dead}
	}
	want := []doctor.Lock{
		{Holder: holder("elsewhere", 1, false)}, {Holder: holder(host, running, false), Here: true},
		{Holder: holder(host, dead, true), Here: true, Ours: true}, {Holder: holder(host, dead+1, true), Here: true}, {Damaged: true},
		{Holder: holder("old", 2, false)},
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
	p, e := patientOf(t)
	p.backend.URL = "https://app.pulumi.example"
	e.put("history1.json", history(past("update", "in-progress", time.Minute, counted, "")))
	got, known, err := p.Locks(context.Background())
	if err != nil || !known || len(got) != 1 || time.Since(got[0].Since) < time.Minute {
		t.Errorf("%v, %v, %v", got, known, err)
	}
	e.put("history1.json", history(past("update", "succeeded", time.Minute, counted, "")))
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
	p, _ := patientOf(t)
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

func TestSurveyReadsOnWithWrongRules(t *testing.T) {
	p, e := patientOf(t)
	e.put("export.json", exportOf(`{"worker":{"min":1}}`))
	e.put("history1.json", history(past("update", "succeeded", time.Hour, counted, "")))
	survey, err := p.Survey(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if rulesErr := (*scale.RulesError)(nil); !errors.As(survey.RulesErr, &rulesErr) {
		t.Errorf("rules error %v", survey.RulesErr)
	}
	if len(survey.Rules) != 0 || len(survey.Resources) != 2 || len(survey.Pending) != 1 || len(survey.Updates) != 1 {
		t.Errorf("got %+v", survey.Snapshot)
	}
	// Two rules with one key, spelled in two ways, are found by the keys alone.
	e.put("export.json", exportOf(`{"a":{"urn":"urn:pulumi:x","configKey":"count","min":1,"max":2},"b":{"urn":"urn:pulumi:x","configKey":"demo:count","min":1,"max":2}}`))
	if survey, err = p.Survey(context.Background()); err != nil || survey.RulesErr == nil || len(survey.Rules) > 0 {
		t.Errorf("%v, %v", survey, err)
	}
}

// lockable is a stack whose state directory is not there yet.
func lockable(t *testing.T) *Stack {
	t.Helper()
	return &Stack{dir: statedir.Dir{Path: filepath.Join(t.TempDir(), "state", ".pulumiscale")}}
}

func TestLookingMakesNoFiles(t *testing.T) {
	p := &Patient{Stack: lockable(t)}
	p.file = tempFile(t, "")
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
	empty := &Patient{Stack: &Stack{dir: statedir.Dir{Path: t.TempDir()}}}
	if working, err := empty.Working(); working || err != nil {
		t.Errorf("%v, %v", working, err)
	}
	for _, dir := range []string{parent, filepath.Dir(p.file.Path), empty.dir.Path} {
		if made, err := os.ReadDir(dir); err != nil || len(made) > 0 {
			t.Errorf("made %v, %v", made, err)
		}
	}
}

func TestWhoWorksHoldsTheLock(t *testing.T) {
	p := &Patient{Stack: lockable(t)}
	other := &Stack{dir: p.dir}
	unlock, _, err := other.TryLock()
	if err != nil {
		t.Fatal(err)
	}
	if working, err := p.Working(); !working || err != nil {
		t.Errorf("%v, %v", working, err)
	}
	unlock()
	if working, err := p.Working(); working || err != nil {
		t.Errorf("%v, %v", working, err)
	}
	if _, ok, err := other.TryLock(); !ok || err != nil {
		t.Errorf("the look has kept the lock: %v, %v", ok, err)
	}
}

func TestAFileInThePlaceOfTheStateDirectoryIsNone(t *testing.T) {
	p := &Patient{Stack: lockable(t)}
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
	p := &Patient{Stack: &Stack{file: tempFile(t, "config: {}\n")}}
	if err := os.Chmod(p.file.Path, 0o400); err != nil {
		t.Fatal(err)
	}
	if got := p.ConfigFile(); !got.ReadOnly || got.FileErr != nil || got.DirErr != nil {
		t.Errorf("got %+v", got)
	}
	if err := os.Chmod(filepath.Dir(p.file.Path), 0o500); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(filepath.Dir(p.file.Path), 0o700) }()
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
	p, e := patientOf(t)
	e.put("export.json", `{"deployment":{"resources":[
		{"urn":"urn:pulumi:dev::demo::pulumi:providers:aws::default","type":"pulumi:providers:aws","inputs":{"version":"6.1.0"}},
		{"urn":"urn:pulumi:dev::demo::pulumi:providers:aws::other","type":"pulumi:providers:aws","inputs":{"version":"6.1.0"}},
		{"urn":"urn:pulumi:dev::demo::pulumi:providers:hcloud::default","type":"pulumi:providers:hcloud","inputs":{"version":"1.2.3"}},
		{"urn":"urn:pulumi:dev::demo::pulumi:providers:dns::default","type":"pulumi:providers:dns","inputs":{"version":"0.1.0",
			"__internal":{"name":"terraform-provider","parameterization":{"version":"9"}}}},
		{"urn":"urn:pulumi:dev::demo::pulumi:providers:pulumi::default","type":"pulumi:providers:pulumi"},
		{"urn":"urn:pulumi:dev::demo::a:b:C::w","type":"a:b:C"}]}}`)
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

	p.project.Runtime = workspace.NewProjectRuntimeInfo("python", nil)
	if got := p.LanguageHost(context.Background()); got.Path != filepath.Join(bin, "pulumi-language-python") {
		t.Errorf("got %+v", got)
	}
	p.project.Runtime = workspace.NewProjectRuntimeInfo("cobol", nil)
	if got := p.LanguageHost(context.Background()); got.Path != "" || got.Name != "pulumi-language-cobol" {
		t.Errorf("got %+v", got)
	}
	beside := filepath.Join(e.Dir, "pulumi-language-cobol")
	if err := os.WriteFile(beside, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := p.LanguageHost(context.Background()); got.Path != beside {
		t.Errorf("got %+v, want %s", got, beside)
	}
}
