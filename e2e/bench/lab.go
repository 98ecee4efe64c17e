package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// lab is a place outside the repository with a backend, where each way of doing something has a program and a stack of its own.
type lab struct {
	root, tools, dir string
	env              []string
}

func newLab(root, tools string) (*lab, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(tools) {
		tools = filepath.Join(root, tools)
	}
	for _, name := range []string{filepath.Join(root, "bin", "pulumiscale"), filepath.Join(tools, "bin", "pulumi")} {
		if _, err := os.Stat(name); err != nil {
			return nil, fmt.Errorf("%w: run `make bench`", err)
		}
	}
	dir, err := os.MkdirTemp("", "pulumiscale-bench-")
	if err != nil {
		return nil, err
	}
	l := &lab{root: root, tools: tools, dir: dir}
	if err := errors.Join(os.Mkdir(l.path("backend"), 0o755), os.Mkdir(l.path("counting"), 0o755)); err != nil {
		l.close()
		return nil, err
	}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PULUMI") && !strings.HasPrefix(variable, "PATH=") {
			l.env = append(l.env, variable)
		}
	}
	l.env = append(l.env, "PULUMI_HOME="+l.path("home"), "PULUMI_BACKEND_URL=file://"+l.path("backend"),
		"PULUMI_CONFIG_PASSPHRASE=bench", "PULUMI_SKIP_UPDATE_CHECK=true", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true",
		// Debian's wrk has a library beside it.
		"LD_LIBRARY_PATH="+filepath.Join(tools, "debian", "usr", "lib", "x86_64-linux-gnu"))
	return l, nil
}

func (l *lab) close() { _ = os.RemoveAll(l.dir) }

func (l *lab) path(name string) string { return filepath.Join(l.dir, name) }

// command is a command line in a folder, with others in front on PATH.
func (l *lab) command(ctx context.Context, dir string, front []string, args ...string) *exec.Cmd {
	own := []string{filepath.Join(l.root, "bin"), filepath.Join(l.tools, "bin"), filepath.Join(l.tools, "debian", "usr", "bin")}
	path := slices.Concat(front, own, filepath.SplitList(os.Getenv("PATH")))
	cmd := exec.CommandContext(ctx, "/usr/bin/env", args...) // it finds the program on the new PATH
	cmd.Env = append(slices.Clone(l.env), "PATH="+strings.Join(path, string(os.PathListSeparator)))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Dir = dir
	return cmd
}

