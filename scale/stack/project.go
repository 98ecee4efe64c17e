package stack

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/encoding"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"go.yaml.in/yaml/v3"

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
	loaded, err := loadProject(path)
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

// loadProject reads a project's file as the CLI does. If the file also holds the program, which may be thousands of
// resources, it does not look at the program: checking it takes the SDK longer than anything else that PulumiScale
// does.
func loadProject(path string) (*workspace.Project, error) {
	if filepath.Ext(path) == ".yaml" {
		if text, err := withoutProgram(path); err == nil {
			if loaded, err := workspace.LoadProjectBytes(text, path, encoding.YAML); err == nil {
				return loaded, nil
			}
		}
	}
	return workspace.LoadProject(path) // it says what is wrong
}

// withoutProgram is a project's file without the program of the YAML language.
func withoutProgram(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var sections map[string]yaml.Node
	if err := yaml.Unmarshal(cutProgram(text), &sections); err != nil {
		return nil, err
	}
	for _, name := range programSections() {
		delete(sections, name)
	}
	return yaml.Marshal(sections)
}

func programSections() []string { return []string{"resources", "variables", "outputs"} }

// cutProgram takes the blocks of the program out of a project's file if it is plain to see where they begin and end: at
// a line that is not indented, as long as no quotes and no brackets reach over the end of any line. Otherwise it leaves
// the file as it is.
func cutProgram(text []byte) []byte {
	var out bytes.Buffer
	inProgram := false
	for line := range bytes.Lines(text) {
		if !closed(line) {
			return text
		}
		if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 && trimmed[0] != '#' && line[0] != ' ' && line[0] != '\t' {
			name, isBlock := bytes.CutSuffix(trimmed, []byte(":"))
			inProgram = isBlock && slices.Contains(programSections(), string(name))
		}
		if !inProgram {
			out.Write(line)
		}
	}
	return out.Bytes()
}

// closed says whether all quotes and brackets of a line are closed in it, as far as their numbers tell.
func closed(line []byte) bool {
	count := func(c string) int { return bytes.Count(line, []byte(c)) }
	return count(`"`)%2 == 0 && count(`'`)%2 == 0 && count("{") == count("}") && count("[") == count("]") //nolint:mnd // in pairs
}

// configFile is the path of a stack's configuration file. It bears the stack's own name, without organisation and
// project.
func (p *project) configFile(stack string) string {
	name := stack[strings.LastIndex(stack, "/")+1:]
	return workspace.ProjectStackPath(p.path, p.Project, tokens.QName(name))
}

// defaultValue is the value that the project file itself gives a key, for every stack that sets none.
func (p *project) defaultValue(key configKey) any {
	for name, declared := range p.Config {
		if !strings.Contains(name, ":") {
			name = string(p.Name) + ":" + name
		}
		if name != key.name {
			continue
		}
		if declared.Value != nil {
			return declared.Value
		}
		return declared.Default
	}
	return nil
}
