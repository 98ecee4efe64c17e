// Package configfile handles a stack's configuration file, Pulumi.<stack>.yaml, as a document. It reads what the file
// holds, sets one key so that every other byte stays, replaces the file so that it keeps its owner, and makes the copy
// that an update gets. It asks neither the CLI nor the backend, decrypts nothing, and decides nothing about a count.
package configfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"go.yaml.in/yaml/v3"

	"github.com/pulumiscale/pulumiscale/scale"
)

// File is a stack's configuration file, Pulumi.<stack>.yaml.
type File struct {
	// Path is the file's path. The file need not be there.
	Path string
	// Project is the project's own file. It names the project, and gives keys a default.
	Project *workspace.Project
	// StateDir is the directory in which a note is kept while the file is overwritten in its place; if it is empty, no
	// note is kept.
	StateDir string
	// FormerDir is where an earlier version kept that note; empty if there is no such place.
	FormerDir string
	// replacing is called just before the file is replaced, unless it is nil.
	replacing func()
}

// Read returns the file's bytes; none if there is no file.
func (f File) Read() ([]byte, error) {
	doc, err := os.ReadFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return doc, err
}

// Counts returns, by pool, the value of each rule's key in the working files: the value in the stack's file, else the
// project's default. A value is nil if neither has one.
func (f File) Counts(rules scale.Rules) (map[string]*string, error) {
	doc, err := f.Read()
	if err != nil {
		return nil, &scale.SetupError{Problem: "cannot read " + f.Path, Err: err}
	}
	return f.CountsIn(doc, rules)
}

// CountsIn is Counts for doc, a different version of the file.
func (f File) CountsIn(doc []byte, rules scale.Rules) (map[string]*string, error) {
	var content struct {
		Config map[string]any `yaml:"config"`
	}
	if err := yaml.Unmarshal(doc, &content); err != nil {
		return nil, &scale.SetupError{Problem: "cannot read " + f.Path, Err: err, Hint: "fix the file, or check it out again"}
	}
	out := make(map[string]*string, len(rules))
	for name, rule := range rules {
		key, err := ParseKey(string(f.Project.Name), rule.ConfigKey, rule.ConfigPath)
		if err != nil {
			return nil, BadKey(rule, err)
		}
		value := defaultValue(f.Project, key)
		for _, spelling := range f.spellings(key) {
			if v, ok := content.Config[spelling]; ok {
				value = v
				break
			}
		}
		out[name] = key.Lookup(value)
	}
	return out, nil
}

// spellings returns the names under which a key may stand in the file: in full, bare in the project's own namespace,
// and in the old form.
func (f File) spellings(key Key) []string {
	out := []string{key.Name}
	namespace, name, _ := strings.Cut(key.Name, ":")
	if namespace == string(f.Project.Name) {
		out = append(out, name)
	}
	return append(out, namespace+":config:"+name)
}

// CopyTo writes into a folder a private copy of the file, as the change needs it, for `--config-file`. Only this user
// can read the copy.
func (f File) CopyTo(dir string, change scale.Change) error {
	edited, err := f.ForChange(change)
	if err != nil {
		return err
	}
	return os.WriteFile(f.CopyIn(dir), edited, 0o600)
}

// CopyIn is the path of a private copy in a folder.
func (f File) CopyIn(dir string) string { return filepath.Join(dir, filepath.Base(f.Path)) }

// Edit returns doc, a different version of the file, with the settings in it and every other byte as it is. It fails as
// [File.Write] does.
func (f File) Edit(doc []byte, settings []scale.Setting) ([]byte, error) {
	return f.edit(doc, settings)
}

// edit returns the document with the settings in it.
func (f File) edit(doc []byte, settings []scale.Setting) ([]byte, error) {
	if len(bytes.TrimSpace(doc)) == 0 && filepath.Ext(f.Path) == ".json" && len(settings) > 0 {
		doc = []byte("{}\n")
	}
	for _, s := range settings {
		key, err := ParseKey(string(f.Project.Name), s.Key, s.Path)
		if err != nil {
			return nil, err
		}
		if doc, err = setValue(doc, f.spellings(key), key.Path, s.Value); err != nil {
			return nil, fmt.Errorf("set config %q in %s: %w", s.Key, f.Path, err)
		}
	}
	return doc, nil
}

// Target returns the file to which Path leads if it is a link, else Path. Writing to the target leaves the link a link.
func (f File) Target() string {
	if target, err := filepath.EvalSymlinks(f.Path); err == nil {
		return target
	}
	return f.Path
}

// formerWriting is the note that an earlier version kept while it overwrote the file; empty if there is no place for
// it.
func (f File) formerWriting() string {
	if f.FormerDir == "" {
		return ""
	}
	return filepath.Join(f.FormerDir, "writing-"+filepath.Base(f.Path)+".json")
}

// MaySet says whether a key may have a value, as far as the files tell. It does not ask the CLI, whose start takes most
// of a second. It returns false if the stack's file is there and imports no environment, and no file gives the key a
// value.
func (f File) MaySet(name string) bool {
	key, err := ParseKey(string(f.Project.Name), name, false)
	if err != nil || defaultValue(f.Project, key) != nil {
		return true
	}
	doc, err := f.Read()
	if err != nil || doc == nil { // without a file, the service may keep the configuration
		return true
	}
	var content struct {
		Config      map[string]yaml.Node `yaml:"config"`
		Environment yaml.Node            `yaml:"environment"`
	}
	if yaml.Unmarshal(doc, &content) != nil || !content.Environment.IsZero() {
		return true
	}
	for _, spelling := range f.spellings(key) {
		if _, ok := content.Config[spelling]; ok {
			return true
		}
	}
	return false
}

// defaultValue returns the value that the project file itself gives a key, for every stack that sets none; nil if it
// gives none.
func defaultValue(p *workspace.Project, key Key) any {
	for name, declared := range p.Config {
		if !strings.Contains(name, ":") {
			name = string(p.Name) + ":" + name
		}
		if name != key.Name {
			continue
		}
		if declared.Value != nil {
			return declared.Value
		}
		return declared.Default
	}
	return nil
}
