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

// Worktree is one folder that has the files of a commit, and moves from commit to commit. Files in it that git does not
// track, such as installed packages, stay. Somebody's edits are only kept if [Worktree.SetAside] is called before a
// move.
type Worktree struct {
	repository *Repository
	dir        string
}

// Worktree returns the worktree in a folder. It makes no files: [Worktree.Move] does.
func (r *Repository) Worktree(dir string) *Worktree {
	if absolute, err := filepath.Abs(dir); err == nil {
		dir = absolute
	}
	return &Worktree{repository: r, dir: dir}
}

// Dir is the worktree's folder.
func (w *Worktree) Dir() string { return w.dir }

// The names of our files about a worktree. They are in the folder in which git keeps its own files about the worktree.
const (
	// arrivedFile names the commit whose files the worktree has completely. The file is missing while the worktree
	// moves.
	arrivedFile = "pulumiscale-at"
	// movingFile names the commit to which a move has begun. The file is removed when the move has ended.
	movingFile = "pulumiscale-moving"
	// preparedFile says how the worktree was prepared.
	preparedFile = "pulumiscale-prepared"
)

// Commit returns the commit whose files the worktree has completely. It returns "" if there is no worktree, if a move
// did not come to its end, or if somebody else has moved the worktree. It only reads files.
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

// about returns the folder in which git keeps its files about the worktree. The second result is false if
// there is no worktree of this clone here.
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

// pointer returns the folder that the worktree's file .git names. The folder may be missing. is says whether the
// folder's path is in the clone.
func (w *Worktree) pointer() (dir string, is bool) {
	dir, is = strings.CutPrefix(readLine(filepath.Join(w.dir, ".git")), "gitdir: ")
	if !is {
		return "", false
	}
	dir = filepath.Clean(filepath.FromSlash(dir))
	return dir, isSame(filepath.Dir(dir), filepath.Join(w.repository.git, "worktrees"))
}

// isSame says whether two paths name the same file, also if a folder above them is a link.
func isSame(a, b string) bool {
	if filepath.Clean(filepath.FromSlash(a)) == filepath.Clean(b) {
		return true
	}
	return a != "" && resolve(a) == resolve(b)
}

// resolve follows the links in the folders above a path. The path itself need not exist.
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

// Move brings the worktree and its submodules to a commit. It fetches the commit, and makes the worktree, if they are
// missing. It does nothing if the worktree is at the commit already. Edits of files that git tracks are overwritten,
// and so are files that are in the way of the commit's files. Move also works after a killed process has left a move
// half done. The error is a [*CommitError] if the commit cannot be fetched.
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

// checkoutError turns the error of a checkout into a [*RemoteError] if the remote was the reason. A clone may lack
// files of a commit, and a checkout then fetches these files from the remote. Any other error is returned unchanged.
func (w *Worktree) checkoutError(err error) error {
	if kind := kindOf(err); kind != KindFailed {
		return w.repository.remoteError(err)
	}
	return err
}

// git runs git in the worktree. Git may be silent for patience times the timeout: it does not always report progress
// while it writes files, or while it fetches files from the remote.
func (w *Worktree) git(ctx context.Context, patience int, args ...string) ([]byte, error) {
	silence := time.Duration(patience) * w.repository.options.Timeout
	return w.repository.run(ctx, call{args: args, dir: w.dir, silence: silence})
}

// removeLocks removes the lock files that a killed git has left. It first waits up to 2 seconds for the files to go,
// since a person's git also has these files for a moment.
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
