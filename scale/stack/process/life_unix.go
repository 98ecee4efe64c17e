//go:build !windows

package process

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// Detach puts the process into a group of its own. So a Ctrl-C in the terminal reaches PulumiScale alone, which decides
// what becomes of a running update.
func Detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// Tie locks a file for the process that cmd is about to start. The process inherits the open file, as do the plugins
// that it starts. The lock lasts as long as one of them lives, even if PulumiScale dies. untie closes the file in
// PulumiScale alone.
func Tie(cmd *exec.Cmd, path string) (untie func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		_ = file.Close()
		return nil, err
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, file)
	return func() { _ = file.Close() }, nil
}

// IsTied says whether a process that the file was locked for, or one that it started, still runs. It does not look at
// the number of the process, which may be a different process's by now.
func IsTied(path string, _ int) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	return errors.Is(syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// Interrupt asks the process to end gently, as Ctrl-C in a terminal would.
func Interrupt(p *os.Process) error { return p.Signal(os.Interrupt) }

// Pause makes the process wait, but not the processes that it has started, and Resume lets it go on. If PulumiScale
// dies meanwhile, the system ends the wait: it sends a hangup to a stopped process group that has lost its parent, and
// lets it go on.
func Pause(p *os.Process) { _ = p.Signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func Resume(p *os.Process) { _ = p.Signal(syscall.SIGCONT) }

// Kill ends the process, and what it has started, at once.
func Kill(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

// IsAlive says whether a process with the id runs on this machine. A process that has ended does not run, even if its
// parent has not asked for its exit status: in a container there may be nobody who ever asks.
func IsAlive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return (err == nil || errors.Is(err, syscall.EPERM)) && !isZombie(pid)
}
