package stack

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/pulumiscale/pulumiscale/scale"
)

// configFile is a stack's configuration file, Pulumi.<stack>.yaml.
type configFile struct {
	path    string
	project *project
	// replacing, unless it is nil, is called just before the file is replaced.
	replacing func()
	// stateDir is the directory that takes note of a file that is written in its place; if it is empty, nobody takes
	// note.
	stateDir string
	// formerDir is where a version before took note of that; empty if there is no such place.
	formerDir string
}

// read returns the file's bytes; none if there is no file.
func (f configFile) read() ([]byte, error) {
	doc, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return doc, err
}

// values returns, by pool, what the working files say of each rule's key: the stack's file, else the project's default.
func (f configFile) values(rules scale.Rules) (map[string]*string, error) {
	doc, err := f.read()
	if err != nil {
		return nil, &scale.SetupError{Problem: "read " + f.path, Err: err}
	}
	var content struct {
		Config map[string]any `yaml:"config"`
	}
	if err := yaml.Unmarshal(doc, &content); err != nil {
		return nil, &scale.SetupError{Problem: "read " + f.path, Err: err, Hint: "mend the file, or check it out again"}
	}
	out := make(map[string]*string, len(rules))
	for name, rule := range rules {
		key, err := parseKey(string(f.project.Name), rule.ConfigKey, rule.ConfigPath)
		if err != nil {
			return nil, badKey(rule, err)
		}
		value := f.project.defaultValue(key)
		for _, spelling := range f.spellings(key) {
			if v, ok := content.Config[spelling]; ok {
				value = v
				break
			}
		}
		out[name] = key.lookup(value)
	}
	return out, nil
}

// badKey reports a key that the rules' own check let through and Pulumi's rules do not.
func badKey(rule scale.Rule, err error) error {
	return &scale.RulesError{Problems: []scale.Problem{{Pool: rule.Pool, Field: "configKey", Found: fmt.Sprintf("%q", rule.ConfigKey), Expected: err.Error()}}}
}

// spellings are the names under which a key may stand in the file: in full, bare in the project's own namespace, and in
// the old form.
func (f configFile) spellings(key configKey) []string {
	out := []string{key.name}
	namespace, name, _ := strings.Cut(key.name, ":")
	if namespace == string(f.project.Name) {
		out = append(out, name)
	}
	return append(out, namespace+":config:"+name)
}

// copyTo writes a private copy of the file for a change into a folder, readable by this user alone, for
// `--config-file`.
func (f configFile) copyTo(dir string, change scale.Change) error {
	edited, err := f.private(change)
	if err != nil {
		return err
	}
	return os.WriteFile(f.copyIn(dir), edited, 0o600)
}

// copyIn is the path of a private copy in a folder.
func (f configFile) copyIn(dir string) string { return filepath.Join(dir, filepath.Base(f.path)) }

// edit returns the document with the settings in it.
func (f configFile) edit(doc []byte, settings []scale.Setting) ([]byte, error) {
	if len(bytes.TrimSpace(doc)) == 0 && filepath.Ext(f.path) == ".json" && len(settings) > 0 {
		doc = []byte("{}\n")
	}
	for _, s := range settings {
		key, err := parseKey(string(f.project.Name), s.Key, s.Path)
		if err != nil {
			return nil, err
		}
		if doc, err = setValue(doc, f.spellings(key), key.path, s.Value); err != nil {
			return nil, fmt.Errorf("set config %q in %s: %w", s.Key, f.path, err)
		}
	}
	return doc, nil
}

// target is the file to which a link at the path leads: a link stays a link.
func (f configFile) target() string {
	if target, err := filepath.EvalSymlinks(f.path); err == nil {
		return target
	}
	return f.path
}

// formerWriting is where a version before has noted what it was writing in a file's place.
func (f configFile) formerWriting() string {
	if f.formerDir == "" {
		return ""
	}
	return filepath.Join(f.formerDir, "writing-"+filepath.Base(f.path)+".json")
}
