//go:build !windows

package stack

import (
	"io/fs"
	"syscall"
)

// inode tells a file from the one that it has replaced, even at the same moment; zero if the system does not tell.
func inode(file fs.FileInfo) uint64 {
	if status, ok := file.Sys().(*syscall.Stat_t); ok {
		return status.Ino
	}
	return 0
}
