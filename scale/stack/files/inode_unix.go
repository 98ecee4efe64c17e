//go:build !windows

package files

import (
	"io/fs"
	"syscall"
)

// Inode tells a file from the one that it has replaced, even at the same moment; zero if the system does not tell.
func Inode(file fs.FileInfo) uint64 {
	if status, ok := file.Sys().(*syscall.Stat_t); ok {
		return status.Ino
	}
	return 0
}
