package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Worktree is one folder that has the files of a commit, and moves from commit to commit. What git does not track
// there, such as installed packages, stays. Somebody's edits are only kept if [Worktree.SetAside] is called before a
// move.
type Worktree struct {
	repository *Repository
	dir        string
}

// Worktree is the worktree in a folder. It makes nothing.
func (r *Repository) Worktree(dir string) *Worktree {
	if absolute, err := filepath.Abs(dir); err == nil {
		dir = absolute
	}
	return &Worktree{repository: r, dir: dir}
}

// Dir is the worktree's folder.
func (w *Worktree) Dir() string { return w.dir }

// The files of ours among those that git keeps about a worktree.
const (
	// arrivedFile has the commit that the worktree has come to, whole. It is not there while the worktree moves.
	arrivedFile = "pulumiscale-at"
	// movingFile has the commit to which a move has begun.
	movingFile = "pulumiscale-moving"
	// preparedFile says how the worktree was prepared.
	preparedFile = "pulumiscale-prepared"
)

// Commit is the commit that the worktree has, whole; "" if there is none, if a move did not come to its end, or if
// somebody has moved it. It only reads files.
func (w *Worktree) Commit() string {
	about, is := w.about()
	if !is {
		return ""
	}
	arrived := readLine(filepath.Join(about, arrivedFile))
	if arrived != readLine(filepath.Join(about, "HEAD")) || !isHash.MatchString(arrived) {
		return ""
	}
	return arrived
}

// about is the folder in which git keeps what it knows about the worktree, if it is there and of this clone.
func (w *Worktree) about() (dir string, is bool) {
	dir, is = w.pointer()
	if !is {
		return "", false
	}
	back := readLine(filepath.Join(dir, "gitdir"))
	if !isSame(back, filepath.Join(w.dir, ".git")) {
		return "", false
	}
	return dir, true
}

// pointer is the folder that the worktree's file .git names, there or not. is says whether the folder is one of the
// clone's.
func (w *Worktree) pointer() (dir string, is bool) {
	dir, is = strings.CutPrefix(readLine(filepath.Join(w.dir, ".git")), "gitdir: ")
	if !is {
		return "", false
	}
	dir = filepath.Clean(filepath.FromSlash(dir))
	return dir, isSame(filepath.Dir(dir), filepath.Join(w.repository.git, "worktrees"))
}

// isSame says whether two paths are one, also if a folder above them is a link.
func isSame(a, b string) bool {
	if filepath.Clean(filepath.FromSlash(a)) == filepath.Clean(b) {
		return true
	}
	return a != "" && resolve(a) == resolve(b)
}

// resolve follows the links of a path's folder; the path itself need not be there.
func resolve(path string) string {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, filepath.Base(path))
}

func readLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return firstLine(text)
}

// Move brings the worktree to a commit, which it fetches if it has to, with its submodules, and makes the worktree if
// it is missing. It does nothing if the worktree is there already. Edits of files that git tracks are overwritten, and
// so are files that stand in the way. If a killed process has left a move half done, that is no obstacle. The error is
// a [*CommitError] if the commit cannot be had.
func (w *Worktree) Move(ctx context.Context, commit string) error {
	ctx, unlock, err := w.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if w.Commit() == commit {
		return nil
	}
	if err := w.repository.Fetch(ctx, commit); err != nil {
		return err
	}
	if err := w.move(ctx, commit); err != nil {
		return fmt.Errorf("move the worktree %s to commit %s: %w", w.dir, commit, err)
	}
	return nil
}

func (w *Worktree) move(ctx context.Context, commit string) error {
	about, is := w.about()
	if !is {
		var err error
		if about, err = w.attach(ctx, commit); err != nil {
			return err
		}
	}
	if err := w.removeLocks(ctx, about); err != nil {
		return err
	}
	if err := writeWhole(filepath.Join(about, movingFile), []byte(commit+"\n")); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(about, arrivedFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := w.removeModules(ctx, commit); err != nil {
		return err
	}
	_, err := w.git(ctx, 10, "checkout", "--force", "--detach", "--progress", "--no-recurse-submodules", commit)
	if err != nil {
		return w.checkoutError(err)
	}
	if err := w.updateModules(ctx); err != nil {
		return err
	}
	if err := writeWhole(filepath.Join(about, arrivedFile), []byte(commit+"\n")); err != nil {
		return err
	}
	return os.Remove(filepath.Join(about, movingFile))
}

// checkoutError is the error of a checkout that failed. It is a [*RemoteError] if the remote was the reason: the clone
// asks the remote for files that it does not have.
func (w *Worktree) checkoutError(err error) error {
	if kind := kindOf(err); kind != KindFailed {
		return w.repository.remoteError(err)
	}
	return err
}

// git runs git in the worktree. Git may be silent for patience times the timeout: while it writes files, and while it
// gets some of them from the remote, it does not always say so.
func (w *Worktree) git(ctx context.Context, patience int, args ...string) ([]byte, error) {
	silence := time.Duration(patience) * w.repository.options.Timeout
	return w.repository.run(ctx, call{args: args, dir: w.dir, silence: silence})
}

// removeLocks removes the lock files that a killed git has left. It first waits for a while, since a person's git also
// has these files for a moment.
func (w *Worktree) removeLocks(ctx context.Context, about string) error {
	deadline := time.Now().Add(2 * time.Second)
	for _, name := range []string{"index.lock", "HEAD.lock"} {
		path := filepath.Join(about, name)
		for {
			if _, err := os.Lstat(path); err != nil {
				break
			}
			if time.Now().After(deadline) {
				if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
					return err
				}
				break
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(lockInterval):
			}
		}
	}
	return nil
}
