//go:build !windows

package stack

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// detach puts the process into a group of its own, so that a Ctrl-C in the terminal reaches PulumiScale alone, which decides what
// becomes of a running update.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// interrupt asks the process to end gently, as Ctrl-C in a terminal would.
func interrupt(p *os.Process) error { return p.Signal(os.Interrupt) }

// alive says whether a process with the id runs on this machine.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