// exec runs a command line to its end, and returns what it printed.
func (l *lab) exec(ctx context.Context, dir string, front []string, args ...string) (string, error) {
	cmd := l.command(ctx, dir, front, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String(), nil
}

// has says whether a program that is not everywhere can be run.
func (l *lab) has(ctx context.Context, name string) bool {
	_, err := l.exec(ctx, l.dir, nil, "sh", "-c", `command -v "$1"`, "sh", name)
	return err == nil
}

// token is what serve is asked with.
const token = "bench-0123456789abcdefghij"

// stack is a deployed program with one stack, dev.
type stack struct {
	lab      *lab
	id, dir  string
	pools    int
	expected []int // the pools' sizes
}

// shape is what a program is like.
type shape struct {
	pools int
	// resources is how many there are in all; the others are neighbours that no rule names. Zero: one beside the pools.
	resources int
	// rule is added to each pool's.
	rule string
}

// initial is the size of each pool at first, and largest its rule's max.
const (
	initial = 4
	largest = 400
)

// counts are what the rounds set a pool to: never what it is already.
func counts(round int) int { return initial + 2 + round%6 }

// deploy writes a program of its own for a way of doing something, and deploys it.
func (l *lab) deploy(ctx context.Context, id string, s shape) (*stack, error) {
	st := &stack{lab: l, id: id, dir: l.path(id), pools: s.pools}
	var config, resources, rules, values strings.Builder
	for i := range s.pools {
		st.expected = append(st.expected, initial)
		name := poolName(i)
		fmt.Fprintf(&config, "  %s-size: {type: integer}\n", name)
		fmt.Fprintf(&values, "  %s:%s-size: %d\n", id, name, initial)
		fmt.Fprintf(&resources, "  %[1]s:\n    type: localcloud:index:Pool\n    name: %[1]s\n"+
			"    properties: {name: %[1]s, size: \"${%[1]s-size}\"}\n    options: {version: 0.1.0}\n", name)
		fmt.Fprintf(&rules, "    %[1]s: {urn: \"${%[1]s.urn}\", configKey: %[1]s-size, min: 0, max: %[2]d, current: \"${%[1]s.size}\", "+
			"strategy: {type: step, up: 1, down: 1}%[3]s}\n", name, largest, s.rule)
	}
	for i := range max(s.resources-s.pools, 1) {
		fmt.Fprintf(&resources, "  other-%[1]d:\n    type: localcloud:index:Balancer\n    name: other-%[1]d\n"+
			"    properties: {name: other-%[1]d, tag: blue}\n    options: {version: 0.1.0}\n", i)
	}
	program := "name: " + id + "\nruntime: yaml\nconfig:\n" + config.String() + "resources:\n" + resources.String() +
		"outputs:\n  pulumiscale:\n" + rules.String()
	if err := errors.Join(
		os.Mkdir(st.dir, 0o755),
		os.WriteFile(filepath.Join(st.dir, "Pulumi.yaml"), []byte(program), 0o644),
		os.WriteFile(filepath.Join(st.dir, "Pulumi.dev.yaml"), []byte("config:\n"+values.String()+"  localcloud:folder: cloud\n"), 0o644),
	); err != nil {
		return nil, err
	}
	// The engine writes the whole state after each resource unless it is told not to: minutes for a large stack.
	quick := []string{"env", "PULUMI_EXPERIMENTAL=true", "PULUMI_SKIP_CHECKPOINTS=true", "pulumi", "--non-interactive"}
	for _, args := range [][]string{
		{"stack", "init", "dev"}, {"config", "set", "--secret", "pulumiscale:token", token}, {"up", "--yes", "--skip-preview"},
	} {
		if _, err := l.exec(ctx, st.dir, nil, append(slices.Clone(quick), args...)...); err != nil {
			return nil, fmt.Errorf("deploy %s: %w", id, err)
		}
	}
	if err := st.check(); err != nil {
		return nil, err
	}
	return st, nil
}

func poolName(i int) string { return fmt.Sprintf("pool-%d", i) }

// urn is that of the first pool.
func (s *stack) urn() string {
	return "urn:pulumi:dev::" + s.id + "::localcloud:index:Pool::" + poolName(0)
}

// check counts the workers of each pool.
func (s *stack) check() error {
	for i, want := range s.expected {
		workers, err := s.workers(i)
		if err != nil {
			return err
		}
		if workers != want {
			return fmt.Errorf("%s: %s has %d workers and should have %d", s.id, poolName(i), workers, want)
		}
	}
	return nil
}

func (s *stack) workers(i int) (int, error) {
	workers, err := os.ReadDir(filepath.Join(s.dir, "cloud", poolName(i)))
	return len(workers), err
}

// counting makes a folder with a `pulumi` that notes what it is called with and runs the real one; the log is emptied.
func (l *lab) counting(id string) (front []string, log string, err error) {
	log = l.path(id + ".log")
	script := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$(printf '%%s ' \"$@\" | tr '\\n' ' ')\" >>'%s'\nexec '%s' \"$@\"\n",
		log, filepath.Join(l.tools, "bin", "pulumi"))
	dir := filepath.Join(l.path("counting"), id)
	return []string{dir}, log, errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "pulumi"), []byte(script), 0o755))
}

// calls are the commands of `pulumi` in such a log.
func calls(log string) ([]string, error) {
	text, err := os.ReadFile(log)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		out = append(out, command(strings.Fields(line)))
	}
	return out, err
}

// command is the command in the arguments of `pulumi`, such as "up" or "stack export": the words before and between the flags.
func command(args []string) string {
	var words []string
	for i, arg := range args {
		switch {
		case strings.HasPrefix(arg, "-") || i > 0 && slices.Contains([]string{"--color", "--stack"}, args[i-1]):
		case len(words) == 0:
			words = append(words, arg)
		case len(words) == 1 && (words[0] == "stack" || words[0] == "config"):
			words = append(words, arg)
		}
	}
	return strings.Join(words, " ")
}
