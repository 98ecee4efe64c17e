package git_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/git"
)

const nobodys = "0123456789012345678901234567890123456789"

func TestFetchOfACommitThatNobodyHas(t *testing.T) {
	r := newRig(t)
	repository := r.open(func(o *git.Options) { o.Checkout = r.checkout })
	missing, is := errors.AsType[*git.CommitError](repository.Fetch(t.Context(), nobodys))
	if !is || missing.Err != nil || missing.Commit != nobodys {
		t.Errorf("error %v, want one that says that nobody has it", missing)
	}
	for _, commit := range []string{"main", "0123456", "--upload-pack=x"} {
		if err := repository.Fetch(t.Context(), commit); err == nil || !strings.Contains(err.Error(), "whole hash") {
			t.Errorf("%q: %v", commit, err)
		}
	}
}

func TestFetchTakesWhatOnlyTheCheckoutHas(t *testing.T) {
	r := newRig(t)
	r.write("README", "not pushed\n")
	commit := r.commit("here only")
	r.commit("and on")
	r.git(r.checkout, "checkout", "--quiet", "HEAD^^") // no branch has it at its tip
	repository := r.open(func(o *git.Options) { o.Checkout = r.checkout })
	if err := repository.Fetch(t.Context(), commit); err != nil {
		t.Fatal(err)
	}
	if got, err := repository.Read(t.Context(), commit, "README"); err != nil || string(got) != "not pushed\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestFetchPassesBrokenCheckoutsBy(t *testing.T) {
	r := newRig(t)
	old := r.at("main")
	r.write("README", "second\n")
	r.commit("second")
	r.push()
	shallow := filepath.Join(r.dir, "shallow")
	r.git(r.dir, "clone", "--quiet", "--depth=1", r.url(), shallow)
	for name, checkout := range map[string]string{"a shallow one that lacks the commit": shallow, "one that is not there": filepath.Join(r.dir, "nowhere")} {
		t.Run(name, func(t *testing.T) {
			repository := r.open(func(o *git.Options) { o.Checkout, o.Dir = checkout, t.TempDir() })
			if err := repository.Fetch(t.Context(), old); err != nil {
				t.Error(err)
			}
			if tip, err := repository.Tip(t.Context(), "main"); err != nil || repository.Fetch(t.Context(), tip) != nil {
				t.Error("and then not the tip", err)
			}
		})
	}
}

func TestFetchFromAShallowCheckoutThatHasTheCommit(t *testing.T) {
	r := newRig(t)
	r.write("README", "second\n")
	commit := r.commit("second")
	r.push()
	shallow := filepath.Join(r.dir, "shallow")
	r.git(r.dir, "clone", "--quiet", "--depth=1", r.url(), shallow)
	repository := r.open(func(o *git.Options) { o.Checkout, o.URL = shallow, "file:///nowhere" })
	mustMove(t, repository.Worktree(filepath.Join(r.dir, "worktree")), commit)
}

// The remote is reached without the second version of git's protocol, in which each commit can be had by its hash.
func TestFetchFromARemoteThatGivesNoCommitsByHash(t *testing.T) {
	r := newRig(t)
	old := r.at("main")
	for range 3 {
		r.commit("more")
	}
	r.push()
	r.git(r.dir, "config", "--global", "protocol.version", "0")
	repository := r.open()
	if _, err := repository.Tip(t.Context(), "main"); err != nil { // the clone's history begins there
		t.Fatal(err)
	}
	mustMove(t, repository.Worktree(filepath.Join(r.dir, "worktree")), old)
	missing, is := errors.AsType[*git.CommitError](repository.Fetch(t.Context(), nobodys))
	if !is || missing.Err != nil {
		t.Errorf("error %v, want one that says that nobody has it", missing)
	}
}

func TestFetchOfACommitThatABranchHasLeftBehind(t *testing.T) {
	r := newRig(t)
	r.write("README", "rewritten soon\n")
	gone := r.commit("rewritten soon")
	r.push()
	repository := r.open()
	if _, err := repository.Tip(t.Context(), "main"); err != nil {
		t.Fatal(err)
	}
	r.git(r.checkout, "reset", "--quiet", "--hard", "HEAD^")
	r.write("README", "rewritten\n")
	rewritten := r.commit("rewritten")
	r.push("--force")
	if tip, err := repository.Tip(t.Context(), "main"); err != nil || tip != rewritten {
		t.Errorf("tip %s, %v, want %s", tip, err, rewritten)
	}
	w := repository.Worktree(filepath.Join(r.dir, "worktree"))
	mustMove(t, w, gone)
	mustMove(t, w, rewritten)
}

