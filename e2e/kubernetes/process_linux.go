package kubernetes

import (
	"os/exec"
	"syscall"
)

// endWithUs has the kernel kill a command when the thread that starts it ends: Go ends none before the process. The
// command gets a process group of its own, so that Ctrl-C on the tests does not reach it before its tests have ended.
func endWithUs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
