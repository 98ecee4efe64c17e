//go:build !windows

package process

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// Gate stands in the place of the configuration file of an engine that is started before its configuration is known.
// The gate is a link to a pipe that the engine inherits. The engine reads from the pipe and waits. It first gets the
// beginning of a YAML document, which is not valid without the rest. So an engine whose gate is never opened, because
// PulumiScale has died, ends by itself with an error before it has done anything.
type Gate struct {
	path string
	// in is the end that the engine inherits, as its first extra file; out is the end that we write to.
	in, out *os.File
}

const (
	unfinished = "%YAML 1.1\n"
	finish     = "---\n"
	// inherited is the engine's own name for its first extra file.
	inherited = "/dev/fd/3"
	// mostGated is the longest text, in bytes, that goes through a gate. That is more than any configuration has, and
	// less than a pipe takes at once.
	mostGated = 32 << 10
)

var errUngated = errors.New("the configuration cannot be handed over through a pipe")

// NewGate makes a closed gate at a path.
func NewGate(path string) (*Gate, error) {
	if _, err := os.Stat(filepath.Dir(inherited)); err != nil {
		return nil, err // a system without such a folder, such as a sandbox
	}
	in, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	g := &Gate{path: path, in: in, out: out}
	if _, err = out.WriteString(unfinished); err == nil {
		err = os.Symlink(inherited, path)
	}
	if err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

// IsGate says whether the file with an engine's configuration is a closed gate.
func IsGate(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&os.ModeSymlink != 0
}

// Open gives the engine its configuration. It returns an error if the configuration cannot go through the pipe.
func (g *Gate) Open(config []byte) error {
	text := append([]byte(unfinished+finish), config...)
	if len(text) > mostGated || !sameYAML(text, config) {
		return errUngated
	}
	// Whoever opens the path from now on finds an ordinary file.
	file := filepath.Join(filepath.Dir(g.path), "config")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return err
	}
	if err := os.Rename(file, g.path); err != nil {
		return err
	}
	_, err := g.out.Write(text[len(unfinished):])
	g.Close()
	return err
}

// sameYAML says whether two texts are one and the same YAML document. A configuration that begins with a marker or a
// directive of its own becomes a different document when it follows the beginning that the gate has written.
func sameYAML(a, b []byte) bool {
	var first, second any
	return yaml.Unmarshal(a, &first) == nil && yaml.Unmarshal(b, &second) == nil && reflect.DeepEqual(first, second)
}

// Files returns the files that the engine inherits.
func (g *Gate) Files() []*os.File { return []*os.File{g.in} }

// Close ends an engine that still waits for its configuration.
func (g *Gate) Close() {
	_ = g.in.Close()
	_ = g.out.Close()
}
