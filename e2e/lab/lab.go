// Package lab is a place to measure in. It is a folder outside the repository with a backend of its own. In it programs
// are deployed on the real engine and served by the built pulumiscale. The benchmark, the soak and the hostile battery
// use it.
package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Passphrase is what the secrets of all programs are encrypted with.
const Passphrase = "lab-passphrase-9876543210"

// Lab is such a place. It is safe for concurrent use.
type Lab struct {
	root, tools, dir string
	env              []string
}

// New makes a lab for one of the Makefile's targets, which has built what is needed. tools is the folder with the
// pinned tools. If it is not absolute, it is in root, the repository. Nothing of the user's Pulumi is in reach of what
// runs in the lab.
func New(root, tools, target string) (*Lab, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(tools) {
		tools = filepath.Join(root, tools)
	}
	for _, name := range []string{filepath.Join(root, "bin", "pulumiscale"), filepath.Join(tools, "bin", "pulumi")} {
		if _, err := os.Stat(name); err != nil {
			return nil, fmt.Errorf("%w: run `make %s`", err, target)
		}
	}
	dir, err := os.MkdirTemp("", "pulumiscale-"+target+"-")
	if err != nil {
		return nil, err
	}
	l := &Lab{root: root, tools: tools, dir: dir}
	if err := errors.Join(os.Mkdir(l.Path("backend"), 0o755), os.Mkdir(l.Path("temp"), 0o755)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PULUMI") && !strings.HasPrefix(variable, "PATH=") && !strings.HasPrefix(variable, "TMPDIR=") {
			l.env = append(l.env, variable)
		}
	}
	l.env = append(l.env, "TMPDIR="+l.Path("temp"), "PULUMI_HOME="+l.Path("home"), "PULUMI_BACKEND_URL=file://"+l.Path("backend"),
		"PULUMI_CONFIG_PASSPHRASE="+Passphrase, "PULUMI_SKIP_UPDATE_CHECK=true", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true",
		"PULUMI_NODEJS_TRANSPILE_ONLY=true", // the types of programs here are right, and checking them takes seconds
		// Debian's wrk has a library beside it.
		"LD_LIBRARY_PATH="+filepath.Join(tools, "debian", "usr", "lib", "x86_64-linux-gnu"))
	return l, nil
}

// Close removes the lab. What runs in it must have ended.
func (l *Lab) Close() error { return os.RemoveAll(l.dir) }

// With is the same lab with other variables for what runs in it.
func (l *Lab) With(variables ...string) *Lab {
	other := *l
	other.env = slices.Concat(l.env, variables) // the last one of a name is what counts
	return &other
}

// Tools is the folder with the pinned tools.
func (l *Lab) Tools() string { return l.tools }

// Path is a file's path in the lab. Without names it is the lab's own.
func (l *Lab) Path(names ...string) string {
	return filepath.Join(slices.Concat([]string{l.dir}, names)...)
}

// Tool is the path of a pinned tool.
func (l *Lab) Tool(name string) string { return filepath.Join(l.tools, "bin", name) }

// Command is a command line in a folder. Its program is looked for first in the folders in front, and then among what
// was built. When ctx ends, the command is interrupted.
func (l *Lab) Command(ctx context.Context, dir string, front []string, args ...string) *exec.Cmd {
	own := []string{filepath.Join(l.root, "bin"), filepath.Join(l.tools, "bin"), filepath.Join(l.tools, "nodejs"), filepath.Join(l.tools, "debian", "usr", "bin")}
	path := slices.Concat(front, own, filepath.SplitList(os.Getenv("PATH")))
	cmd := exec.CommandContext(ctx, "/usr/bin/env", args...) // env finds the program on the new PATH
	cmd.Env = append(slices.Clone(l.env), "PATH="+strings.Join(path, string(os.PathListSeparator)))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Dir = dir
	return cmd
}

// Exec runs a command line to its end, and returns what it printed to its standard output. The error has all that it
// printed.
func (l *Lab) Exec(ctx context.Context, dir string, front []string, args ...string) (string, error) {
	cmd := l.Command(ctx, dir, front, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String(), nil
}

// Has says whether a program that is not everywhere can be run.
func (l *Lab) Has(ctx context.Context, name string) bool {
	_, err := l.Exec(ctx, l.dir, nil, "sh", "-c", `command -v "$1"`, "sh", name)
	return err == nil
}
