//go:build !windows

package backend

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// somebody is the id of a user who owns nothing else. PostgreSQL runs as this user, since it refuses to run as root.
const somebody = 65534

// asSomebody has a command run as the user somebody, if the tests run as root. The command gets a process group of its
// own: a Ctrl-C on the tests must not reach a server before the tests have ended.
func asSomebody(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: somebody, Gid: somebody}
		cmd.Dir = "/"
	}
}

// giveAway gives files and their folder to the user somebody, and lets this user reach the folder. It does nothing
// unless the tests run as root.
func giveAway(dir string, files ...string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, path := range append(files, dir) {
		if err := os.Chown(path, somebody, somebody); err != nil {
			return err
		}
	}
	for parent := filepath.Dir(dir); parent != filepath.Dir(parent); parent = filepath.Dir(parent) {
		info, err := os.Stat(parent)
		if err != nil {
			return err
		}
		if mode := info.Mode().Perm(); mode&0o001 == 0 {
			if err := os.Chmod(parent, mode|0o011); err != nil {
				return err
			}
		}
	}
	return nil
}
