//go:build !windows

package files

import (
	"io/fs"
	"syscall"
)

// Inode returns a number that differs between a file and the file that it has replaced, even if both have the same
// time. It is zero if the system does not tell.
func Inode(file fs.FileInfo) uint64 {
	if status, ok := file.Sys().(*syscall.Stat_t); ok {
		return status.Ino
	}
	return 0
}
