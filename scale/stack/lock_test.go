package stack

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/project"
)

func TestWhoWaitsForTheDirectorysLockIsTold(t *testing.T) {
	s := stackOf(t, t.TempDir(), "demo", "dev", "file:///b")
	unlock, ok, err := s.TryLock()
	if err != nil || !ok {
		t.Fatalf("ok %v, error %v", ok, err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(context.Background())
	var told []scale.Event
	if _, err := s.Lock(ctx, func(e scale.Event) { told = append(told, e); cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]scale.Event{scale.Waiting{Lock: filepath.Join(s.dir.Path, "lock")}}, told); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
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
	want := &scale.LockedError{Stack: "dev", Seen: true, Holders: []scale.LockHolder{
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
