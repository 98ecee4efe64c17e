//go:build !windows

package git_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/git"
)

// victim is the variable that makes the test program the process that is killed: the rig's folder, and two commits
// between which it moves the worktree.
const victim = "PULUMISCALE_GIT_VICTIM"

func TestMain(m *testing.M) {
	if told := os.Getenv(victim); told != "" {
		if err := work(context.Background(), strings.Split(told, "|")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// work does all that can be killed, over and over.
func work(ctx context.Context, told []string) error {
	dir, commits, url := told[0], told[1:3], told[3]
	for n := 0; ; n++ {
		repository, err := git.Open(ctx, git.Options{Dir: filepath.Join(dir, "clone"), URL: url, Timeout: 20 * time.Second})
		if err != nil {
			return err
		}
		if _, err := repository.Push(ctx, git.Commit{Branch: "main", Edit: setKey("a", fmt.Sprint(time.Now().UnixNano()))}); err != nil {
			return err
		}
		w := repository.Worktree(filepath.Join(dir, "worktree"))
		if err := w.Move(ctx, commits[n%2]); err != nil {
			return err
		}
		p := git.Preparation{Command: "echo half > made; echo whole > made"}
		if slow := os.Getenv("PULUMISCALE_GIT_SLOW"); slow != "" {
			p.Command = slow
		}
		if err := w.Prepare(ctx, p, nil); err != nil {
			return err
		}
	}
}

func TestAKillAtAnyMomentIsHealed(t *testing.T) {
	r := newRig(t)
	for i := range 40 {
		r.write(fmt.Sprintf("files/%d/first.txt", i), strings.Repeat("first\n", 100*i))
	}
	first := r.commit("many files")
	for i := range 40 {
		r.write(fmt.Sprintf("files/%d/first.txt", i), strings.Repeat("second\n", 100*i))
		r.write(fmt.Sprintf("files/%d/second.txt", i), "second\n")
	}
	second := r.commit("many other files")
	r.push()
	r.git(r.remote, "config", "uploadpack.allowFilter", "true")
	rounds := 10
	if testing.Short() {
		rounds = 4
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // moments of kills
	for round := range rounds {
		if round%4 == 3 { // so that Open, and the worktree's way into a new clone, are killed, too
			if err := os.RemoveAll(filepath.Join(r.dir, "clone")); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), victim+"="+strings.Join([]string{r.dir, first, second, r.url()}, "|"))
		var said strings.Builder
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.IntN(1200)) * time.Millisecond) // the moment, not a wait for anything
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
		if said.Len() > 0 {
			t.Errorf("before it was killed: %s", said.String())
		}
		r.heals(first, second)
		if t.Failed() {
			return
		}
	}
	r.git(r.remote, "fsck", "--strict")
	if got := r.git(r.remote, "rev-list", "--merges", "main"); got != "" {
		t.Errorf("there are merges: %s", got)
	}
}

// heals wants that all works at once, on what a kill has left.
func (r *rig) heals(commits ...string) {
	t := r.t
	t.Helper()
	repository := r.open()
	w := repository.Worktree(filepath.Join(r.dir, "worktree"))
	if at := w.Commit(); at != "" {
		if got := r.git(w.Dir(), "status", "--porcelain", "--untracked-files=no"); got != "" {
			t.Errorf("it says that it is at %s, and differs from that: %s", at, got)
		}
	}
	if edited, err := w.Edited(t.Context(), nil); err != nil {
		t.Error(err)
	} else {
		for _, path := range edited { // a file of which a kill has left the half
			if !strings.HasPrefix(path, "files/") || len(edited) > 1 {
				t.Errorf("nobody has edited %v", edited)
			}
		}
	}
	mustPush(t, repository, git.Commit{Branch: "main", Edit: setKey("b", fmt.Sprint(time.Now().UnixNano()))})
	for _, commit := range commits {
		mustMove(t, w, commit)
		if err := w.Prepare(t.Context(), git.Preparation{Command: "echo half > made; echo whole > made"}, nil); err != nil {
			t.Error(err)
		}
		if got := readFile(t, filepath.Join(w.Dir(), "made")); got != "whole\n" {
			t.Errorf("what was prepared is %q", got)
		}
		if edited, err := w.Edited(t.Context(), nil); edited != nil || err != nil {
			t.Errorf("edited: %v, %v", edited, err)
		}
		if got := r.git(w.Dir(), "status", "--porcelain", "--untracked-files=no"); got != "" {
			t.Errorf("at %s it differs: %s", commit, got)
		}
	}
	r.git(r.bare(), "fsck", "--connectivity-only")
}

// A git whose parent was killed works on. Whoever comes next waits until it is done.
func TestTheChildrenOfAKilledProcessAreWaitedFor(t *testing.T) {
	r := newRig(t)
	started, done := filepath.Join(r.dir, "started"), filepath.Join(r.dir, "done")
	commit := r.at("main")
	w := r.open().Worktree(filepath.Join(r.dir, "worktree"))
	mustMove(t, w, commit)
	cmd := exec.Command(os.Args[0])
	slow := "touch '" + started + "'; sleep 1; touch '" + done + "'"
	cmd.Env = append(os.Environ(), victim+"="+strings.Join([]string{r.dir, commit, commit, r.url()}, "|"), "PULUMISCALE_GIT_SLOW="+slow)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { _, err := os.Stat(started); return err == nil })
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if err := w.Prepare(t.Context(), git.Preparation{Command: "test -e '" + done + "'"}, nil); err != nil {
		t.Error("it did not wait:", err)
	}
}
