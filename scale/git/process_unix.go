//go:build !windows

package git

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// separate gives a command a session of its own: a group of processes that can be ended as one, and no terminal on
// which anything could ask for a password. The end of the command's context asks the group to end.
func separate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}

// endGroup kills what is left of a command's group, such as a transport that ignores the request to end.
func endGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}

// shell is the machine's shell, for a command that a person wrote.
func shell(command string) (name string, args []string) { return "sh", []string{"-c", command} }

// takeChildren locks a file, which the processes started under the lock inherit. The system keeps the file locked as
// long as one of these processes lives, even if the process that started them is killed. If they outlive the timeout,
// takeChildren replaces the file, and waits for them no longer. If the context ends, takeChildren returns the context's
// error.
func takeChildren(ctx context.Context, path string, timeout time.Duration) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	patience := time.NewTimer(timeout)
	defer patience.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = file.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, ctx.Err()
		case <-patience.C:
			_ = file.Close()
			_ = os.Remove(path)
			if file, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
				return nil, err
			}
		case <-time.After(lockInterval):
		}
	}
}

// releaseChildren releases the lock, even if a daemon that has inherited the file lives on.
func releaseChildren(file *os.File) {
	_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
	_ = file.Close()
}
