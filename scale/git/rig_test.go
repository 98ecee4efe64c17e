package git_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/git"
)

// rig is a remote, a developer's checkout of it, and a home of its own for git's configuration.
type rig struct {
	t *testing.T
	// dir has all of it; remote is the bare repository, checkout the developer's.
	dir, remote, checkout string
}

// who is the identity of the machine.
const who = "Ada Autoscaler <ada@example.com>"

// newRig makes a remote with one commit on main: a program and its configuration file.
func newRig(t *testing.T) *rig {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	r := &rig{t: t, dir: t.TempDir()}
	isolate(t, r.dir)
	r.remote, r.checkout = filepath.Join(r.dir, "remote.git"), filepath.Join(r.dir, "checkout")
	r.git(r.dir, "init", "--quiet", "--bare", "--initial-branch=main", r.remote)
	r.git(r.dir, "clone", "--quiet", r.remote, r.checkout)
	r.git(r.checkout, "checkout", "--quiet", "-B", "main")
	r.write("infra/Pulumi.yaml", "name: demo\n")
	r.write("infra/Pulumi.dev.yaml", "config:\n  demo:a: 1\n  demo:b: 1\n  demo:c: 1\n  demo:d: 1\n  demo:e: 1\n")
	r.write("README", "A program\n")
	r.commit("first")
	r.push()
	return r
}

// isolate gives git a configuration of its own.
func isolate(t *testing.T, dir string) {
	t.Helper()
	home := filepath.Join(dir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(home, ".gitconfig")
	text := "[user]\n\tname = Ada Autoscaler\n\temail = ada@example.com\n[protocol \"file\"]\n\tallow = always\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": filepath.Join(home, "xdg"), "GIT_CONFIG_GLOBAL": config, "GIT_CONFIG_NOSYSTEM": "1",
	} {
		t.Setenv(name, value)
	}
	for _, setting := range os.Environ() {
		name, value, _ := strings.Cut(setting, "=")
		if strings.HasPrefix(name, "GIT_") && !strings.HasPrefix(name, "GIT_CONFIG_GLOBAL") && name != "GIT_CONFIG_NOSYSTEM" || name == "EMAIL" {
			t.Setenv(name, value) // so that it comes back
			_ = os.Unsetenv(name)
		}
	}
}

// git runs git in a folder, which must succeed, and returns what it prints.
func (r *rig) git(dir string, args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// write writes a file of the developer's checkout.
func (r *rig) write(path, content string) {
	r.t.Helper()
	writeFile(r.t, filepath.Join(r.checkout, filepath.FromSlash(path)), content)
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// commit commits all of the developer's checkout.
func (r *rig) commit(message string) (commit string) {
	r.t.Helper()
	r.git(r.checkout, "add", "--all")
	r.git(r.checkout, "commit", "--quiet", "--allow-empty", "-m", message)
	return r.git(r.checkout, "rev-parse", "HEAD")
}

func (r *rig) push(args ...string) {
	r.t.Helper()
	r.git(r.checkout, append([]string{"push", "--quiet", "origin", "HEAD"}, args...)...)
}

// hook gives the remote a hook.
func (r *rig) hook(name, script string) {
	r.t.Helper()
	path := filepath.Join(r.remote, "hooks", name)
	writeFile(r.t, path, "#!/bin/sh\n"+script)
	if err := os.Chmod(path, 0o700); err != nil {
		r.t.Fatal(err)
	}
}

// url is the remote as a URL, so that git makes a transport of it.
func (r *rig) url() string { return "file://" + filepath.ToSlash(r.remote) }

// open opens a clone of the remote.
func (r *rig) open(options ...func(*git.Options)) *git.Repository {
	r.t.Helper()
	o := git.Options{Dir: filepath.Join(r.dir, "clone"), URL: r.url(), Timeout: 30 * time.Second}
	for _, set := range options {
		set(&o)
	}
	repository, err := git.Open(r.t.Context(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	return repository
}

// bare is the repository of the clone that open makes.
func (r *rig) bare() string { return filepath.Join(r.dir, "clone", "repository.git") }

// at is what the remote has at a revision.
func (r *rig) at(revision string) string {
	r.t.Helper()
	return r.git(r.remote, "rev-parse", revision)
}

// show is a file of the remote at a revision.
func (r *rig) show(revision, path string) string {
	r.t.Helper()
	cmd := exec.Command("git", "cat-file", "blob", revision+":"+path)
	cmd.Dir = r.remote
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("%s of %s: %v", path, revision, err)
	}
	return string(out)
}

// The configuration file of the tests.
const config = "infra/Pulumi.dev.yaml"

// setKey is an edit that sets a key of the configuration file.
func setKey(key, value string) func(context.Context, string, func(string) ([]byte, error)) (string, []byte, string, error) {
	return func(_ context.Context, _ string, read func(string) ([]byte, error)) (string, []byte, string, error) {
		text, err := read(config)
		if err != nil {
			return "", nil, "", err
		}
		lines := strings.SplitAfter(string(text), "\n")
		for i, line := range lines {
			if at := strings.Index(line, "demo:"+key+":"); at >= 0 {
				end := line[len(strings.TrimRight(line, "\r\n")):]
				if strings.TrimRight(line, "\r\n") == line[:at]+"demo:"+key+": "+value {
					return "", nil, "", nil
				}
				lines[i] = line[:at] + "demo:" + key + ": " + value + end
			}
		}
		return config, []byte(strings.Join(lines, "")), "Set " + key + " to " + value, nil
	}
}

func mustPush(t *testing.T, r *git.Repository, c git.Commit) (commit string) {
	t.Helper()
	commit, err := r.Push(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return commit
}

func mustMove(t *testing.T, w *git.Worktree, commit string) {
	t.Helper()
	if err := w.Move(t.Context(), commit); err != nil {
		t.Fatal(err)
	}
	if got := w.Commit(); got != commit {
		t.Fatalf("the worktree is at %q, want %s", got, commit)
	}
}
