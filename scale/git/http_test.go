package git_test

import (
	"errors"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale/git"
)

// password is what the HTTP server wants.
const password = "s3cr%t/word"

// serveHTTP serves the remote by git's own server, to the user ada. readOnly serves no push.
func (r *rig) serveHTTP(readOnly *atomic.Bool) (url string) {
	r.t.Helper()
	r.git(r.remote, "config", "http.receivepack", "true")
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(r.git(r.dir, "--exec-path")), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + r.dir, "GIT_HTTP_EXPORT_ALL=1", "HOME=" + os.Getenv("HOME"), "GIT_CONFIG_NOSYSTEM=1"},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		user, given, _ := request.BasicAuth()
		switch {
		case user != "ada" || given != password:
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "no", http.StatusUnauthorized)
		case readOnly.Load() && strings.Contains(request.URL.String(), "receive-pack"):
			http.Error(w, "read-only", http.StatusForbidden)
		default:
			if request.TransferEncoding != nil { // the CGI needs the length
				request.ContentLength = -1
			}
			backend.ServeHTTP(w, request)
		}
	}))
	r.t.Cleanup(server.Close)
	return server.URL + "/remote.git"
}

func withUser(url, user string) string { return strings.Replace(url, "://", "://"+user+"@", 1) }

func TestOverHTTP(t *testing.T) {
	r := newRig(t)
	var readOnly atomic.Bool
	plain := r.serveHTTP(&readOnly)
	url := withUser(plain, "ada:s3cr%25t%2Fword")
	repository := r.open(func(o *git.Options) { o.URL = url })
	first := r.at("main")
	mustMove(t, repository.Worktree(filepath.Join(r.dir, "worktree")), first)
	commit := mustPush(t, repository, git.Commit{Branch: "main", Edit: setKey("a", "2")})
	if r.at("main") != commit {
		t.Error("it was not pushed")
	}
	if err := repository.CheckPush(t.Context(), "main"); err != nil {
		t.Error(err)
	}
	if text := readFile(t, filepath.Join(r.bare(), "config")); strings.Contains(text, "s3cr") || !strings.Contains(text, plain) {
		t.Errorf("the clone's configuration has the password, or not the remote:\n%s", text)
	}
	readOnly.Store(true)
	for name, err := range map[string]error{
		"push": second(repository.Push(t.Context(), git.Commit{Branch: "main", Edit: setKey("a", "3")})), "check": repository.CheckPush(t.Context(), "main"),
	} {
		failed, is := errors.AsType[*git.PushError](err)
		if !is || failed.Kind != git.KindUnauthorized {
			t.Errorf("%s: %v, want that it is not authorized", name, err)
		}
	}
}

func TestOverHTTPWithTheMachinesCredentials(t *testing.T) {
	r := newRig(t)
	var readOnly atomic.Bool
	url := r.serveHTTP(&readOnly)
	r.git(r.dir, "config", "--global", "credential.helper", "!f() { echo username=ada; echo 'password="+password+"'; }; f")
	if _, err := r.open(func(o *git.Options) { o.URL = url }).Tip(t.Context(), "main"); err != nil {
		t.Error(err)
	}
}

func TestOverHTTPWithoutAccess(t *testing.T) {
	r := newRig(t)
	var readOnly atomic.Bool
	plain := r.serveHTTP(&readOnly)
	for name, url := range map[string]string{"wrong or expired": withUser(plain, "ada:ghp_0123456789abcdefghij"), "none": plain} {
		t.Run(name, func(t *testing.T) {
			repository := r.open(func(o *git.Options) { o.URL, o.Dir = url, t.TempDir() })
			_, tip := repository.Tip(t.Context(), "main")
			if failed, is := errors.AsType[*git.RemoteError](tip); !is || failed.Kind != git.KindUnauthorized {
				t.Errorf("tip: %v, want that it is not authorized", tip)
			}
			_, push := repository.Push(t.Context(), git.Commit{Branch: "main", Edit: setKey("a", "2")})
			if failed, is := errors.AsType[*git.PushError](push); !is || failed.Kind != git.KindUnauthorized {
				t.Errorf("push: %v, want that it is not authorized", push)
			}
			fetch := repository.Fetch(t.Context(), nobodys)
			for _, err := range []error{tip, push, fetch} {
				if err == nil || strings.Contains(err.Error(), "ghp_") {
					t.Errorf("the error tells the password, or there is none: %v", err)
				}
			}
		})
	}
}

// The credentials are nowhere where other users of the machine see them.
func TestCredentialsAreNoArguments(t *testing.T) {
	r := newRig(t)
	var readOnly atomic.Bool
	url := withUser(r.serveHTTP(&readOnly), "ada:s3cr%25t%2Fword")
	program, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	calls := filepath.Join(r.dir, "calls")
	writeFile(t, filepath.Join(r.dir, "bin", "git"), "#!/bin/sh\necho \"$@\" >> '"+calls+"'\nexec '"+program+"' \"$@\"\n")
	if err := os.Chmod(filepath.Join(r.dir, "bin", "git"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Join(r.dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	mustPush(t, r.open(func(o *git.Options) { o.URL = url }), git.Commit{Branch: "main", Edit: setKey("a", "2")})
	if text := readFile(t, calls); strings.Contains(text, "s3cr") || !strings.Contains(text, "push") {
		t.Errorf("the calls have the password, or none was noted:\n%s", text)
	}
}

func TestRemoteAndRoot(t *testing.T) {
	r := newRig(t)
	root, prefix, err := git.Root(t.Context(), filepath.Join(r.checkout, "infra"))
	resolved, _ := filepath.EvalSymlinks(r.checkout)
	if diff := cmp.Diff([]string{resolved, "infra"}, []string{root, prefix}); diff != "" || err != nil {
		t.Errorf("error %v, -want +got:\n%s", err, diff)
	}
	if _, prefix, err := git.Root(t.Context(), r.checkout); prefix != "" || err != nil {
		t.Errorf("%q, %v", prefix, err)
	}
	if _, _, err := git.Root(t.Context(), filepath.Join(r.dir, "home")); err == nil {
		t.Error("a folder outside of a repository has a root")
	}
	remote := func(why, want string) {
		t.Helper()
		if got, err := git.Remote(t.Context(), filepath.Join(r.checkout, "infra")); got != want || err != nil {
			t.Errorf("%s: %s, %v, want %s", why, got, err, want)
		}
	}
	remote("origin", r.remote)
	r.git(r.checkout, "remote", "add", "upstream", "https://example.com/upstream.git")
	remote("origin beside another one", r.remote)
	r.git(r.checkout, "config", "branch.main.remote", "upstream")
	remote("the branch's upstream", "https://example.com/upstream.git")
	r.git(r.checkout, "checkout", "--quiet", "--detach")
	remote("origin without a branch", r.remote)
	r.git(r.checkout, "remote", "remove", "origin")
	remote("the only one", "https://example.com/upstream.git")
	r.git(r.checkout, "remote", "set-url", "upstream", "../remote.git")
	remote("a relative one", filepath.Join(filepath.Dir(resolved), "remote.git"))
	r.git(r.checkout, "remote", "remove", "upstream")
	if _, err := git.Remote(t.Context(), r.checkout); err == nil {
		t.Error("a repository without a remote has one")
	}
}
