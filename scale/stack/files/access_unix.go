//go:build !windows

package files

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// MayWrite says why a file or folder cannot be written, without trying it; nil if it can be.
func MayWrite(path string) error {
	if err := unix.Access(path, unix.W_OK); err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}

// IsReplaceable says whether it is only the file's own mode that keeps it from being written, and not its file system
// or an attribute: then another file can take its place.
func IsReplaceable(err error) bool { return errors.Is(err, unix.EACCES) }
