package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

// deploy copies a program into the script's directory, commits it and brings its stack up:
//
//	deploy worker-pool        # the YAML example, a pool that is one resource
//	deploy worker-loop        # one resource for each worker, and neighbours
//	deploy worker-loop-typescript   # the same in TypeScript, with the SDKs that the examples are checked with
//	deploy worker-pool prod   # in another directory
//
// Files that the script has already put into the directory win over those of the program.
func deploy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: deploy PROGRAM [DIR]")
	}
	program, dir := args[0], ts.MkAbs(args[len(args)-1])
	source := filepath.Join(ts.Getenv("ROOT"), "examples", program)
	if strings.HasPrefix(program, "worker-loop") {
		source = filepath.Join(ts.Getenv("ROOT"), "e2e", "testdata", program)
	}
	for _, name := range []string{"Pulumi.yaml", "Pulumi.dev.yaml", "loop.yaml", "index.ts", "package.json", "tsconfig.json", ".gitignore"} {
		text, err := os.ReadFile(filepath.Join(source, name))
		to := filepath.Join(dir, name)
		if errors.Is(err, os.ErrNotExist) || exists(to) {
			continue
		}
		ts.Check(err)
		ts.Check(os.MkdirAll(dir, 0o755))
		ts.Check(os.WriteFile(to, text, 0o644))
	}
	if exists(filepath.Join(dir, "package.json")) {
		ts.Check(os.Symlink(filepath.Join(ts.Getenv("ROOT"), ".tools", "examples", "node_modules"), filepath.Join(dir, "node_modules")))
	}
	ts.Check(ts.Chdir(dir))
	run := func(name string, args ...string) { ts.Check(ts.Exec(name, args...)) }
	run("pulumi", "stack", "init", "dev")
	run("pulumi", "up", "--yes", "--skip-preview", "--non-interactive")
	run("git", "init", "--quiet")
	run("git", "add", "--all")
	run("git", "commit", "--quiet", "--message", "deployed")
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// exits runs a command and checks its exit code. Its output serves the commands that follow.
//
//	exits 3 pulumiscale scale worker-pool --delta 1
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGS]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("run %s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s exited with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// workers checks how many workers are really there: the files of a pool in the cloud's folder.
//
//	workers worker-pool 3
func workers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: workers POOL COUNT")
	}
	entries, err := os.ReadDir(ts.MkAbs(filepath.Join("cloud", args[0])))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		ts.Fatalf("%v", err)
	}
	if got := strconv.Itoa(len(entries)); got != args[1] {
		ts.Fatalf("there are %s workers in pool %s, want %s", got, args[0], args[1])
	}
}

// agree checks the invariant of a scaling: the configuration file, the last successful update and the state's "current"
// all have the count. If a folder is named, the workers that are really there have it too.
//
//	agree worker-pool workerCount 5 worker-pool
func agree(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args) > 4 {
		ts.Fatalf("usage: agree POOL KEY COUNT [FOLDER]")
	}
	pool, key, want := args[0], args[1], args[2]
	check := func(what, got string) {
		if got != want {
			ts.Fatalf("%s of pool %s is %s, want %s", what, pool, got, want)
		}
	}
	check("the configuration", strings.TrimSpace(output(ts, "pulumi", "config", "get", "--path", key)))

	var outputs struct {
		Rules map[string]struct {
			Current json.Number `json:"current"`
		} `json:"pulumiscale"`
	}
	ts.Check(json.Unmarshal([]byte(output(ts, "pulumi", "stack", "output", "--json")), &outputs))
	if current := outputs.Rules[pool].Current; current != "" {
		check("current", current.String())
	}
	check("the last successful update", lastApplied(ts, key))
	if len(args) == 4 {
		workers(ts, false, []string{args[3], want})
	}
}

// lastApplied is a key's value in the last successful update of the history.
func lastApplied(ts *testscript.TestScript, key string) string {
	var history []struct {
		Kind, Result string
		Config       map[string]struct {
			Value  string `json:"value"`
			Object any    `json:"objectValue"`
		}
	}
	ts.Check(json.Unmarshal([]byte(output(ts, "pulumi", "stack", "history", "--json", "--page-size", "0")), &history))
	for _, update := range history {
		if update.Kind != "update" || update.Result != "succeeded" {
			continue
		}
		name, path, _ := strings.Cut(key, ".")
		for full, value := range update.Config {
			if full != name && !strings.HasSuffix(full, ":"+name) {
				continue
			}
			if path == "" {
				return value.Value
			}
			return at(value.Object, strings.Split(path, "."))
		}
	}
	return "missing"
}

