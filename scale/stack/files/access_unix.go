//go:build !windows

package files

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// MayWrite returns an error if a file or folder cannot be written, else nil. It does not try to write.
func MayWrite(path string) error {
	if err := unix.Access(path, unix.W_OK); err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}

// IsReplaceable says whether an error of [MayWrite] comes from the file's own mode alone, and not from its file system
// or an attribute. A new file can then take the file's place.
func IsReplaceable(err error) bool { return errors.Is(err, unix.EACCES) }