func TestTip(t *testing.T) {
	r := newRig(t)
	repository := r.open()
	for _, branch := range []string{"main", ""} {
		if tip, err := repository.Tip(t.Context(), branch); err != nil || tip != r.at("main") {
			t.Errorf("tip of %q: %s, %v", branch, tip, err)
		}
	}
	for branch, invalid := range map[string]bool{"nowhere": false, "a..b": true, "-x": false, "a b": true, "x:y": true} {
		missing, is := errors.AsType[*git.BranchError](second(repository.Tip(t.Context(), branch)))
		if !is || missing.Invalid != invalid {
			t.Errorf("%q: %v, want an error that it is not there, or no name: %v", branch, missing, invalid)
		}
	}
	// A deleted branch makes way for one whose name goes on from it.
	r.git(r.remote, "branch", "a", "main")
	if _, err := repository.Tip(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	r.git(r.remote, "branch", "-D", "a")
	r.git(r.remote, "branch", "a/b", "main")
	if _, is := errors.AsType[*git.BranchError](second(repository.Tip(t.Context(), "a"))); !is {
		t.Error("a deleted branch has a tip")
	}
	if _, err := repository.Tip(t.Context(), "a/b"); err != nil {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestTipOfAnEmptyRemote(t *testing.T) {
	r := newRig(t)
	empty := filepath.Join(r.dir, "empty.git")
	r.git(r.dir, "init", "--quiet", "--bare", empty)
	repository := r.open(func(o *git.Options) { o.URL = "file://" + empty })
	if _, is := errors.AsType[*git.BranchError](second(repository.Tip(t.Context(), ""))); !is {
		t.Error("an empty remote has a tip")
	}
}

func TestRead(t *testing.T) {
	r := newRig(t)
	module := filepath.Join(r.dir, "module.git")
	r.git(r.dir, "clone", "--quiet", "--bare", r.remote, module)
	r.git(r.checkout, "submodule", "--quiet", "add", module, "sub")
	r.write("crlf [1].txt", "a\r\nb\r\n")
	if err := os.Symlink("infra", filepath.Join(r.checkout, "link")); err != nil {
		t.Skip(err)
	}
	commit := r.commit("all sorts")
	r.push()
	repository := r.open()
	if err := repository.Fetch(t.Context(), commit); err != nil {
		t.Fatal(err)
	}
	if got, err := repository.Read(t.Context(), commit, "crlf [1].txt"); err != nil || string(got) != "a\r\nb\r\n" {
		t.Errorf("%q, %v", got, err)
	}
	for path, want := range map[string]error{
		"nowhere": fs.ErrNotExist, "infra/nowhere": fs.ErrNotExist, "README/x": fs.ErrNotExist, "*.txt": fs.ErrNotExist,
		"../x": fs.ErrInvalid, "/README": fs.ErrInvalid, "": fs.ErrInvalid, ".": fs.ErrInvalid,
	} {
		if _, err := repository.Read(t.Context(), commit, path); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", path, err, want)
		}
	}
	for path, want := range map[string][2]string{
		"link": {"link", "a symbolic link"}, "link/Pulumi.yaml": {"link", "a symbolic link"},
		"sub/infra/Pulumi.yaml": {"sub", "a submodule"}, "sub": {"sub", "a submodule"}, "infra": {"infra", "a folder"},
	} {
		got, is := errors.AsType[*git.PathError](second(repository.Read(t.Context(), commit, path)))
		if !is || got.At != want[0] || got.Is != want[1] {
			t.Errorf("%q: %v, want %v", path, got, want)
		}
		_, err := repository.Push(t.Context(), git.Commit{Branch: "main", Edit: func(context.Context, string, func(string) ([]byte, error)) (string, []byte, string, error) {
			return path, []byte("x"), "x", nil
		}})
		if !is || !errors.As(err, &got) {
			t.Errorf("a push to %q: %v", path, err)
		}
	}
	if diff := cmp.Diff(commit, r.at("main")); diff != "" {
		t.Errorf("-want +got of the branch:\n%s", diff)
	}
}

// hangs is a server that takes connections and says nothing.
func hangs(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
		}
	}()
	return listener.Addr().String()
}

