package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// modulesOf returns the paths of the submodules that a commit has.
func (w *Worktree) modulesOf(ctx context.Context, commit string) (map[string]bool, error) {
	out, err := w.git(ctx, 1, "ls-tree", "-r", "-z", "--full-tree", commit)
	if err != nil {
		return nil, err
	}
	return modulesIn(out), nil
}

// modulesIn returns the paths of submodules in a listing of `git ls-tree -z` or `git ls-files -s -z`.
func modulesIn(listing []byte) map[string]bool {
	modules := map[string]bool{}
	for line := range strings.SplitSeq(string(listing), "\x00") {
		if about, path, is := strings.Cut(line, "\t"); is && strings.HasPrefix(about, modeModule+" ") {
			modules[path] = true
		}
	}
	return modules
}

// removeModules removes the folders of submodules that the worktree has and the commit lacks. Git would leave these
// folders, and files of the commit may have to be in their place.
func (w *Worktree) removeModules(ctx context.Context, commit string) error {
	if !w.mayHaveModules() {
		return nil
	}
	out, err := w.git(ctx, 1, "ls-files", "-s", "-z")
	if err != nil {
		return err
	}
	present := modulesIn(out)
	if len(present) == 0 {
		return nil
	}
	next, err := w.modulesOf(ctx, commit)
	if err != nil {
		return err
	}
	for path := range present {
		if next[path] {
			continue
		}
		if err := os.RemoveAll(filepath.Join(w.dir, filepath.FromSlash(path))); err != nil {
			return err
		}
	}
	return nil
}

// mayHaveModules says whether the worktree has a list of submodules, or has ever had one.
func (w *Worktree) mayHaveModules() bool {
	if _, err := os.Lstat(filepath.Join(w.dir, ".gitmodules")); err == nil {
		return true
	}
	about, is := w.about()
	if !is {
		return false
	}
	_, err := os.Lstat(filepath.Join(about, "modules"))
	return err == nil
}

// updateModules brings the submodules to the commits that the worktree's commit names.
func (w *Worktree) updateModules(ctx context.Context) error {
	if _, err := os.Lstat(filepath.Join(w.dir, ".gitmodules")); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := w.noteModules(ctx); err != nil {
		return fmt.Errorf("note the submodules: %w", err)
	}
	if _, err := w.git(ctx, 10, "submodule", "update", "--init", "--recursive", "--force", "--progress"); err != nil {
		return fmt.Errorf("update the submodules: %w", w.checkoutError(err))
	}
	return nil
}

// noteModules writes the submodules' remotes into the clone's configuration, which all of its worktrees share.
func (w *Worktree) noteModules(ctx context.Context) error {
	ctx, unlock, err := w.repository.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	for _, command := range []string{"init", "sync"} {
		if _, err := w.git(ctx, 1, "submodule", "--quiet", command); err != nil {
			return err
		}
	}
	return nil
}