func at(value any, path []string) string {
	for _, name := range path {
		object, ok := value.(map[string]any)
		if !ok {
			return "missing"
		}
		value = object[name]
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func output(ts *testscript.TestScript, name string, args ...string) string {
	ts.Check(ts.Exec(name, args...))
	return ts.ReadFile("stdout")
}

// samesteps checks that two JSON documents, of a preview and of a scaling, list the same changes to resources, and at
// least one.
func samesteps(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: samesteps FILE FILE")
	}
	var docs [2]struct{ Steps []any }
	for i, name := range args {
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(name)), &docs[i]))
	}
	if len(docs[0].Steps) == 0 {
		ts.Fatalf("%s has no steps", args[0])
	}
	if diff := cmp.Diff(docs[0].Steps, docs[1].Steps); diff != "" {
		ts.Fatalf("steps (-%s +%s):\n%s", args[0], args[1], diff)
	}
}

// terminal runs a command on a pseudo-terminal of its own. It types a file's content when the command asks a question,
// and writes what a person would have seen to the file "screen":
//
//	terminal yes.txt pulumiscale scale worker-pool --delta 2
func terminal(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: [!] terminal INPUT COMMAND [ARGS]")
	}
	input := ts.ReadFile(args[0])
	cmd := exec.Command(args[1], args[2:]...)
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path := filepath.Join(dir, args[1]); exists(path) {
			cmd.Path, cmd.Err = path, nil
			break
		}
	}
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "PULUMI_HOME", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_SKIP_UPDATE_CHECK"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	cmd.Env = append(cmd.Env, "TERM=xterm-256color")
	screen, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: 100})
	ts.Check(err)
	defer func() { _ = screen.Close() }()
	var seen strings.Builder
	buffer := make([]byte, 4096)
	for asked := false; ; {
		n, err := screen.Read(buffer)
		seen.Write(buffer[:n])
		if !asked && strings.Contains(seen.String(), "? ") {
			asked = true
			_, err := screen.WriteString(input)
			ts.Check(err)
		}
		if err != nil { // Linux says EIO when the command has ended
			break
		}
	}
	err = cmd.Wait()
	ts.Check(os.WriteFile(ts.MkAbs("../screen"), []byte(seen.String()), 0o644))
	if (err != nil) != neg {
		ts.Fatalf("%s: %v\n%s", strings.Join(args[1:], " "), err, seen.String())
	}
}

// killEngine kills the engine that holds a lock of the backend, once one does. It leaves the plugins alone that the
// engine has started. It waits until the cloud has as many workers of a pool as told, so that the engine dies at work.
//
//	killengine BACKEND POOL COUNT
func killEngine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: killengine BACKEND POOL COUNT")
	}
	want, err := strconv.Atoi(args[2])
	ts.Check(err)
	pattern := filepath.Join(ts.MkAbs(args[0]), ".pulumi/locks/*/*/*/*.json")
	deadline := time.Now().Add(30 * time.Second)
	for {
		locks, err := filepath.Glob(pattern)
		ts.Check(err)
		have, err := filepath.Glob(filepath.Join(ts.MkAbs("cloud"), args[1], "*"))
		ts.Check(err)
		if len(locks) == 1 && len(have) == want {
			var lock struct{ PID int }
			text, err := os.ReadFile(locks[0])
			ts.Check(err)
			ts.Check(json.Unmarshal(text, &lock))
			ts.Check(syscall.Kill(lock.PID, syscall.SIGKILL))
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("locks %v, %d workers", locks, len(have))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// readonly makes a folder and all in it read-only, and with ! writable again. It also works for root, whom no mode bits
// stop.
//
//	readonly ../backend
func readonly(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] readonly DIR")
	}
	dir := ts.MkAbs(args[0])
	command := func(on bool) []string {
		switch root := os.Geteuid() == 0; {
		case root && on:
			return []string{"chattr", "-R", "+i", dir}
		case root:
			return []string{"chattr", "-R", "-i", dir}
		case on:
			return []string{"chmod", "-R", "a-w", dir}
		}
		return []string{"chmod", "-R", "u+w", dir}
	}
	run := command(!neg)
	if err := ts.Exec(run[0], run[1:]...); err != nil {
		ts.Fatalf("%s: %v", strings.Join(run, " "), err)
	}
	if !neg {
		undo := command(false)
		ts.Defer(func() { _ = exec.Command(undo[0], undo[1:]...).Run() })
	}
}

// await waits until a file that matches a pattern is there, or with ! until none is. It waits half a minute at most. It
// lets a script act while the engine works.
//
//	await backend/.pulumi/locks/*/*/*/*.json
func await(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: await PATTERN")
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		found, err := filepath.Glob(ts.MkAbs(args[0]))
		ts.Check(err)
		if (len(found) > 0) != neg {
			return
		}
	}
	ts.Fatalf("await: %s: waited half a minute", args[0])
}
