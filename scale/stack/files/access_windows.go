package files

import (
	"io/fs"
	"os"
)

// MayWrite returns an error if a file cannot be written, as far as its read-only attribute tells, else nil. It does not
// try to write.
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

// IsReplaceable returns false: Windows replaces no read-only file.
func IsReplaceable(error) bool { return false }
