// Package fleet keeps many stacks open in one process. It reads the list of the stacks from a file, and opens each
// stack by itself. If that fails, it tries again.
package fleet

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/yamlfile"
)

// File is what a fleet's file says.
type File struct {
	// TokenFile is the path of the file with the fleet's token.
	TokenFile string `yaml:"tokenFile"`
	Stacks    []Entry
}

// Entry is a stack of a fleet.
type Entry struct {
	// Name is what the stack is called in addresses, metrics and logs.
	Name string
	// Dir is the program's directory. If it is empty, Git is the address of the program's repository, and Path the
	// program's folder there.
	Dir, Git, Path string
	// Stack is the stack's name in Pulumi.
	Stack string
}

// place returns where a stack is, as far as the entry tells.
func (e Entry) place() string {
	if e.Dir != "" {
		return filepath.Clean(e.Dir) + " " + e.Stack
	}
	return e.Git + "//" + path.Join("/", e.Path) + " " + e.Stack
}

// longestName is the greatest length of a stack's name in a fleet, in characters: the greatest length of a label in
// DNS.
const longestName = 63

var nameForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)

// Read reads a fleet's file. Relative paths in it begin at the file's folder. The error is a [*scale.UsageError], which
// names every mistake in the file, or a [*scale.SetupError] if the file cannot be read.
func Read(file string) (*File, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, &scale.SetupError{Problem: "cannot read the fleet's file", Err: err, Hint: "docs/fleet.md has an example of one"}
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, &scale.SetupError{Problem: "cannot find the folder of the fleet's file", Err: err}
	}
	out, mistakes := parse(text)
	if len(mistakes) > 0 {
		return nil, &scale.UsageError{Field: file, Problem: strings.Join(mistakes, "; "), Hint: "docs/fleet.md has an example of such a file"}
	}
	from := func(path string) string {
		if path == "" || filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(dir, filepath.FromSlash(path))
	}
	out.TokenFile = from(out.TokenFile)
	for i := range out.Stacks {
		out.Stacks[i].Dir = from(out.Stacks[i].Dir)
	}
	return out, nil
}

// parse reads a fleet's file, and returns all mistakes in it.
func parse(text []byte) (*File, []string) {
	var out File
	mistakes := yamlfile.Decode(text, &out)
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	if out.TokenFile == "" {
		mistakes = append(mistakes, "tokenFile: is missing: it is the path of a file with the token for all of the fleet, as `openssl rand -hex 32` writes one")
	}
	if len(out.Stacks) == 0 {
		mistakes = append(mistakes, "stacks: is missing or empty: it is the list of the stacks, each with name, dir or git, and stack")
	}
	names, places := map[string]int{}, map[string]string{}
	for i, e := range out.Stacks {
		at := fmt.Sprintf("stacks[%d]", i)
		if e.Name != "" {
			at += " (" + e.Name + ")"
		}
		for _, mistake := range e.mistakes() {
			mistakes = append(mistakes, at+": "+mistake)
		}
		// Some programs that read the names treat two names that differ only in case as the same name.
		if key := strings.ToLower(e.Name); key != "" {
			if first, ok := names[key]; ok {
				mistakes = append(mistakes, fmt.Sprintf("%s: name: is that of stacks[%d] already", at, first))
			} else {
				names[key] = i
			}
		}
		if other, ok := places[e.place()]; ok && e.Stack != "" {
			mistakes = append(mistakes, fmt.Sprintf("%s: is the same stack as %s", at, other))
		} else {
			places[e.place()] = at
		}
	}
	return &out, mistakes
}

func (e Entry) mistakes() []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	switch {
	case e.Name == "":
		say("name: is missing: it is what stands in addresses, as in /stacks/NAME")
	case len(e.Name) > longestName || !nameForm.MatchString(e.Name):
		say("name: must be letters, digits, '.', '_' and '-', at most %d, and begin and end with a letter or digit, not %q", longestName, e.Name)
	}
	switch {
	case e.Dir == "" && e.Git == "":
		say("dir, git: one of them must say where the program is")
	case e.Dir != "" && e.Git != "":
		say("dir, git: only one of them can be given")
	case e.Git == "" && e.Path != "":
		say("path: is the program's folder in the repository of git, which is not given")
	case !filepath.IsLocal(filepath.FromSlash(path.Join(".", e.Path))):
		say("path: must be a folder inside the repository, not %q", e.Path)
	}
	if e.Stack == "" {
		say("stack: is missing: in a fleet no stack is selected")
	}
	return out
}
