//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// team is what a world has in a round with git: a remote on this machine, the clones of those who push to it, and the
// server's checkout, if it has one. All of it is new in each such round.
type team struct {
	w *world
	// dir has all of it.
	dir string
	// managed says that the server has no checkout and was started with --git.
	managed bool
	// base is the commit that the round began with.
	base string

	// writing lets one colleague at a time use the clone that they share.
	writing sync.Mutex

	mu sync.Mutex
	// editions are what the commits of people say, by their hashes, pushed or not.
	editions map[string]edition
	// killed are people's updates that were killed, each with the stack as that left it.
	killed []picture
}

// branchName is the branch that is deployed.
const branchName = "main"

func (t *team) remote() string    { return filepath.Join(t.dir, "remote.git") }
func (t *team) url() string       { return "file://" + t.remote() }
func (t *team) ci() string        { return filepath.Join(t.dir, "ci") }
func (t *team) colleague() string { return filepath.Join(t.dir, "colleague") }
func (t *team) checkout() string  { return filepath.Join(t.dir, "checkout") }
func (t *team) state() string     { return filepath.Join(t.dir, "state") }

// programIn is the program's folder in a clone.
func programIn(clone string) string { return filepath.Join(clone, filepath.FromSlash(programPrefix)) }

// config is the server's config file, which need not be there yet.
func (t *team) config() string {
	if t.managed {
		found, err := filepath.Glob(filepath.Join(t.state(), "stacks", projectName+"."+stackName+".*", configName))
		if err == nil && len(found) == 1 {
			return found[0]
		}
		return filepath.Join(t.state(), configName)
	}
	return filepath.Join(programIn(t.checkout()), configName)
}

// git runs git in a folder.
func (t *team) git(ctx context.Context, dir string, args ...string) (string, error) {
	out, err := t.w.run(ctx, dir, "git", append([]string{"-c", "advice.detachedHead=false"}, args...)...)
	return strings.TrimSpace(out), err
}

// gits runs git commands one after another.
func (t *team) gits(ctx context.Context, dir string, commands ...[]string) error {
	for _, args := range commands {
		if _, err := t.git(ctx, dir, args...); err != nil {
			return err
		}
	}
	return nil
}

// gather makes the remote with what is deployed, and the clones. If old is set, the server's checkout stays at the
// commit that the round begins with, and next is deployed from a later one.
func (w *world) gather(ctx context.Context, next edition, managed, old bool) (*team, error) {
	t := &team{w: w, dir: filepath.Join(w.dir, "team"), managed: managed, editions: map[string]edition{}}
	first := filepath.Join(t.dir, "first")
	err := errors.Join(os.RemoveAll(t.dir), os.MkdirAll(programIn(first), 0o755), os.MkdirAll(t.state(), 0o700))
	for _, name := range []string{"Pulumi.yaml", configName} {
		text, problem := os.ReadFile(filepath.Join(w.program(), name))
		err = errors.Join(err, problem, os.WriteFile(filepath.Join(programIn(first), name), text, 0o644))
	}
	err = errors.Join(err, os.WriteFile(filepath.Join(first, ".gitignore"), []byte(".pulumiscale/\n"), 0o644),
		os.WriteFile(filepath.Join(first, "README.md"), []byte("# The team's\n"), 0o644),
		t.gits(ctx, t.dir, []string{"init", "-q", "--bare", "-b", branchName, t.remote()}, []string{"init", "-q", "-b", branchName, first}),
		t.gits(ctx, t.remote(), []string{"config", "core.logAllRefUpdates", "always"}),
		t.gits(ctx, first, []string{"add", "-A"}, []string{"commit", "-q", "-m", "what is deployed"},
			[]string{"push", "-q", t.url(), branchName}))
	if err == nil {
		t.base, err = t.git(ctx, first, "rev-parse", "HEAD")
	}
	if err != nil {
		return nil, err
	}
	t.editions[t.base] = w.edition
	clones := []string{t.ci(), t.colleague()}
	if old && !managed {
		clones = append(clones, t.checkout())
	}
	for _, clone := range clones {
		err = errors.Join(err, t.gits(ctx, t.dir, []string{"clone", "-q", t.url(), clone}))
	}
	if err != nil {
		return nil, err
	}
	if next != w.edition {
		if _, err := t.commit(ctx, t.ci(), "the next edition", next, nil); err != nil {
			return nil, err
		}
	}
	if !old && !managed {
		err = t.gits(ctx, t.dir, []string{"clone", "-q", t.url(), t.checkout()})
	}
	return t, errors.Join(err, os.RemoveAll(first))
}

