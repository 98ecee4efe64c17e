package statedir

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
)

func lockable(t *testing.T) Dir {
	return Dir{Path: filepath.Join(t.TempDir(), "state", ".pulumiscale")}
}

func TestLockLetsOneInAtATime(t *testing.T) {
	one := lockable(t)
	two := Dir{Path: one.Path}
	unlock, ok, err := one.TryLock()
	if err != nil || !ok {
		t.Fatalf("ok %v, error %v", ok, err)
	}
	if _, ok, err := two.TryLock(); err != nil || ok {
		t.Errorf("a second one got in: error %v", err)
	}
	waiting, locked := make(chan string, 1), make(chan error)
	var again func()
	go func() {
		var err error
		again, err = two.Lock(context.Background(), func(lock string) { waiting <- lock })
		locked <- err
	}()
	if diff := cmp.Diff(filepath.Join(one.Path, "lock"), <-waiting); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	select {
	case err := <-locked:
		t.Errorf("it did not wait: %v", err)
	default:
	}
	unlock()
	if err := <-locked; err != nil {
		t.Fatal(err)
	}
	again()
	unlock, err = one.Lock(context.Background(), func(lock string) { t.Errorf("a free lock is waited for: %s", lock) })
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestLockIsWaitedForUntilTheContextEnds(t *testing.T) {
	d := lockable(t)
	unlock, _, err := d.TryLock()
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := d.Lock(ctx, func(string) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestLockKeepsItsFolderOutOfVersionControl(t *testing.T) {
	d := lockable(t)
	unlock, _, err := d.TryLock()
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	if diff := cmp.Diff("*\n", filestest.Content(t, filepath.Join(d.Path, ".gitignore"))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLockInAFolderThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := Dir{Path: filepath.Join(file, "state")}
	var setup *scale.SetupError
	if _, err := d.Lock(context.Background(), func(string) {}); !errors.As(err, &setup) || setup.Hint == "" {
		t.Errorf("got %v", err)
	}
}

func TestLockRemovesWhatWasLeftBehind(t *testing.T) {
	d := lockable(t)
	d.Stack = "dev"
	if err := d.makeFolders(); err != nil {
		t.Fatal(err)
	}
	updates := filepath.Join(d.Home(), updatesFolder)
	unfinished, err := newFolder(updates)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := d.NewRecord("id", []string{"worker"})
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(updates, copyPrefix+"1") // nobody knows who has made it
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	unlock, _, err := d.TryLock()
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	for dir, want := range map[string]bool{unfinished: false, kept.Dir: true, other: true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s: %v", filepath.Base(dir), err)
		}
	}
}

func TestWhoWorksHoldsTheLock(t *testing.T) {
	d := lockable(t)
	if working, err := d.IsLocked(); working || err != nil {
		t.Errorf("%v, %v", working, err)
	}
	if _, err := os.Stat(filepath.Dir(d.Path)); err == nil {
		t.Error("the look has made the directory")
	}
	unlock, _, err := d.TryLock()
	if err != nil {
		t.Fatal(err)
	}
	if working, err := d.IsLocked(); !working || err != nil {
		t.Errorf("%v, %v", working, err)
	}
	unlock()
	if working, err := d.IsLocked(); working || err != nil {
		t.Errorf("%v, %v", working, err)
	}
	if _, ok, err := d.TryLock(); !ok || err != nil {
		t.Errorf("the look has kept the lock: %v, %v", ok, err)
	}
}
