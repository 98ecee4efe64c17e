package process

import (
	"errors"
	"os"
)

// Gate does not exist on Windows: a process inherits no files, so every engine is started only when its configuration
// is known.
type Gate struct{}

// NewGate makes no gate.
func NewGate(string) (*Gate, error) { return nil, errors.ErrUnsupported }

// Open always fails, because there is no gate.
func (*Gate) Open([]byte) error { return errors.ErrUnsupported }

// Files returns no files.
func (*Gate) Files() []*os.File { return nil }

// Close does nothing.
func (*Gate) Close() {}

// IsGate returns false.
func IsGate(string) bool { return false }
