//go:build !windows

package files

import (
	"os"
	"syscall"
)

// GiveToOwnerOf gives a file to the owner of the other file if this process runs as root. Otherwise it does nothing.
func GiveToOwnerOf(file, other string) {
	info, err := os.Stat(other)
	if err != nil || os.Geteuid() != 0 {
		return
	}
	if status, ok := info.Sys().(*syscall.Stat_t); ok {
		_ = os.Chown(file, int(status.Uid), int(status.Gid))
	}
}
