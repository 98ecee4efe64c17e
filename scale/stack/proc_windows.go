//go:build windows

package stack

import (
	"os"
	"os/exec"
	"syscall"

	"github.com/iwdgo/sigintwindows"
)

// detach puts the process into a group of its own. So a Ctrl-C in the terminal reaches PulumiScale alone, which decides
// what becomes of a running update.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// tie does nothing: a process inherits no file here, and its number must do.
func tie(*exec.Cmd, string) (untie func(), err error) { return func() {}, nil }

// tied says whether the process runs.
func tied(_ string, pid int) bool { return pid != 0 && alive(pid) }

// interrupt asks the process to end gently, as the Automation API does on Windows.
func interrupt(p *os.Process) error { return sigintwindows.SendCtrlBreak(p.Pid) }

// kill ends the process at once.
func kill(p *os.Process) { _ = p.Kill() }

// alive says whether a process with the id runs on this machine.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	_ = p.Release()
	return true
}

// pause and resume do nothing: Windows cannot stop a process for a while. An engine that has begun on something other
// than what was decided on is then interrupted a little later.
func pause(*os.Process) {}

func resume(*os.Process) {}