// commit has a clone commit an edition, and what edit does besides, on the branch's tip, and push it. The error may be
// that somebody else was faster.
func (t *team) commit(ctx context.Context, clone, message string, e edition, edit func(text string) string) (string, error) {
	if err := t.toTip(ctx, clone); err != nil {
		return "", err
	}
	if err := t.writeEdition(clone, e, edit); err != nil {
		return "", err
	}
	return t.commitAll(ctx, clone, message, e)
}

// toTip brings a clone to the branch's tip.
func (t *team) toTip(ctx context.Context, clone string) error {
	return t.gits(ctx, clone, []string{"fetch", "-q", "origin"}, []string{"checkout", "-q", "-f", "-B", branchName, "origin/" + branchName})
}

// writeEdition writes an edition into a clone, and what edit makes of the config file.
func (t *team) writeEdition(clone string, e edition, edit func(text string) string) error {
	dir := programIn(clone)
	text, err := os.ReadFile(filepath.Join(dir, configName))
	if err != nil {
		return err
	}
	out := e.config(string(text))
	if edit != nil {
		out = edit(out)
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, "Pulumi.yaml"), []byte(programText(e, nil)), 0o644),
		os.WriteFile(filepath.Join(dir, configName), []byte(out), 0o644))
}

// commitAll commits what stands in a clone, of an edition, and pushes it.
func (t *team) commitAll(ctx context.Context, clone, message string, e edition) (string, error) {
	if err := t.gits(ctx, clone, []string{"add", "-A"}, []string{"commit", "-q", "--allow-empty", "-m", message}); err != nil {
		return "", err
	}
	commit, err := t.git(ctx, clone, "rev-parse", "HEAD")
	if err != nil {
		return "", err
	}
	return commit, t.push(ctx, clone, e)
}

// push pushes the commit that a clone is at, of an edition.
func (t *team) push(ctx context.Context, clone string, e edition, more ...string) error {
	commit, err := t.git(ctx, clone, "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.editions[commit] = e
	t.mu.Unlock()
	_, err = t.git(ctx, clone, append(append([]string{"push", "-q"}, more...), "origin", "HEAD:"+branchName)...)
	return err
}

// editionOf is what a commit says, in a clone that has it. A commit of ours says what the one before it says.
func (t *team) editionOf(ctx context.Context, clone, commit string) (edition, error) {
	out, err := t.git(ctx, clone, "rev-list", "--first-parent", commit)
	if err != nil {
		return edition{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range strings.FieldsSeq(out) {
		if e, known := t.editions[c]; known {
			return e, nil
		}
	}
	return edition{}, fmt.Errorf("nobody knows what commit %s says", commit)
}

// takeRemote moves the remote away.
func (t *team) takeRemote() error { return os.Rename(t.remote(), t.remote()+".away") }

// giveRemote undoes what was done to the remote.
func (t *team) giveRemote() {
	_ = os.Rename(t.remote()+".away", t.remote())
	_ = os.Remove(t.hook())
}

func (t *team) hook() string { return filepath.Join(t.remote(), "hooks", "pre-receive") }

// refusePushes has a hook refuse what is pushed.
func (t *team) refusePushes() error {
	return errors.Join(os.MkdirAll(filepath.Dir(t.hook()), 0o755),
		os.WriteFile(t.hook(), []byte("#!/bin/sh\necho 'the branch is frozen' >&2\nexit 1\n"), 0o755)) //nolint:gosec // a hook is run
}

// gitChildren are the gits that a process has started, with those that these have started.
func gitChildren(pid int) []int {
	all := processes()
	var out []int
	for parents := []int{pid}; len(parents) > 0; {
		var next []int
		for _, p := range all {
			if slices.Contains(parents, p.parent) && isGit(p.pid) {
				next = append(next, p.pid)
			}
		}
		out, parents = append(out, next...), next
	}
	return out
}

// isGit says whether a process is a git, or a program that belongs to git.
func isGit(pid int) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	name, _, _ := strings.Cut(string(line), "\x00")
	return err == nil && strings.HasPrefix(filepath.Base(name), "git")
}

// killGits kills gits, and says how many of them were still there.
func killGits(pids []int) (n int) {
	for _, pid := range pids {
		if isGit(pid) && syscall.Kill(pid, syscall.SIGKILL) == nil {
			n++
		}
	}
	return n
}
