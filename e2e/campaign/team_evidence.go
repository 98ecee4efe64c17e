//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// joinTeam ends the world's server and begins a round with git.
func (r *round) joinTeam() error {
	if s := r.server; s != nil && s.alive() {
		if code := s.stop(startTimeout); code != 0 {
			return fmt.Errorf("serve ended with %d after SIGTERM: %s", code, lastLines(s.text(), 10))
		}
	}
	r.server = nil
	return r.drawTeam()
}

// lookAtTeam is what a round left of the branch and the clones. after is the stack as the round left it. CI's clone is
// brought to the tip.
func (r *round) lookAtTeam(after picture) (*teamEvidence, error) {
	t := r.team
	t.mu.Lock()
	out := &teamEvidence{base: t.base, commits: map[string]teamCommit{}, killed: slices.Clone(t.killed)}
	t.mu.Unlock()
	if err := t.toTip(r.ctx, t.ci()); err != nil {
		return nil, err
	}
	var err error
	if out.tip, err = t.git(r.ctx, t.ci(), "rev-parse", "HEAD"); err != nil {
		return nil, err
	}
	e, err := t.editionOf(r.ctx, t.ci(), out.tip)
	if err != nil {
		return nil, err
	}
	r.people.rest, out.same = e.config(r.people.rest), e == r.people.deployed
	r.people.deployed = e // it is deployed after the round
	if out.pushed, err = t.reflog(); err != nil {
		return nil, err
	}
	if err := r.readCommits(out); err != nil {
		return nil, err
	}
	if !t.managed {
		out.fileRest, out.fileWas = after.rest, r.fileWas
	}
	for _, s := range []*server{r.running(), r.secondServer()} {
		if s == nil {
			continue
		}
		status, err := s.branch(r.ctx)
		if err != nil {
			return nil, err
		}
		for _, edit := range status.Edits {
			out.reported = append(out.reported, edit.Pool)
		}
	}
	out.leftovers = r.lookAtClones()
	return out, nil
}

// reflogLine is a line of the remote's reflog: the branch's new tip, and when it was pushed.
var reflogLine = regexp.MustCompile(`^\S+ (\S+) .*> (\d+) `)

// reflog are the branch's tips in the remote, oldest first.
func (t *team) reflog() ([]tipPushed, error) {
	text, err := os.ReadFile(filepath.Join(t.remote(), "logs", "refs", "heads", branchName))
	var out []tipPushed
	for line := range strings.Lines(string(text)) {
		if found := reflogLine.FindStringSubmatch(line); found != nil {
			at, _ := strconv.ParseInt(found[2], 10, 64)
			out = append(out, tipPushed{found[1], at})
		}
	}
	return out, err
}

// readCommits reads the commits since the base.
func (r *round) readCommits(out *teamEvidence) error {
	t := r.team
	var err error
	if out.baseCounts, _, err = r.configAt(t.base); err != nil {
		return err
	}
	args := []string{"rev-list", "--parents", "^" + t.base}
	for _, p := range out.pushed {
		args = append(args, p.commit)
	}
	list, err := t.git(r.ctx, t.remote(), args...)
	if err != nil {
		return err
	}
	for line := range strings.Lines(list) {
		hashes := strings.Fields(line)
		if len(hashes) != 2 {
			return fmt.Errorf("commit %q is a merge, or has no parent", line)
		}
		c := teamCommit{hash: hashes[0], parent: hashes[1]}
		text, err := t.git(r.ctx, t.remote(), "log", "-1", "--format=%ct%n%B", c.hash)
		if err != nil {
			return err
		}
		stamp, message, _ := strings.Cut(text, "\n")
		if c.time, err = strconv.ParseInt(stamp, 10, 64); err != nil {
			return err
		}
		files, err := t.git(r.ctx, t.remote(), "diff-tree", "-r", "--no-commit-id", "--name-only", c.hash)
		if err != nil {
			return err
		}
		t.mu.Lock()
		_, c.people = t.editions[c.hash]
		t.mu.Unlock()
		c.pools, c.files = poolsOf(message), strings.Fields(files)
		if c.counts, c.rest, err = r.configAt(c.hash); err != nil {
			return err
		}
		out.commits[c.hash] = c
	}
	return nil
}

// configAt reads the config file of a commit.
func (r *round) configAt(commit string) (counts map[string]string, rest string, err error) {
	text, err := r.team.git(r.ctx, r.team.remote(), "show", commit+":"+programPrefix+"/"+configName)
	path := filepath.Join(r.team.dir, "shown.yaml")
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		return nil, "", err
	}
	return readConfig(path)
}

// lookAtClones says what is wrong with the clones of ours.
func (r *round) lookAtClones() []string {
	var out []string
	for _, state := range []string{r.team.state(), r.team.elsewhereState("scale"), r.team.elsewhereState("second")} {
		clones, err := filepath.Glob(filepath.Join(state, "git", "*", "repository.git"))
		if err != nil {
			return []string{err.Error()}
		}
		for _, clone := range clones {
			if text, err := r.team.git(r.ctx, clone, "fsck", "--connectivity-only", "--no-dangling"); err != nil {
				out = append(out, fmt.Sprintf("git fsck %s: %v %s", clone, err, text))
			}
			// A server that runs may be at work in it: what stays is left behind.
			r.untilEach(200*time.Millisecond, leftAfter, func() bool { return len(r.leftIn(filepath.Dir(clone))) == 0 })
			out = append(out, r.leftIn(filepath.Dir(clone))...)
		}
	}
	return out
}

// leftAfter is how long a lock file stays in a clone before nobody is thought to be at work there.
const leftAfter = 15 * time.Second

// leftIn are the lock files and temporary files in a clone's folder.
func (r *round) leftIn(dir string) []string {
	var out []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		name := filepath.Base(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case strings.HasPrefix(name, "temporary-") && r.killed(): // another process may be at work in it: it goes after a day
			return fs.SkipDir
		case strings.HasSuffix(name, ".lock"), strings.HasPrefix(name, "temporary-"):
			out = append(out, "left in a clone: "+path)
		}
		return nil
	})
	if err != nil {
		out = append(out, err.Error())
	}
	return out
}

// killed says whether a process of ours was killed in the round.
func (r *round) killed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts["kills"] > 0
}
