package git_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale/git"
)

// prepareRig is a worktree whose preparation notes each of its runs in a file.
func prepareRig(t *testing.T) (r *rig, w *git.Worktree, p git.Preparation, runs func() int) {
	t.Helper()
	r = newRig(t)
	noted := filepath.Join(r.dir, "runs")
	w = r.open().Worktree(filepath.Join(r.dir, "worktree"))
	mustMove(t, w, r.at("main"))
	return r, w, git.Preparation{Command: "echo run >> '" + noted + "'", Dir: "infra"}, func() int {
		text, _ := os.ReadFile(noted)
		return strings.Count(string(text), "run")
	}
}

func TestPrepareRunsOnlyIfItHasTo(t *testing.T) {
	r, w, p, runs := prepareRig(t)
	r.write("README", "second\n")
	second := r.commit("second")
	r.push()
	prepare := func(p git.Preparation, why string, want int) {
		t.Helper()
		if needed := want > runs(); w.IsPrepared(p) == needed {
			t.Errorf("%s: it says that it is prepared: %v", why, !needed)
		}
		if err := w.Prepare(t.Context(), p, nil); err != nil {
			t.Fatal(err)
		}
		if got := runs(); got != want {
			t.Errorf("%s: it has run %d times, want %d", why, got, want)
		}
		if !w.IsPrepared(p) {
			t.Errorf("%s: it says that it is not prepared", why)
		}
	}
	prepare(p, "the first time", 1)
	prepare(p, "nothing has changed", 1)
	absolute := p
	absolute.Dir = filepath.Join(w.Dir(), "infra")
	prepare(absolute, "the same folder", 1)
	writeFile(t, filepath.Join(w.Dir(), "infra", "package-lock.json"), "{}")
	prepare(p, "a lock file in the folder has changed", 2)
	writeFile(t, filepath.Join(w.Dir(), "yarn.lock"), "")
	prepare(p, "a lock file in the root has changed", 3)
	writeFile(t, filepath.Join(w.Dir(), "README"), "edited")
	prepare(p, "another file has changed", 3)
	other := p
	other.Command += " # another"
	prepare(other, "another command", 4)
	mustMove(t, w, second)
	prepare(other, "another commit", 5)
	prepare(git.Preparation{}, "no command", 5)
}

func TestPrepareThatFailsRunsAgain(t *testing.T) {
	_, w, p, runs := prepareRig(t)
	failing := p
	failing.Command += "; echo it is broken >&2; exit 3"
	var output bytes.Buffer
	for want := 1; want <= 2; want++ {
		err := w.Prepare(t.Context(), failing, &output)
		failed, is := errors.AsType[*git.PrepareError](err)
		if !is || failed.Output != "it is broken" || failed.Command != failing.Command || runs() != want {
			t.Errorf("error %v after %d runs", err, runs())
		}
	}
	if got := output.String(); got != "it is broken\nit is broken\n" {
		t.Errorf("it printed %q", got)
	}
	for _, dir := range []string{"..", "/", "infra/../.."} {
		if err := w.Prepare(t.Context(), git.Preparation{Command: "true", Dir: dir}, nil); err == nil {
			t.Errorf("it runs in %s", dir)
		}
	}
}

func TestPrepareEndsWithItsProcessesWhenTheContextDoes(t *testing.T) {
	r, w, p, runs := prepareRig(t)
	started := filepath.Join(r.dir, "started")
	short := p
	p.Command += "; (trap '' TERM; while :; do echo >> '" + started + "'; sleep 0.02; done) & wait"
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Prepare(ctx, p, nil) }()
	waitFor(t, func() bool { _, err := os.Stat(started); return err == nil })
	cancel()
	begun := time.Now()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	before := readFile(t, started)
	time.Sleep(200 * time.Millisecond) // in which it would have written ten times
	if after := readFile(t, started); after != before {
		t.Error("a process that heeds no request goes on")
	}
	if err := w.Prepare(t.Context(), short, nil); err != nil || runs() != 2 {
		t.Errorf("error %v after %d runs", err, runs())
	}
}

// waitFor polls for a condition.
func waitFor(t *testing.T, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it has not come to that in time")
		}
	}
}

func TestWhatThePreparationMakesIsNobodysEdit(t *testing.T) {
	r, w, p, _ := prepareRig(t)
	r.write("README", "second\n")
	second := r.commit("second")
	r.push()
	writeFile(t, filepath.Join(w.Dir(), "before.txt"), "somebody's\n")
	p.Command = "mkdir -p venv && echo package > venv/lib && echo changed >> Pulumi.yaml"
	if err := w.Prepare(t.Context(), p, nil); err != nil {
		t.Fatal(err)
	}
	edited := func(want ...string) {
		t.Helper()
		got, err := w.Edited(t.Context(), nil)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("error %v, -want +got:\n%s", err, diff)
		}
	}
	edited("before.txt")
	writeFile(t, filepath.Join(w.Dir(), "infra", "Pulumi.yaml"), "somebody's\n")
	edited("before.txt", "infra/Pulumi.yaml")
	if _, _, err := w.SetAside(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	mustMove(t, w, second)
	edited()
	if got := readFile(t, filepath.Join(w.Dir(), "infra", "venv", "lib")); got != "package\n" {
		t.Errorf("what was made has become %q", got)
	}
	p.Command += "; exit 1"
	if err := w.Prepare(t.Context(), p, nil); err == nil {
		t.Fatal("it did not fail")
	}
	edited() // it has made the same again before it failed
}
