package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
)

// Preparation is the command that makes a program of a commit's files, such as `npm ci`.
type Preparation struct {
	// Command is run by the machine's shell: sh, or cmd on Windows. "" means that there is nothing to prepare.
	Command string
	// Dir is where the command runs: a folder of the worktree, by its absolute path or relative to the worktree; "" is
	// the worktree's root.
	Dir string
}

// IsPrepared says whether the worktree needs no preparation: the command, if there is any, has succeeded at the
// worktree's commit with the lock files that are there now. It only reads files.
func (w *Worktree) IsPrepared(p Preparation) bool {
	if p.Command == "" {
		return true
	}
	dir, err := w.inside(p.Dir)
	if err != nil {
		return false
	}
	commit := w.Commit()
	mark := w.readMark()
	return commit != "" && mark.Done && mark.Commit == commit && mark.Command == p.Command && mark.Dir == dir &&
		mark.Locks == w.sumLocks(dir)
}

// Prepare runs the command, unless the worktree is prepared already. The command's output goes to output, which may be
// nil. When ctx ends, the command is stopped with all processes of its session. The error is a [*PrepareError], or
// ctx's error. A command that failed or was killed runs again next time.
func (w *Worktree) Prepare(ctx context.Context, p Preparation, output io.Writer) error {
	if w.IsPrepared(p) {
		return nil
	}
	dir, err := w.inside(p.Dir)
	if err != nil {
		return &PrepareError{Command: p.Command, Err: err}
	}
	ctx, unlock, err := w.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if w.IsPrepared(p) { // somebody else has prepared it meanwhile
		return nil
	}
	commit := w.Commit()
	if commit == "" {
		return &PrepareError{Command: p.Command, Err: fmt.Errorf("the worktree %s has no whole commit", w.dir)}
	}
	before, err := w.beginMark(ctx)
	if err != nil {
		return err
	}
	if err := w.runCommand(ctx, p.Command, dir, output); err != nil {
		return err
	}
	return w.endMark(ctx, before, mark{Commit: commit, Command: p.Command, Dir: dir})
}

// inside returns a folder's path relative to the worktree. A folder outside the worktree is an error.
func (w *Worktree) inside(dir string) (string, error) {
	if filepath.IsAbs(dir) {
		relative, err := filepath.Rel(resolve(w.dir), resolve(dir))
		if err != nil {
			return "", err
		}
		dir = relative
	}
	if dir == "" {
		dir = "."
	}
	if !filepath.IsLocal(dir) {
		return "", fmt.Errorf("%s is not inside the worktree %s", dir, w.dir)
	}
	return filepath.Clean(dir), nil
}

func (w *Worktree) runCommand(ctx context.Context, command, dir string, output io.Writer) error {
	name, args := shell(command)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = filepath.Join(w.dir, dir)
	cmd.Env = plainEnvironment()
	cmd.ExtraFiles = inheritedFiles(ctx)
	cmd.WaitDelay = afterEnd
	separate(cmd)
	last := &tail{most: 4 << 10}
	var to io.Writer = last
	if output != nil {
		to = io.MultiWriter(last, output)
	}
	cmd.Stdout, cmd.Stderr = to, to // one writer, so one goroutine writes
	err := cmd.Run()
	if ctx.Err() != nil {
		endGroup(cmd)
		return fmt.Errorf("prepare the worktree with %q: %w", command, context.Cause(ctx))
	}
	if err == nil || errors.Is(err, exec.ErrWaitDelay) { // a process that the command has started still has the streams
		return nil
	}
	return &PrepareError{Command: command, Output: w.repository.removeCredentials(last.String()), Err: err}
}

// tail keeps the last bytes that are written to it, at most as many as most says.
type tail struct {
	most int
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if over := len(t.text) - t.most; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(bytes.ToValidUTF8(bytes.TrimSpace(t.text), nil)) }
