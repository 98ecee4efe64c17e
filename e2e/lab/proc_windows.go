package lab

import (
	"os/exec"
	"syscall"
)

// detach gives the server a process group of its own, because Ctrl-C must not reach its engine.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
