package git_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/git"
)

func TestCommitsAreSignedAsTheMachineSignsThem(t *testing.T) {
	r := newRig(t)
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip(err)
	}
	if configured, err := r.open().Signing(t.Context()); configured || err != nil {
		t.Errorf("signing %v, error %v", configured, err)
	}
	key := filepath.Join(r.dir, "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	signers := filepath.Join(r.dir, "signers")
	writeFile(t, signers, "ada@example.com "+readFile(t, key+".pub"))
	for name, value := range map[string]string{
		"commit.gpgSign": "true", "gpg.format": "ssh", "user.signingKey": key + ".pub", "gpg.ssh.allowedSignersFile": signers,
	} {
		r.git(r.dir, "config", "--global", name, value)
	}
	if configured, err := r.open().Signing(t.Context()); !configured || err != nil {
		t.Errorf("signing %v, error %v", configured, err)
	}
	commit := mustPush(t, r.open(), git.Commit{Branch: "main", Edit: setKey("a", "5")})
	if got := r.git(r.remote, "log", "-1", "--format=%G? %GS", commit); got != "G ada@example.com" {
		t.Errorf("the signature is %q", got)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	configured, err := r.open().Signing(t.Context())
	if failed, is := errors.AsType[*git.PushError](err); !configured || !is || failed.Kind != git.KindSigning {
		t.Errorf("signing %v, error %v, want that it cannot", configured, err)
	}
	r.refused(git.KindSigning)
}

func TestIdentity(t *testing.T) {
	r := newRig(t)
	if got, err := r.open().Identity(t.Context()); got != who || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// What the environment points git at is not what PulumiScale works on.
func TestTheEnvironmentDoesNotPointGitElsewhere(t *testing.T) {
	r := newRig(t)
	for name, value := range map[string]string{
		"GIT_DIR": "/nowhere", "GIT_WORK_TREE": "/nowhere", "GIT_INDEX_FILE": "/nowhere/index", "GIT_OBJECT_DIRECTORY": "/nowhere",
		"GIT_TRACE": "1", "GIT_LITERAL_PATHSPECS": "1", "GIT_NAMESPACE": "x", "LC_ALL": "de_DE.UTF-8",
	} {
		t.Setenv(name, value)
	}
	repository := r.open()
	commit := mustPush(t, repository, git.Commit{Branch: "main", Edit: setKey("a", "5")})
	w := repository.Worktree(filepath.Join(r.dir, "worktree"))
	mustMove(t, w, commit)
	if err := w.Prepare(t.Context(), git.Preparation{Command: `test -z "$GIT_DIR$GIT_INDEX_FILE"`}, nil); err != nil {
		t.Error(err)
	}
	if _, err := repository.Tip(t.Context(), "nowhere"); err == nil || strings.Contains(err.Error(), "trace") {
		t.Errorf("error %v", err)
	}
}

func TestCheckPush(t *testing.T) {
	r := newRig(t)
	before := r.at("main")
	for _, branch := range []string{"main", "scale/new"} {
		if err := r.open().CheckPush(t.Context(), branch); err != nil {
			t.Errorf("%s: %v", branch, err)
		}
	}
	if got := r.git(r.remote, "for-each-ref", "--format=%(objectname) %(refname)"); got != before+" refs/heads/main" {
		t.Errorf("the remote has become\n%s", got)
	}
	if _, is := errors.AsType[*git.BranchError](r.open().CheckPush(t.Context(), "a..b")); !is {
		t.Error("a branch without a valid name may be pushed to")
	}
}
