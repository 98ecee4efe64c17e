package statedir

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestHoldsAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	d := Dir{Stack: "org/demo/dev", Path: dir, Program: demoProject()}
	if holds, err := d.Holds(); err != nil || holds != nil {
		t.Errorf("before there is anything: %v, %v", holds, err)
	}
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	want := scale.Holds{{Pool: "api", Since: at, Until: at.Add(time.Hour), Reason: "why", By: "ana@ws"}}
	if err := d.ChangeHolds(func(h scale.Holds) scale.Holds { return h.With(want[0]) }); err != nil {
		t.Fatal(err)
	}
	// A command may name the stack in another way than the server does.
	if holds, err := (Dir{Stack: "dev", Path: dir, Program: demoProject()}).Holds(); err != nil || cmp.Diff(want, holds) != "" {
		t.Errorf("%+v, %v", holds, err)
	}
	if holds, err := (Dir{Stack: "prod", Path: dir, Program: demoProject()}).Holds(); err != nil || holds != nil {
		t.Errorf("of another stack: %+v, %v", holds, err)
	}
	file := d.holdsFile()
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o644 && os.PathSeparator == '/' {
		t.Errorf("%v, %v: a server of another user reads it", info.Mode(), err)
	}
	if err := d.ChangeHolds(func(h scale.Holds) scale.Holds { return h.Without("api") }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing is held, and the file is there: %v", err)
	}
}

// A file that cannot be read holds everything: nobody knows what it says.
func TestHoldsThatCannotBeRead(t *testing.T) {
	for name, text := range map[string]string{"no JSON": "{", "another form": `{"format":2,"holds":[]}`} {
		d := Dir{Stack: "dev", Path: t.TempDir()}
		if err := writeNew(d.holdsFile(), text); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Holds(); !errors.As(err, new(*scale.SetupError)) {
			t.Errorf("%s: %v", name, err)
		}
		if err := d.ChangeHolds(func(scale.Holds) scale.Holds { return nil }); !errors.As(err, new(*scale.SetupError)) {
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
			d := Dir{Stack: "dev", Path: dir}
			if err := d.ChangeHolds(func(h scale.Holds) scale.Holds { return h.With(scale.Hold{Pool: pool}) }); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if holds, err := (Dir{Stack: "dev", Path: dir}).Holds(); err != nil || len(holds) != len(pools) {
		t.Errorf("%+v, %v", holds, err)
	}
}

func writeNew(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}
