// Package lab makes places to measure in. A lab is a folder outside the repository, with a backend of its own. In a
// lab, the real engine deploys programs, and the built pulumiscale serves them. The benchmark, the soak, the hostile
// battery and the campaign with replicas use labs.
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

// Lab is a place to measure in. It is safe for concurrent use.
type Lab struct {
	root, tools, dir string
	env              []string
}

// New makes a lab for a target of the Makefile. The target must have built pulumiscale and the tools. root is the
// repository. tools is the folder with the pinned tools, absolute or relative to root. What runs in the lab cannot
// reach the user's own Pulumi settings.
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
		"PULUMI_NODEJS_TRANSPILE_ONLY=true", // the lab's programs have no type errors, and checking takes seconds
		// Debian's wrk needs a library that is among the pinned tools too.
		"LD_LIBRARY_PATH="+filepath.Join(tools, "debian", "usr", "lib", "x86_64-linux-gnu"))
	return l, nil
}

// Close removes the lab. What runs in it must have ended.
func (l *Lab) Close() error { return os.RemoveAll(l.dir) }

// With returns the same lab with further environment variables for what runs in it.
func (l *Lab) With(variables ...string) *Lab {
	other := *l
	other.env = slices.Concat(l.env, variables) // if a name occurs twice, its last value counts
	return &other
}

// Tools is the folder with the pinned tools.
func (l *Lab) Tools() string { return l.tools }

// Path returns the path of a file in the lab; without names, the path of the lab's folder.
func (l *Lab) Path(names ...string) string {
	return filepath.Join(slices.Concat([]string{l.dir}, names)...)
}

// Tool is the path of a pinned tool.
func (l *Lab) Tool(name string) string { return filepath.Join(l.tools, "bin", name) }

// Command returns a command that runs in a folder. Its program is looked for in the folders in front, then among what
// was built and the tools, and then on PATH. When ctx ends, the command is interrupted.
func (l *Lab) Command(ctx context.Context, dir string, front []string, args ...string) *exec.Cmd {
	own := []string{filepath.Join(l.root, "bin"), filepath.Join(l.tools, "bin"), filepath.Join(l.tools, "nodejs"), filepath.Join(l.tools, "debian", "usr", "bin")}
	path := slices.Concat(front, own, filepath.SplitList(os.Getenv("PATH")))
	cmd := exec.CommandContext(ctx, "/usr/bin/env", args...) // env finds the program on the new PATH
	cmd.Env = append(slices.Clone(l.env), "PATH="+strings.Join(path, string(os.PathListSeparator)))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Dir = dir
	return cmd
}

// Exec runs a command to its end, and returns its standard output. If the command fails, the error has all that the
// command printed.
func (l *Lab) Exec(ctx context.Context, dir string, front []string, args ...string) (string, error) {
	cmd := l.Command(ctx, dir, front, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String(), nil
}

// Has says whether the lab can run a program that some machines do not have.
func (l *Lab) Has(ctx context.Context, name string) bool {
	_, err := l.Exec(ctx, l.dir, nil, "sh", "-c", `command -v "$1"`, "sh", name)
	return err == nil
}
