package git_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/git"
)

// refused pushes and wants an error of a kind whose reason has all of some words.
func (r *rig) refused(kind git.Kind, words ...string) {
	r.t.Helper()
	before := r.at("main")
	_, err := r.open().Push(r.t.Context(), git.Commit{Branch: "main", Edit: setKey("a", "2")})
	failed, is := errors.AsType[*git.PushError](err)
	if !is || failed.Kind != kind {
		r.t.Errorf("error %v, want one of the kind %s", err, kind)
		return
	}
	for _, word := range words {
		if !strings.Contains(failed.Reason, word) {
			r.t.Errorf("the reason does not have %q: %s", word, failed.Reason)
		}
	}
	if failed.Hint() == "" {
		r.t.Error("there is no hint")
	}
	if got := r.at("main"); got != before {
		r.t.Errorf("main is at %s, not %s", got, before)
	}
}

func TestAPushThatAHookRefuses(t *testing.T) {
	for _, name := range []string{"pre-receive", "update"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.git(r.remote, "config", "receive.denyNonFastForwards", "true")
			r.hook(name, "echo 'GH006: Protected branch update failed for refs/heads/main.' >&2\necho 'Changes must be made through a pull request.' >&2\nexit 1\n")
			r.refused(git.KindRefused, "remote: GH006: Protected branch", "remote: Changes must be made through a pull request.", "hook declined")
		})
	}
}

func TestAPushThatLosesEachRaceGivesUp(t *testing.T) {
	r := newRig(t)
	tries := filepath.Join(r.dir, "tries")
	// The branch's lock is somebody else's each time.
	r.hook("update", "echo x >> '"+tries+"'\ntouch refs/heads/main.lock\n")
	r.refused(git.KindRace)
	if got := strings.Count(readFile(t, tries), "x"); got != 10 {
		t.Errorf("%d tries, want 10", got)
	}
}

func TestAPushToARemoteThatCannotBeWrittenTo(t *testing.T) {
	t.Run("its files may grow no more, as on a full disk", func(t *testing.T) {
		r := newRig(t)
		r.git(r.remote, "config", "receive.unpackLimit", "1") // one file has it all
		pack := filepath.Join(r.dir, "receive-pack")
		writeFile(t, pack, "#!/bin/sh\ntrap '' XFSZ\nulimit -f 0\nexec git-receive-pack \"$@\"\n")
		if err := os.Chmod(pack, 0o700); err != nil {
			t.Fatal(err)
		}
		r.git(r.dir, "config", "--global", "remote.origin.receivepack", pack)
		r.refused(git.KindStorage)
	})
	t.Run("it is read-only", func(t *testing.T) {
		if os.Getuid() == 0 {
			t.Skip("root may write everywhere")
		}
		r := newRig(t)
		objects := filepath.Join(r.remote, "objects")
		if err := os.Chmod(objects, 0o500); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(objects, 0o700) })
		r.refused(git.KindStorage)
	})
	t.Run("its objects are no folder, so that root cannot write either", func(t *testing.T) {
		r := newRig(t)
		r.hook("pre-receive", "echo 'fatal: unable to create temporary object directory: Read-only file system' >&2\nexit 1\n")
		r.refused(git.KindStorage, "Read-only file system")
	})
}

func TestPushOptionsReachTheRemote(t *testing.T) {
	r := newRig(t)
	told := filepath.Join(r.dir, "told")
	r.hook("pre-receive", "echo \"$GIT_PUSH_OPTION_COUNT $GIT_PUSH_OPTION_0 $GIT_PUSH_OPTION_1\" > '"+told+"'\n")
	c := git.Commit{Branch: "scale/dev", Base: "main", Edit: setKey("a", "2"), PushOptions: []string{"merge_request.create", "merge_request.title=a b"}}
	_, err := r.open().Push(t.Context(), c)
	failed, is := errors.AsType[*git.PushError](err)
	if !is || failed.Kind != git.KindRefused || !strings.Contains(failed.Reason, "push options") {
		t.Errorf("error %v, want that the remote takes no push options", err)
	}
	r.git(r.remote, "config", "receive.advertisePushOptions", "true")
	mustPush(t, r.open(), c)
	if got := readFile(t, told); got != "2 merge_request.create merge_request.title=a b\n" {
		t.Errorf("the remote was told %q", got)
	}
}

func TestNoIdentity(t *testing.T) {
	r := newRig(t)
	writeFile(t, os.Getenv("GIT_CONFIG_GLOBAL"), "[user]\n\tuseConfigOnly = true\n")
	r.refused(git.KindIdentity)
	if who, err := r.open().Identity(t.Context()); err == nil || who != "" {
		t.Errorf("identity %q, error %v", who, err)
	}
	commit := mustPush(t, r.open(), git.Commit{Branch: "main", Edit: setKey("a", "2"), Author: "Robot <robot@example.com>"})
	if got := r.git(r.remote, "log", "-1", "--format=%an <%ae> %cn <%ce>", commit); got != "Robot <robot@example.com> Robot <robot@example.com>" {
		t.Errorf("it is by %s", got)
	}
}

func TestAnAuthorWhoIsNamedAndAMachineThatCommits(t *testing.T) {
	r := newRig(t)
	commit := mustPush(t, r.open(), git.Commit{Branch: "main", Edit: setKey("a", "2"), Author: "Robot <robot@example.com>"})
	if got := r.git(r.remote, "log", "-1", "--format=%an <%ae>, %cn <%ce>", commit); got != "Robot <robot@example.com>, "+who {
		t.Errorf("it is by %s", got)
	}
	for _, author := range []string{"Robot", "<a@b>", "Robot <>", "Robot <a@b", "Ro\nbot <a@b>"} {
		_, err := r.open().Push(t.Context(), git.Commit{Branch: "main", Edit: setKey("a", "3"), Author: author})
		if failed, is := errors.AsType[*git.PushError](err); !is || failed.Kind != git.KindIdentity {
			t.Errorf("%q: %v", author, err)
		}
	}
}

func TestWhatAHookSaysIsToldWithoutCredentials(t *testing.T) {
	r := newRig(t)
	r.hook("pre-receive", "echo 'see https://bob:hunter2@example.com/x or ssh://git:hunter2@example.com/y' >&2\n"+
		"echo 'Authorization: Basic aHVudGVyMg==, token glpat-0123456789abcdefghij' >&2\nexit 1\n")
	_, err := r.open().Push(t.Context(), git.Commit{Branch: "main", Edit: setKey("a", "2")})
	failed, is := errors.AsType[*git.PushError](err)
	if !is || !strings.Contains(failed.Reason, "see https://example.com/x or ssh://git@example.com/y") {
		t.Fatalf("error %v", err)
	}
	for _, secret := range []string{"hunter2", "aHVudGVyMg", "glpat"} {
		for _, text := range []string{failed.Error(), failed.Err.Error()} {
			if strings.Contains(text, secret) {
				t.Errorf("it tells %q: %s", secret, text)
			}
		}
	}
}