func TestARemoteThatHangsEndsByTheTimeout(t *testing.T) {
	r := newRig(t)
	address := hangs(t)
	for _, url := range []string{"http://" + address + "/a.git", "git://" + address + "/a.git"} {
		repository := r.open(func(o *git.Options) { o.URL, o.Timeout, o.Dir = url, 300*time.Millisecond, t.TempDir() })
		begun := time.Now()
		failed, is := errors.AsType[*git.RemoteError](second(repository.Tip(t.Context(), "main")))
		if !is || failed.Kind != git.KindTimeout {
			t.Errorf("%s: %v, want a timeout", url, failed)
		}
		pushed, is := errors.AsType[*git.PushError](second(repository.Push(t.Context(), git.Commit{Branch: "main", Edit: setKey("a", "2")})))
		if !is || pushed.Kind != git.KindTimeout {
			t.Errorf("%s: %v, want a timeout", url, pushed)
		}
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("%s: it took %s", url, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if err := second(repository.Tip(ctx, "main")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want the context's end", url, err)
		}
		cancel()
	}
}

func TestARemoteThatCannotBeReached(t *testing.T) {
	r := newRig(t)
	for _, url := range []string{"file:///nowhere/a.git", "http://127.0.0.1:1/a.git", "git://127.0.0.1:1/a.git"} {
		repository := r.open(func(o *git.Options) { o.URL, o.Dir = url, t.TempDir() })
		failed, is := errors.AsType[*git.RemoteError](second(repository.Tip(t.Context(), "main")))
		if !is || failed.Kind != git.KindUnreachable || failed.Hint() == "" {
			t.Errorf("%s: %v, want that it cannot be reached", url, failed)
		}
		missing, is := errors.AsType[*git.CommitError](repository.Fetch(t.Context(), nobodys))
		if !is || missing.Err == nil {
			t.Errorf("%s: %v, want that it could not be asked", url, missing)
		}
	}
}

func TestAHeldLockIsWaitedForUntilTheContextEnds(t *testing.T) {
	r := newRig(t)
	url := "git://" + hangs(t) + "/a.git"
	silent := r.open(func(o *git.Options) { o.URL = url })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- second(silent.Tip(ctx, "main")) }()
	for ; ; time.Sleep(100 * time.Millisecond) { // until the other one has the lock, and asks
		short, end := context.WithTimeout(t.Context(), 200*time.Millisecond)
		err := second(git.Open(short, git.Options{Dir: filepath.Join(r.dir, "clone"), URL: url}))
		end()
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	if _, err := r.open().Tip(t.Context(), "main"); err != nil {
		t.Error("after it ended:", err)
	}
}

// A git that was killed leaves its lock files, at which each other git gives up.
func TestFetchPassesLocksOfKilledGitsBy(t *testing.T) {
	r := newRig(t)
	repository := r.open()
	if _, err := repository.Tip(t.Context(), "main"); err != nil {
		t.Fatal(err)
	}
	r.commit("second")
	r.push()
	refs, err := filepath.EvalSymlinks(filepath.Join(r.bare(), "refs", "pulumiscale", "tips"))
	if err != nil {
		t.Fatal(err)
	}
	tips, err := os.ReadDir(refs)
	if err != nil || len(tips) != 1 {
		t.Fatal(tips, err)
	}
	for _, path := range []string{filepath.Join(refs, tips[0].Name()), filepath.Join(r.bare(), "shallow"), filepath.Join(r.bare(), "config")} {
		writeFile(t, path+".lock", "")
	}
	if tip, err := repository.Tip(t.Context(), "main"); err != nil || tip != r.at("main") {
		t.Errorf("tip %s, %v", tip, err)
	}
}

func TestLogOfABranchSinceACommit(t *testing.T) {
	r := newRig(t)
	repository := r.open()
	deployed := r.commit("deployed\n\nPulumiScale-Pool: before")
	first := r.commit("scaled\n\nIn words of its own: not a trailer\n\nPulumi-Stack: dev\nPulumiScale-Pool: worker\nPulumiScale-Pool: api")
	second := r.commit("an edit")
	r.push()
	if err := repository.Fetch(t.Context(), deployed); err != nil {
		t.Fatal(err)
	}
	got, err := repository.Log(t.Context(), "main", deployed)
	if err != nil {
		t.Fatal(err)
	}
	want := []git.Logged{
		{Hash: second, Trailers: map[string][]string{}},
		{Hash: first, Trailers: map[string][]string{"Pulumi-Stack": {"dev"}, "PulumiScale-Pool": {"worker", "api"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := repository.Log(t.Context(), "nowhere", deployed); !scale.IsA[*git.BranchError](err) {
		t.Errorf("of a branch that there is not: %v", err)
	}
}
