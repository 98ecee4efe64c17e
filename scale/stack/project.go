package stack

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/pulumiscale/pulumiscale/scale"
)

// project is a Pulumi program's directory.
type project struct {
	dir, path string
	*workspace.Project
}

// findProject finds the project that the directory is in.
func findProject(dir string) (*project, error) {
	if dir == "" {
		dir = "."
	}
	abs, err := goingTo(dir)
	if err == nil {
		_, err = os.Stat(abs)
	}
	if err != nil {
		return nil, &scale.SetupError{Problem: "the directory " + dir + " cannot be read", Err: err,
			Hint: "name a Pulumi program's directory with --cwd"}
	}
	path, err := workspace.DetectProjectPathFrom(abs)
	if errors.Is(err, workspace.ErrProjectNotFound) {
		return nil, &scale.SetupError{Problem: "no Pulumi.yaml in " + abs + " or above it",
			Hint: "run pulumiscale in a Pulumi program's directory, or name it with --cwd"}
	}
	if err != nil {
		return nil, &scale.SetupError{Problem: "find the Pulumi project", Err: err}
	}
	loaded, err := workspace.LoadProject(path)
	if err != nil {
		return nil, &scale.SetupError{Problem: "read " + path, Err: err, Hint: "`pulumi preview` tells more about the project file"}
	}
	return &project{dir: filepath.Dir(path), path: path, Project: loaded}, nil
}

// goingTo is where `pulumi --cwd DIR` believes itself to be: $PWD if that leads to the directory, as after a shell's
// `cd`, else the path without links. The CLI looks for the project from there upwards, and uses that path to keep which
// stack is selected.
func goingTo(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil || dir == "." || runtime.GOOS == "windows" {
		return abs, err
	}
	if here, err := os.Getwd(); err == nil && sameFile(here, abs) {
		return here, nil
	}
	if resolved, err := filepath.EvalSymlinks(abs); err == nil {
		return resolved, nil
	}
	return abs, nil // the directory is not there
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// configFile is the path of a stack's configuration file. It bears the stack's own name, without organisation and
// project.
func (p *project) configFile(stack string) string {
	name := stack[strings.LastIndex(stack, "/")+1:]
	return workspace.ProjectStackPath(p.path, p.Project, tokens.QName(name))
}
