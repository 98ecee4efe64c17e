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
	"time"
)

// initial is the size of the pool in the round that counts processes; the measured rounds go on with 3, 4, 3 and so on.
const initial = 4

// lab is a place outside the repository with a backend and a program for each way.
type lab struct {
	root, dir string
	env       []string
}

func newLab(root string) (*lab, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"bin/pulumiscale", ".tools/bin/pulumi"} {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			return nil, fmt.Errorf("%w: run `make bench`", err)
		}
	}
	dir, err := os.MkdirTemp("", "pulumiscale-bench-")
	if err != nil {
		return nil, err
	}
	l := &lab{root: root, dir: dir}
	if err := errors.Join(os.Mkdir(l.path("state"), 0o755), os.Mkdir(l.path("counting"), 0o755)); err != nil {
		l.close()
		return nil, err
	}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PULUMI") && !strings.HasPrefix(variable, "PATH=") {
			l.env = append(l.env, variable)
		}
	}
	l.env = append(l.env, "PULUMI_HOME="+l.path("home"), "PULUMI_BACKEND_URL=file://"+l.path("state"),
		"PULUMI_CONFIG_PASSPHRASE=bench", "PULUMI_SKIP_UPDATE_CHECK=true", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true")
	return l, nil
}

func (l *lab) close() { _ = os.RemoveAll(l.dir) }

func (l *lab) path(name string) string { return filepath.Join(l.dir, name) }

// program is the folder of a way's program.
func (l *lab) program(w way) string { return l.path(w.id) }

// exec runs a command line in a way's program, with the folders in front on PATH, and returns what it printed.
func (l *lab) exec(ctx context.Context, w way, front []string, args ...string) (string, error) {
	path := slices.Concat(front, []string{filepath.Join(l.root, "bin"), filepath.Join(l.root, ".tools", "bin"), os.Getenv("PATH")})
	// env finds the program on the new PATH.
	cmd := exec.CommandContext(ctx, "/usr/bin/env", args...)
	cmd.Env = append(slices.Clone(l.env), "PATH="+strings.Join(path, string(os.PathListSeparator)))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Dir = l.program(w)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String(), nil
}

// deploy makes the program of a way, under a project name of its own, and deploys it.
func (l *lab) deploy(ctx context.Context, w way) error {
	from := filepath.Join(l.root, "examples", "worker-pool")
	if err := os.Mkdir(l.program(w), 0o755); err != nil {
		return err
	}
	for _, name := range []string{"Pulumi.yaml", "Pulumi.dev.yaml"} {
		text, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return err
		}
		renamed := strings.ReplaceAll(string(text), "name: worker-pool\nruntime", "name: "+w.id+"\nruntime")
		renamed = strings.ReplaceAll(renamed, "worker-pool:workerCount", w.id+":workerCount")
		if err := os.WriteFile(filepath.Join(l.program(w), name), []byte(renamed), 0o644); err != nil {
			return err
		}
	}
	if _, err := l.exec(ctx, w, nil, "pulumi", "stack", "init", "dev", "--non-interactive"); err != nil {
		return err
	}
	_, err := l.exec(ctx, w, nil, "pulumi", "up", "--yes", "--skip-preview", "--non-interactive")
	return err
}

// time runs a way once with the real engine, and returns how long it took.
func (l *lab) time(ctx context.Context, w way, count int) (time.Duration, error) {
	start := time.Now()
	_, err := l.exec(ctx, w, nil, w.args(count)...)
	took := time.Since(start)
	if err != nil {
		return 0, err
	}
	return took, l.check(w, count)
}

// count runs a way once with a `pulumi` that notes what it is called with, and returns how many there were, and how many updates.
func (l *lab) count(ctx context.Context, w way) (processes, updates int, err error) {
	log := l.path(w.id + ".log")
	script := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$(printf '%%s ' \"$@\" | tr '\\n' ' ')\" >>'%s'\nexec '%s' \"$@\"\n",
		log, filepath.Join(l.root, ".tools", "bin", "pulumi"))
	if err := os.WriteFile(filepath.Join(l.path("counting"), "pulumi"), []byte(script), 0o755); err != nil {
		return 0, 0, err
	}
	if _, err := l.exec(ctx, w, []string{l.path("counting")}, w.args(initial)...); err != nil {
		return 0, 0, err
	}
	if err := l.check(w, initial); err != nil {
		return 0, 0, err
	}
	text, err := os.ReadFile(log)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	for line := range strings.Lines(string(text)) {
		processes++
		if command(strings.Fields(line)) == "up" {
			updates++
		}
	}
	return processes, updates, err
}

// command is the command in the arguments of `pulumi`: the first that is no flag, nor a flag's value.
func command(args []string) string {
	for i, arg := range args {
		if !strings.HasPrefix(arg, "-") && (i == 0 || args[i-1] != "--color") {
			return arg
		}
	}
	return ""
}

// check counts the workers of a way that scales.
func (l *lab) check(w way, count int) error {
	if !w.scales {
		return nil
	}
	workers, err := os.ReadDir(filepath.Join(l.program(w), "cloud", "worker-pool"))
	if err == nil && len(workers) != count {
		err = fmt.Errorf("there are %d workers and should be %d", len(workers), count)
	}
	return err
}
