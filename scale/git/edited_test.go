package git_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale/git"
)

func TestEditsAreSetAsideBeforeAMove(t *testing.T) {
	r := newRig(t)
	first := r.at("main")
	r.write("README", "second\n")
	second := r.commit("second")
	r.push()
	w := r.open().Worktree(filepath.Join(r.dir, "worktree"))
	mustMove(t, w, first)
	writeFile(t, filepath.Join(w.Dir(), "README"), "edited\n")
	writeFile(t, filepath.Join(w.Dir(), "new [1].txt"), "untracked\n")
	writeFile(t, filepath.Join(w.Dir(), filepath.FromSlash(config)), "config: ours\n")
	if err := os.Remove(filepath.Join(w.Dir(), "infra", "Pulumi.yaml")); err != nil {
		t.Fatal(err)
	}
	want := []string{"README", "infra/Pulumi.yaml", "new [1].txt"}
	got, err := w.Edited(t.Context(), []string{config})
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v, -want +got:\n%s", err, diff)
	}
	ref, files, err := w.SetAside(t.Context(), []string{config})
	if diff := cmp.Diff(want, files); diff != "" || err != nil {
		t.Fatalf("error %v, -want +got:\n%s", err, diff)
	}
	if diff := cmp.Diff("M\tREADME\nD\tinfra/Pulumi.yaml\nA\tnew [1].txt", r.git(r.bare(), "diff", "--name-status", first, ref)); diff != "" {
		t.Errorf("-want +got of what was kept:\n%s", diff)
	}
	if got := r.git(r.bare(), "cat-file", "blob", ref+":README"); got != "edited" {
		t.Errorf("%q was kept", got)
	}
	if got := readFile(t, filepath.Join(w.Dir(), filepath.FromSlash(config))); got != "config: ours\n" {
		t.Errorf("the file that is ours has become %q", got)
	}
	if ref, files, err := w.SetAside(t.Context(), []string{config}); ref != "" || files != nil || err != nil {
		t.Errorf("%s, %v, %v: there was nothing left to set aside", ref, files, err)
	}
	mustMove(t, w, second)
	if got, err := w.Edited(t.Context(), nil); got != nil || err != nil { // ours was overwritten
		t.Errorf("edited after the move: %v, %v", got, err)
	}
}

func TestAWorktreeThatSomebodyHasMovedIsBroughtBack(t *testing.T) {
	r := newRig(t)
	first := r.at("main")
	r.write("README", "second\n")
	second := r.commit("second")
	r.push()
	w := r.open().Worktree(filepath.Join(r.dir, "worktree"))
	mustMove(t, w, first)
	mustMove(t, w, second)
	r.git(w.Dir(), "checkout", "--quiet", first)
	if got := w.Commit(); got != "" {
		t.Errorf("it is still at %s", got)
	}
	mustMove(t, w, second)
	r.git(w.Dir(), "checkout", "--quiet", "-b", "feature")
	if got := w.Commit(); got != "" {
		t.Errorf("on a branch it is still at %s", got)
	}
	mustMove(t, w, second)
}

func TestMoveHeals(t *testing.T) {
	r := newRig(t)
	first := r.at("main")
	r.write("README", "second\n")
	second := r.commit("second")
	r.push()
	repository := r.open()
	w := repository.Worktree(filepath.Join(r.dir, "worktree"))
	about := filepath.Join(r.bare(), "worktrees", "worktree")
	for _, c := range []struct {
		name string
		harm func() error
	}{
		{"a lock of the index", func() error { return os.WriteFile(filepath.Join(about, "index.lock"), nil, 0o600) }},
		{"a lock of HEAD", func() error { return os.WriteFile(filepath.Join(about, "HEAD.lock"), nil, 0o600) }},
		{"locks in the clone", func() error {
			return errors.Join(os.WriteFile(filepath.Join(r.bare(), "shallow.lock"), nil, 0o600), os.WriteFile(filepath.Join(r.bare(), "config.lock"), nil, 0o600))
		}},
		{"a folder that was removed", func() error { return os.RemoveAll(w.Dir()) }},
		{"a file .git that was removed with all others", func() error {
			return errors.Join(os.RemoveAll(w.Dir()), os.Mkdir(w.Dir(), 0o700))
		}},
		{"a clone that knows nothing of it", func() error { return os.RemoveAll(about) }},
		{"an index that was removed", func() error { return os.Remove(filepath.Join(about, "index")) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			mustMove(t, w, first)
			if err := c.harm(); err != nil {
				t.Fatal(err)
			}
			mustMove(t, w, second)
			if got := readFile(t, filepath.Join(w.Dir(), "README")); got != "second\n" {
				t.Errorf("README is %q", got)
			}
			if got := r.git(w.Dir(), "status", "--porcelain"); got != "" {
				t.Errorf("git sees changes: %s", got)
			}
		})
	}
	if got := r.git(r.bare(), "worktree", "list", "--porcelain"); strings.Count(got, "worktree ") != 2 {
		t.Errorf("worktrees are left over:\n%s", got)
	}
}

