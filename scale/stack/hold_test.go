package stack

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/project"
)

func TestHoldsAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := &Stack{name: "org/demo/dev", stateDir: dir, project: demoProject()}
	if holds, err := s.Holds(); err != nil || holds != nil {
		t.Errorf("before there is anything: %v, %v", holds, err)
	}
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	want := scale.Holds{{Pool: "api", Since: at, Until: at.Add(time.Hour), Reason: "why", By: "ana@ws"}}
	if err := s.ChangeHolds(func(h scale.Holds) scale.Holds { return h.With(want[0]) }); err != nil {
		t.Fatal(err)
	}
	// A command may name the stack in another way than the server does.
	if holds, err := (&Stack{name: "dev", stateDir: dir, project: demoProject()}).Holds(); err != nil || cmp.Diff(want, holds) != "" {
		t.Errorf("%+v, %v", holds, err)
	}
	if holds, err := (&Stack{name: "prod", stateDir: dir, project: demoProject()}).Holds(); err != nil || holds != nil {
		t.Errorf("of another stack: %+v, %v", holds, err)
	}
	file := s.holdsFile()
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o644 && os.PathSeparator == '/' {
		t.Errorf("%v, %v: a server of another user reads it", info.Mode(), err)
	}
	if err := s.ChangeHolds(func(h scale.Holds) scale.Holds { return h.Without("api") }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing is held, and the file is there: %v", err)
	}
}

// A file that cannot be read holds everything: nobody knows what it says.
func TestHoldsThatCannotBeRead(t *testing.T) {
	for name, text := range map[string]string{"no JSON": "{", "another form": `{"format":2,"holds":[]}`} {
		s := &Stack{name: "dev", stateDir: t.TempDir()}
		if err := writeNew(s.holdsFile(), text); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Holds(); !errors.As(err, new(*scale.SetupError)) {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.ChangeHolds(func(scale.Holds) scale.Holds { return nil }); !errors.As(err, new(*scale.SetupError)) {
			t.Errorf("%s is thrown away: %v", name, err)
		}
	}
}

func TestHoldsAreChangedOneAfterTheOther(t *testing.T) {
	dir := t.TempDir()
	var wait sync.WaitGroup
	pools := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for _, pool := range pools {
		wait.Go(func() {
			s := &Stack{name: "dev", stateDir: dir}
			if err := s.ChangeHolds(func(h scale.Holds) scale.Holds { return h.With(scale.Hold{Pool: pool}) }); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if holds, err := (&Stack{name: "dev", stateDir: dir}).Holds(); err != nil || len(holds) != len(pools) {
		t.Errorf("%+v, %v", holds, err)
	}
}

func TestSeenLocked(t *testing.T) {
	backend := t.TempDir()
	t.Setenv("PULUMI_BACKEND_URL", "file://"+backend)
	p := &project.Project{Dir: t.TempDir(), Project: &workspace.Project{Name: "demo"}}
	s := &Stack{name: "dev", project: p}
	if locked := s.seenLocked(); locked != nil {
		t.Errorf("without a lock: %v", locked)
	}
	locks := filepath.Join(backend, ".pulumi", "locks", "organization", "demo", "dev")
	if err := os.MkdirAll(locks, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(locks, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.json", `{"pid":4711,"username":"ci","hostname":"elsewhere","timestamp":"2026-03-04T12:00:00Z"}`)
	want := &scale.LockedError{Stack: "dev", Seen: true, Holders: []scale.Holder{
		{User: "ci", Host: "elsewhere", PID: 4711, Since: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)},
	}}
	if diff := cmp.Diff(want, s.seenLocked()); diff != "" {
		t.Error(diff)
	}
	write("b.json", "") // only the engine can explain it
	if locked := s.seenLocked(); locked != nil {
		t.Errorf("with a damaged lock: %v", locked)
	}
	t.Setenv("PULUMI_BACKEND_URL", "s3://state")
	if locked := s.seenLocked(); locked != nil {
		t.Errorf("of another backend: %v", locked)
	}
}

func writeNew(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}
