//go:build !windows

package stack

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli"
	"github.com/pulumiscale/pulumiscale/scale/stack/configfile"
	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
	"github.com/pulumiscale/pulumiscale/scale/stack/project"
	"github.com/pulumiscale/pulumiscale/scale/stack/statedir"
)

// ground is a program's directory with something of everything in it, and a stack of that program.
func ground(t *testing.T) engine {
	t.Helper()
	t.Setenv("PULUMI_HOME", t.TempDir())
	e := newEngine(t)
	for _, path := range []string{
		"Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml", "index.ts", "lib/pool.ts", "lib/Pulumi.dev.yaml", ".git/index", "lib/.cache/x", "node_modules/a/package.json",
		"node_modules/a/lib/deep.js", "venv/pyvenv.cfg", "venv/lib/deep.py", "lib/__pycache__/x.pyc", ".env",
	} {
		e.write(path, "config: {}\n")
	}
	return e
}

// write writes a file of the program, at another time each.
func (e engine) write(path, text string) {
	e.t.Helper()
	path = filepath.Join(e.project.Dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		e.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		e.t.Fatal(err)
	}
	clock := time.Now().Add(-time.Hour)
	if info, err := os.Stat(path); err == nil {
		clock = info.ModTime()
	}
	if err := os.Chtimes(path, clock, clock.Add(time.Second)); err != nil {
		e.t.Fatal(err)
	}
}

func (e engine) remove(path string) {
	e.t.Helper()
	if err := os.RemoveAll(filepath.Join(e.project.Dir, filepath.FromSlash(path))); err != nil {
		e.t.Fatal(err)
	}
}

func (e engine) looks(change scale.Change) basis {
	e.t.Helper()
	b, err := e.basis(change)
	if err != nil {
		e.t.Fatal(err)
	}
	return b
}

// git runs git in the program's directory.
func (e engine) git(args ...string) {
	e.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = e.project.Dir
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b", "GIT_CONFIG_GLOBAL=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil {
		e.t.Skipf("git: %v: %s", err, out)
	}
}

// traceFile is the file to which the stack of a test is told that its process writes a trace.
const traceFile = "trace.json"

