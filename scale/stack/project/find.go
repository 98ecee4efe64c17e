// Package project reads what the files and the environment tell of a Pulumi program's directory, without the CLI: the
// project file, the language, the commit, the backend, the selected stack. It starts no process and changes nothing.
// Where only the CLI can tell, it says that nothing is known.
package project

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/encoding"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/gitutil"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"go.yaml.in/yaml/v3"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Project is a Pulumi program's directory.
type Project struct {
	// Dir is the directory, and Path its project file. Both are absolute.
	Dir, Path string
	*workspace.Project
}

// Find finds the project that the directory is in.
func Find(dir string) (*Project, error) {
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
		return nil, &scale.SetupError{Problem: "cannot find the Pulumi project", Err: err}
	}
	loaded, err := load(path)
	if err != nil {
		return nil, &scale.SetupError{Problem: "cannot read " + path, Err: err, Hint: "`pulumi preview` tells more about the project file"}
	}
	return &Project{Dir: filepath.Dir(path), Path: path, Project: loaded}, nil
}

// FileNames are the names that a project file may have.
func FileNames() []string { return []string{"Pulumi.yaml", "Pulumi.yml", "Pulumi.json"} }

// Parse reads a project from the text of its project file. The path says in which language the text is, and in which
// folder the project is. Parse reads nothing from disk.
func Parse(text []byte, path string) (*Project, error) {
	loaded, err := parse(text, path)
	if err != nil {
		return nil, err
	}
	return &Project{Dir: filepath.Dir(path), Path: path, Project: loaded}, nil
}

// load reads a project file. The project file of a YAML program has the program in it. load leaves the program out:
// nobody needs it here, and Pulumi's reader takes a fifth of a millisecond to check each resource.
func load(path string) (*workspace.Project, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return workspace.LoadProject(path) // it says what is wrong
	}
	return parse(text, path)
}

func parse(text []byte, path string) (*workspace.Project, error) {
	if filepath.Ext(path) == ".json" {
		return workspace.LoadProjectBytes(text, path, encoding.JSON)
	}
	var file map[string]yaml.Node
	if yaml.Unmarshal(text, &file) != nil {
		return workspace.LoadProjectBytes(text, path, encoding.YAML) // it says where the mistake is
	}
	for _, part := range program() {
		delete(file, part)
	}
	if less, err := yaml.Marshal(file); err == nil {
		if loaded, err := workspace.LoadProjectBytes(less, path, encoding.YAML); err == nil {
			return loaded, nil
		}
	}
	return workspace.LoadProjectBytes(text, path, encoding.YAML) // what is left may refer to what was left out
}

// program lists the parts of a project file that make up a YAML program.
func program() []string { return []string{"resources", "variables", "outputs", "components"} }

// goingTo returns the directory in which `pulumi --cwd DIR` believes itself to be: $PWD if that leads to the directory,
// as after a shell's `cd`, else the path without links. The CLI looks for the project from that directory upwards, and
// keeps the selected stack under the path that it finds.
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

// ConfigFile returns the path of a stack's configuration file. Its name has the stack's own name, without organisation
// and project.
func (p *Project) ConfigFile(stack string) string {
	name := stack[strings.LastIndex(stack, "/")+1:]
	return workspace.ProjectStackPath(p.Path, p.Project, tokens.QName(name))
}

// IsConfigFile says whether a file has the name of a stack's configuration file, for any stack.
func IsConfigFile(name string) bool {
	stack, isConfig := strings.CutPrefix(name, "Pulumi.")
	return isConfig && strings.Contains(stack, ".")
}

// Commit returns the commit that the program's directory is at; empty outside of a repository, and if the commit cannot
// be told.
func (p *Project) Commit() string {
	repository, err := gitutil.GetGitRepository(p.Dir)
	if err != nil || repository == nil {
		return ""
	}
	defer func() { _ = repository.Close() }()
	head, err := repository.Head()
	if err != nil {
		return ""
	}
	return head.Hash().String()
}
