package stack

import (
	"io/fs"
	"os"
)

// mayWrite says why a file cannot be written, without trying it, as far as its read-only attribute tells; nil if it can
// be.
func mayWrite(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() && info.Mode().Perm()&0o200 == 0 {
		return &fs.PathError{Op: "write", Path: path, Err: fs.ErrPermission}
	}
	return nil
}

// replaceable is false: Windows replaces no read-only file.
func replaceable(error) bool { return false }
