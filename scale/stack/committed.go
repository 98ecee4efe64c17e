package stack

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/configfile"
	"github.com/pulumiscale/pulumiscale/scale/stack/project"
)

var _ scale.CommitReader = (*Stack)(nil)

// committedFile is a configuration file as a commit has it.
type committedFile struct {
	path string
	text []byte
	file configfile.File
}

// CommittedFile finds the stack's configuration file among the files of a commit. The commit's own project file says
// where the configuration file is. read reads a file of the commit by its path; its error is [fs.ErrNotExist] if there
// is no such file.
func (s *Stack) CommittedFile(read func(path string) ([]byte, error)) (scale.CommittedFile, error) {
	here := s.project.Dir // the commit's files are not on disk; their paths are relative to this folder
	for _, name := range project.FileNames() {
		text, err := read(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		parsed, err := project.Parse(text, filepath.Join(here, name))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if parsed.Name != s.project.Name {
			return nil, fmt.Errorf("%s is that of project %s, and not of %s", name, parsed.Name, s.project.Name)
		}
		file := configfile.File{Path: parsed.ConfigFile(s.name), Project: parsed.Project}
		path, err := filepath.Rel(here, file.Path)
		if err != nil {
			return nil, err
		}
		found := &committedFile{path: filepath.ToSlash(path), file: file}
		if found.text, err = read(found.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return found, nil
	}
	return nil, errors.New("there is no Pulumi.yaml in the program's folder")
}

func (c *committedFile) Path() string { return c.path }

func (c *committedFile) Counts(rules scale.Rules) (map[string]*string, error) {
	return c.file.CountsIn(c.text, rules)
}

func (c *committedFile) Set(settings []scale.Setting) ([]byte, error) {
	return c.file.Edit(c.text, settings)
}