func TestMoveRefusesAFolderOfSomebodyElses(t *testing.T) {
	r := newRig(t)
	dir := filepath.Join(r.dir, "thesis")
	writeFile(t, filepath.Join(dir, "thesis.txt"), "years of work")
	if err := r.open().Worktree(dir).Move(t.Context(), r.at("main")); err == nil || !strings.Contains(err.Error(), "no worktree of") {
		t.Errorf("error %v", err)
	}
	if err := r.open().Worktree(r.checkout).Move(t.Context(), r.at("main")); err == nil {
		t.Error("the developer's checkout is taken for one of ours")
	}
}

func TestSubmodulesMoveAlong(t *testing.T) {
	r := newRig(t)
	plain := r.at("main")
	module := filepath.Join(r.dir, "module")
	r.git(r.dir, "clone", "--quiet", r.remote, module)
	r.git(r.checkout, "submodule", "--quiet", "add", "file://"+module, "sub")
	with := r.commit("with a submodule")
	writeFile(t, filepath.Join(module, "README"), "second of the module\n")
	r.git(module, "commit", "--quiet", "--all", "-m", "second")
	r.git(filepath.Join(r.checkout, "sub"), "pull", "--quiet", "origin", "main")
	newer := r.commit("with a newer one")
	r.git(r.checkout, "rm", "--quiet", "-f", "sub")
	r.write("sub", "a file in its place\n")
	without := r.commit("without")
	r.push()
	w := r.open().Worktree(filepath.Join(r.dir, "worktree"))
	readme := filepath.Join(w.Dir(), "sub", "README")
	for _, step := range []struct{ commit, want string }{
		{plain, ""}, {with, "A program\n"}, {newer, "second of the module\n"}, {with, "A program\n"}, {without, ""}, {newer, "second of the module\n"}, {plain, ""},
	} {
		mustMove(t, w, step.commit)
		got, _ := os.ReadFile(readme)
		if diff := cmp.Diff(step.want, string(got)); diff != "" {
			t.Errorf("-want +got of the submodule's file:\n%s", diff)
		}
		if edited, err := w.Edited(t.Context(), nil); edited != nil || err != nil {
			t.Errorf("edited: %v, %v", edited, err)
		}
	}
	mustMove(t, w, newer)
	writeFile(t, readme, "edited\n")
	_, _, err := w.SetAside(t.Context(), nil)
	edits, is := errors.AsType[*git.EditedError](err)
	if !is || cmp.Diff([]string{"sub"}, edits.Files) != "" {
		t.Errorf("error %v, want that the submodule is edited", err)
	}
}

// A filter stops the checkout after some of the files, and there it is ended.
func TestAMoveThatIsCutShort(t *testing.T) {
	r := newRig(t)
	for _, text := range []string{"first\n", "second\n"} {
		r.write(".gitattributes", "m.txt filter=slow\n")
		for _, name := range []string{"a.txt", "m.txt", "z.txt"} {
			r.write(name, text)
		}
		r.write("new-"+strings.TrimSpace(text)+".txt", text)
		r.commit(text)
	}
	r.push()
	first, second := r.at("main^"), r.at("main")
	w := r.open().Worktree(filepath.Join(r.dir, "worktree"))
	started := filepath.Join(r.dir, "started")
	for _, commit := range []string{first, second} {
		_ = os.Remove(started)
		r.git(r.dir, "config", "--global", "filter.slow.smudge", "echo > '"+started+"'; sleep 600")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Move(ctx, commit) }()
		waitFor(t, func() bool { _, err := os.Stat(started); return err == nil })
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want that of the context", err)
		}
		r.git(r.dir, "config", "--global", "filter.slow.smudge", "cat")
		if got := w.Commit(); got != "" {
			t.Errorf("it is at %s, and does not have all of that", got)
		}
		edited, err := w.Edited(t.Context(), []string{"m.txt"})
		if edited != nil || err != nil {
			t.Errorf("edited: %v, %v", edited, err)
		}
		if got := readFile(t, filepath.Join(w.Dir(), "a.txt")); (got == "first\n") != (commit == first) {
			t.Fatalf("a.txt is %q: the move was not cut short where it was to be", got)
		}
		mustMove(t, w, commit)
		if got := r.git(w.Dir(), "status", "--porcelain"); got != "" {
			t.Errorf("git sees changes: %s", got)
		}
	}
}
