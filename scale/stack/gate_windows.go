package stack

import (
	"errors"
	"os"
)

// gate cannot be had here: a process inherits no files, so every engine is started when its configuration is known.
type gate struct{}

func newGate(string) (*gate, error) { return nil, errors.ErrUnsupported }

func (*gate) open([]byte) error { return errors.ErrUnsupported }

func (*gate) files() []*os.File { return nil }

func (*gate) close() {}

func gated(string) bool { return false }
