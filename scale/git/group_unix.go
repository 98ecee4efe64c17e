//go:build !windows

package git

import (
	"os/exec"
	"syscall"
)

// separate gives a command a session of its own: a group of processes that can be ended as one, and no terminal on
// which anything could ask for a password. The end of the command's context asks the group to end.
func separate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}

// endGroup ends what is left of a command's group, such as a transport that does not heed a request.
func endGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}

// shell is the machine's shell, for a command that a person wrote.
func shell(command string) (name string, args []string) { return "sh", []string{"-c", command} }
