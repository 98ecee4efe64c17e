package files

import (
	"io/fs"
	"os"
)

// MayWrite says why a file cannot be written, without trying it, as far as its read-only attribute tells; nil if it can
// be.
func MayWrite(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() && info.Mode().Perm()&0o200 == 0 {
		return &fs.PathError{Op: "write", Path: path, Err: fs.ErrPermission}
	}
	return nil
}

// IsReplaceable is false: Windows replaces no read-only file.
func IsReplaceable(error) bool { return false }
