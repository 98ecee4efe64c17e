//go:build windows

package process

import (
	"os"
	"os/exec"
	"syscall"

	"github.com/iwdgo/sigintwindows"
)

// Detach puts the process into a group of its own. So a Ctrl-C in the terminal reaches PulumiScale alone, which decides
// what becomes of a running update.
func Detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// Tie does nothing: a process inherits no file here, so [IsTied] looks at the process's number.
func Tie(*exec.Cmd, string) (untie func(), err error) { return func() {}, nil }

// IsTied says whether the process runs.
func IsTied(_ string, pid int) bool { return pid != 0 && IsAlive(pid) }

// Interrupt asks the process to end gently, as the Automation API does on Windows.
func Interrupt(p *os.Process) error { return sigintwindows.SendCtrlBreak(p.Pid) }

// Kill ends the process at once.
func Kill(p *os.Process) { _ = p.Kill() }

// IsAlive says whether a process with the id runs on this machine.
func IsAlive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	_ = p.Release()
	return true
}

// Pause does nothing: Windows cannot stop a process for a while. If an engine works on something other than what was
// decided on, the interrupt then comes a little later.
func Pause(*os.Process) {}

// Resume does nothing.
func Resume(*os.Process) {}
