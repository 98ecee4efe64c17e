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

// write puts the settings into the file as it is now, atomically. All else in it stays, byte for byte if possible, and
// so does what somebody else writes meanwhile.
func (f configFile) write(settings []scale.Setting) error {
	for {
		doc, err := f.read()
		if err != nil {
			return err
		}
		edited, err := f.edit(doc, settings)
		if err != nil || bytes.Equal(edited, doc) {
			return err
		}
		if written, err := f.replace(doc, edited); written || err != nil {
			return err
		}
	}
}

// replace puts other bytes in the place of the file's, unless these have changed meanwhile: it takes a while to bring
// the new ones to disk.
func (f configFile) replace(old, with []byte) (written bool, err error) {
	path := f.target()
	fresh, err := onDisk(filepath.Dir(path), with)
	defer func() { _ = os.Remove(fresh) }() // if all went well, it is not there any more
	if err != nil {
		return false, err
	}
	return f.take(fresh, path, old, with)
}

// onDisk makes a file in a folder with the text, for this user alone, and brings it to disk.
func onDisk(dir string, text []byte) (path string, err error) {
	file, err := os.CreateTemp(dir, ".pulumiscale-*")
	if err != nil {
		return "", err
	}
	return file.Name(), writeTo(file, text)
}

// writeTo writes the text to the file, brings it to disk and closes it.
func writeTo(file *os.File, text []byte) error {
	_, err := file.Write(text)
	return errors.Join(err, file.Sync(), file.Close())
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

// writable says early whether write will be able to change the file. Its folder must take new files. Either a new file
// must be able to become like the file, or it must be possible to write the file itself.
func (f configFile) writable() error {
	path := f.target()
	hint := "nothing was changed; give pulumiscale write access to the program's directory"
	probe, err := os.CreateTemp(filepath.Dir(path), ".pulumiscale-*")
	if err == nil {
		_ = probe.Close()
		if unlike := makeLike(probe.Name(), path); unlike != nil {
			if err = mayOverwrite(path); err != nil {
				err = fmt.Errorf("a new file cannot take its place, for %w, and %w", unlike, err)
				hint = "nothing was changed; run pulumiscale as the file's owner, or give it write access to the file"
			}
		}
		err = errors.Join(err, os.Remove(probe.Name()))
	}
	if err != nil {
		return &scale.SetupError{Problem: f.path + " cannot be written", Err: err, Hint: hint}
	}
	return nil
}

// mayOverwrite says why a file cannot be written in its place; nil if it can be.
func mayOverwrite(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return file.Close()
}