func TestWhatAProofRestsOn(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(e engine)
		same bool
	}{
		{"nothing has changed", func(engine) {}, true},
		{"a file of the program is saved", func(e engine) { e.write("index.ts", "config: {}\n") }, false},
		{"in a folder", func(e engine) { e.write("lib/pool.ts", "config: {}\n") }, false},
		{"another one is moved to its place", func(e engine) {
			path := filepath.Join(e.project.Dir, "index.ts")
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			e.write("x", "config: {}\n")
			if err := errors.Join(os.Rename(filepath.Join(e.project.Dir, "x"), path), os.Chtimes(path, info.ModTime(), info.ModTime())); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"a file comes", func(e engine) { e.write("lib/more.ts", "") }, false},
		{"a file goes", func(e engine) { e.remove("lib/pool.ts") }, false},
		{"a hidden file is one of the program", func(e engine) { e.write(".env", "A=1") }, false},
		{"a hidden folder is not", func(e engine) { e.write(".git/index", "x"); e.write("lib/.cache/y", "x") }, true},
		{"the stacks' configuration is looked at by what an update gets of it", func(e engine) { e.write("Pulumi.prod.yaml", "x"); e.write("Pulumi.dev.yaml", "# c\nconfig:   {}\n") }, true},
		{"which is in the program's directory itself", func(e engine) { e.write("lib/Pulumi.dev.yaml", "x") }, false},
		{"a key in it that is deployed", func(e engine) { e.write("Pulumi.dev.yaml", "config:\n  demo:a: 'x'\n") }, true},
		{"a count in it", func(e engine) { e.write("Pulumi.dev.yaml", "config:\n  demo:count: 8\n") }, true},
		{"a secret in it", func(e engine) { e.write("Pulumi.dev.yaml", "config:\n  demo:pw: {secure: v1:x}\n") }, false},
		{"its environment", func(e engine) { e.write("Pulumi.dev.yaml", "config: {}\nenvironment: [prod]\n") }, false},
		{"a package is installed", func(e engine) { e.write("node_modules/b/package.json", "x") }, false},
		{"a file deep in a package", func(e engine) {
			path := filepath.Join(e.project.Dir, "node_modules", "a", "lib", "deep.js")
			if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"what Python compiles is like packages", func(e engine) { e.write("lib/__pycache__/x.pyc", "x") }, false},
		{"a variable of the environment", func(engine) { t.Setenv("AWS_PROFILE", "other") }, false},
		{"one that says where somebody is", func(engine) { t.Setenv("SSH_TTY", "/dev/pts/9"); t.Setenv("TERM", "vt52") }, true},
		{"one of ours", func(engine) { t.Setenv("PULUMISCALE_LOG_LEVEL", "debug") }, true},
		{"one that opens the stack", func(engine) { t.Setenv("PULUMI_CONFIG_PASSPHRASE", "x") }, true},
		{"a plugin of Pulumi's is installed", func(engine) {
			if err := os.MkdirAll(filepath.Join(os.Getenv("PULUMI_HOME"), "plugins", "resource-aws-v7"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"the CLI notes when it has used a plugin, and keeps its schema, as newer ones do", func(e engine) {
			plugins := filepath.Join(os.Getenv("PULUMI_HOME"), "plugins")
			filestest.WriteAll(e.t, map[string]string{
				filepath.Join(plugins, "resource-aws-v6.lastused"): "x", filepath.Join(plugins, "schema-aws-6.json"): "{}",
			})
		}, true},
		{"a plugin on the PATH", func(e engine) { t.Setenv("PATH", os.Getenv("PATH")); e.put("pulumi-resource-x", "x") }, false},
		{"the CLI is replaced", func(e engine) { e.put("pulumi", "#!/bin/sh\n") }, false},
		{"a log is no file of the program", func(e engine) { e.write("logs/today.log", "x"); e.write("nohup.out", "x") }, true},
		{"nor is the trace of our own work", func(e engine) { e.write(traceFile, "x") }, true},
		{"nor is our own output", func(e engine) {
			e.write("output.txt", "x")
			file, err := os.Open(filepath.Join(e.project.Dir, "output.txt"))
			if err != nil {
				t.Fatal(err)
			}
			e.t.Cleanup(func() { _ = file.Close() })
			e.options.Output = []*os.File{file}
		}, true},
		{"which is another one's otherwise", func(e engine) { e.write("output.txt", "x") }, false},
		{"a commit is made", func(e engine) { e.git("commit", "--quiet", "--allow-empty", "--message", "m") }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := ground(t)
			e.t = t
			e.options.Trace = filepath.Join(e.project.Dir, traceFile)
			e.remove(".git")
			e.git("init", "--quiet")
			e.git("commit", "--quiet", "--allow-empty", "--message", "first")
			t.Setenv("PATH", e.Dir+string(os.PathListSeparator)+os.Getenv("PATH"))
			change := scale.Change{Settings: set("count", "5"), Config: map[string]string{"demo:a": `"x"`, "demo:count": `"3"`}}
			before := e.looks(change)
			outer := e
			c.do(outer)
			after := e.looks(change)
			if same := before.digest() == after.digest(); same != c.same {
				t.Errorf("the same: %v, changed files %v", same, changedFiles(before.files, after.files))
			}
		})
	}
}

func TestWhichFilesAreOfTheProgram(t *testing.T) {
	e := ground(t)
	got := e.looks(scale.Change{}).files
	want := []string{".env", "Pulumi.yaml", "index.ts", "lib/Pulumi.dev.yaml", "lib/__pycache__", "lib/pool.ts", "node_modules", "venv"}
	if diff := cmp.Diff(want, changedFiles(got, nil)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// The proof of an update does not rest on the count that the update is to have.
func TestTheDecidedCountsAreNotPartOfTheBasis(t *testing.T) {
	e := ground(t)
	first := e.looks(scale.Change{Settings: set("count", "5")})
	if second := e.looks(scale.Change{Settings: set("count", "9")}); second.digest() != first.digest() {
		t.Error("it is")
	}
	if third := e.looks(scale.Change{Settings: []scale.Setting{{Key: "count"}}}); third.digest() != first.digest() {
		t.Error("that there is none is")
	}
}

// If a pool's count cannot be written, that is this pool's trouble, and its own scaling tells of it.
func TestACountThatCannotBeWrittenKeepsNoOtherPoolFromItsProof(t *testing.T) {
	e := ground(t)
	e.write("Pulumi.dev.yaml", "config:\n  demo:pools: [{n: 1}]\n")
	change := scale.Change{Settings: append(set("count", "5"), scale.Setting{Key: "pools[1].n", Path: true})}
	before := e.looks(change)
	e.write("Pulumi.dev.yaml", "config:\n  demo:pools: [{n: 2}]\n")
	if e.looks(change).digest() == before.digest() {
		t.Error("an edit was not seen")
	}
}

func TestLinksAndProgramsElsewhere(t *testing.T) {
	for _, c := range []struct {
		name string
		link bool
		edit string
		same bool
	}{
		{"a link stands for what it leads to", true, "shared.ts", false},
		{"a program that is elsewhere is looked at there", false, "shared.ts", false},
		{"by a relative path, too", false, "lib/shared.ts", false},
		{"nothing else is", false, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, outside := ground(t), t.TempDir()
			other := engine{t: t, Script: e.Script, Stack: &Stack{project: &project.Project{Dir: outside}}}
			other.write("shared.ts", "a")
			if c.link {
				if err := os.Symlink(filepath.Join(outside, "shared.ts"), filepath.Join(e.project.Dir, "shared.ts")); err != nil {
					t.Skip(err)
				}
			} else if e.project.Main = outside; strings.HasPrefix(c.edit, "lib/") {
				relative, err := filepath.Rel(e.project.Dir, outside)
				if err != nil {
					t.Fatal(err)
				}
				e.project.Main = relative
			}
			before := e.looks(scale.Change{})
			if c.edit != "" {
				other.write(c.edit, "b")
			}
			if same := e.looks(scale.Change{}).digest() == before.digest(); same != c.same {
				t.Errorf("the same: %v", same)
			}
		})
	}
}

func TestALinkThatLeadsNowhereIsAFile(t *testing.T) {
	e := ground(t)
	if err := os.Symlink("nowhere", filepath.Join(e.project.Dir, "link")); err != nil {
		t.Skip(err)
	}
	if mark := e.looks(scale.Change{}).files["link"]; mark == "" || mark == "-" {
		t.Errorf("its mark is %q", mark)
	}
}

// A user with so many files pays with a preview for each scaling, and not with minutes.
func TestAProgramWithTooManyFilesHasNoBasis(t *testing.T) {
	e := ground(t)
	for i := range mostFiles/100 + 1 {
		dir := filepath.Join(e.project.Dir, "data", fmt.Sprint(i))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for j := range 100 {
			if err := os.Symlink("x", filepath.Join(dir, fmt.Sprint(j))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := e.basis(scale.Change{}); !errors.Is(err, errManyFiles) {
		t.Errorf("got %v", err)
	}
	proof, err := e.Proof(&scale.Snapshot{})
	if err != nil || proof.Pools != nil || !e.KeepProof(&scale.Snapshot{}, &scale.Proof{}, true) {
		t.Errorf("the proof is %+v, error %v", proof, err)
	}
}

func TestCommitOfTheCheckout(t *testing.T) {
	e := ground(t)
	e.remove(".git")
	if got := e.project.Commit(); got != "" {
		t.Errorf("outside of a repository %q", got)
	}
	e.git("init", "--quiet")
	if got := e.project.Commit(); got != "" {
		t.Errorf("before the first commit %q", got)
	}
	e.git("commit", "--quiet", "--allow-empty", "--message", "m")
	if got := e.project.Commit(); len(got) != 40 || strings.Trim(got, "0123456789abcdef") != "" {
		t.Errorf("got %q", got)
	}
}

// This measures a look at a program of 2,000 files. A scaling takes four of them, two while no engine works.
func BenchmarkBasis(b *testing.B) {
	project := demoProject()
	project.Dir = b.TempDir()
	s := &Stack{
		name: "dev", command: &cli.Command{Path: "pulumi"}, project: project, dir: statedir.Dir{Path: b.TempDir(), Program: project},
		file: configfile.File{Path: filepath.Join(project.Dir, "Pulumi.dev.yaml"), Project: project.Project},
	}
	for i := range 2_000 {
		if err := os.WriteFile(filepath.Join(project.Dir, fmt.Sprintf("%d.ts", i)), nil, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := s.basis(scale.Change{}); err != nil {
			b.Fatal(err)
		}
	}
}
