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

// edited begins the names of the references that keep what somebody has edited in a worktree.
const edited = "refs/pulumiscale/edited/"

// SetAside keeps the files that [Worktree.Edited] returns in a commit of the clone, and makes the reference ref to this
// commit. It then puts these files back to what the worktree's commit has. ref is "" if nothing is edited. If somebody
// has changed files in a submodule, or has put a repository into the worktree, the error is an [*EditedError], and
// nothing is put back.
func (w *Worktree) SetAside(ctx context.Context, except []string) (ref string, files []string, err error) {
	ctx, unlock, err := w.lock(ctx)
	if err != nil {
		return "", nil, err
	}
	defer unlock()
	ref, files, err = w.setAside(ctx, except)
	if edited, is := errors.AsType[*EditedError](err); is {
		return "", nil, edited
	}
	if err != nil {
		return "", nil, fmt.Errorf("set aside the edits in the worktree %s: %w", w.dir, err)
	}
	return ref, files, nil
}

func (w *Worktree) setAside(ctx context.Context, except []string) (ref string, files []string, err error) {
	changes, err := w.edits(ctx, except)
	if err != nil || len(changes) == 0 {
		return "", nil, err
	}
	var inside []string
	for _, c := range changes {
		if c.inside || c.folder {
			inside = append(inside, c.path)
		}
	}
	if inside != nil {
		return "", nil, &EditedError{Dir: w.dir, Files: inside}
	}
	about, _ := w.about()
	if err := w.removeLocks(ctx, about); err != nil {
		return "", nil, err
	}
	files = pathsOf(changes)
	if ref, err = w.keepEdits(ctx, files); err != nil {
		return "", nil, err
	}
	return ref, files, w.putBack(ctx, changes)
}

// keepEdits makes a commit with the files as they are, on top of the worktree's commit. It makes a reference to the new
// commit, and returns the reference's name.
func (w *Worktree) keepEdits(ctx context.Context, files []string) (ref string, err error) {
	temp, err := os.MkdirTemp(w.repository.dir, temporary)
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	now := time.Now().UTC()
	env := []string{
		"GIT_INDEX_FILE=" + filepath.Join(temp, "index"),
		"GIT_AUTHOR_NAME=pulumiscale", "GIT_AUTHOR_EMAIL=pulumiscale@localhost",
		"GIT_COMMITTER_NAME=pulumiscale", "GIT_COMMITTER_EMAIL=pulumiscale@localhost",
	}
	do := func(input string, args ...string) (string, error) {
		out, err := w.repository.run(ctx, call{args: args, dir: w.dir, env: env, input: strings.NewReader(input)})
		return firstLine(out), err
	}
	if _, err := do("", "read-tree", "HEAD"); err != nil {
		return "", err
	}
	if _, err := do(strings.Join(files, "\x00")+"\x00", "update-index", "--add", "--remove", "-z", "--stdin"); err != nil {
		return "", err
	}
	tree, err := do("", "write-tree", "--missing-ok")
	if err != nil {
		return "", err
	}
	message := "Edited in " + w.dir + "\n\nSet aside before the worktree moved to another commit.\n"
	commit, err := do(message, "commit-tree", tree, "-p", "HEAD", "-F", "-")
	if err != nil {
		return "", err
	}
	ref = edited + now.Format("20060102T150405.000000000Z")
	// Without the clone's lock, somebody who has it could remove the lock file that update-ref needs.
	locked, unlock, err := w.repository.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	_, err = w.repository.run(locked, call{args: []string{"update-ref", ref, commit}, dir: w.dir, env: env})
	return ref, err
}

// putBack restores the changed files from the worktree's commit, and removes files that the commit does not have.
func (w *Worktree) putBack(ctx context.Context, changes []change) error {
	if _, err := w.git(ctx, 1, "reset", "--quiet", "HEAD"); err != nil {
		return err
	}
	known, err := w.git(ctx, 1, "ls-files", "-z")
	if err != nil {
		return err
	}
	has := map[string]bool{}
	for path := range strings.SplitSeq(string(known), "\x00") {
		has[path] = true
	}
	var back []string
	for _, c := range changes {
		switch {
		case c.module: // the next move brings the submodule to its commit
		case has[c.path]:
			back = append(back, c.path)
		default:
			if err := os.Remove(w.path(c.path)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	if back == nil {
		return nil
	}
	input := strings.NewReader(strings.Join(back, "\x00") + "\x00")
	_, err = w.repository.run(ctx, call{
		args: []string{"checkout-index", "--force", "--index", "-z", "--stdin"}, dir: w.dir, input: input,
		silence: 10 * w.repository.options.Timeout,
	})
	return err
}
