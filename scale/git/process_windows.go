package git

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// separate gives a command a group of its own, without a window. The end of the command's context ends the command and
// all processes that it has started: after the command has ended, nobody can tell which processes it started.
func separate(cmd *exec.Cmd) {
	const noWindow = 0x08000000 // CREATE_NO_WINDOW
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP | noWindow}
	cmd.Cancel = func() error {
		pid := strconv.Itoa(cmd.Process.Pid)
		tree := exec.Command("taskkill", "/T", "/F", "/PID", pid) //nolint:noctx // the command's context has ended
		if tree.Run() == nil {
			return nil
		}
		return cmd.Process.Kill()
	}
}

// endGroup does nothing: when the context ended, cmd.Cancel ended all processes of the command.
func endGroup(*exec.Cmd) {}

// shell is the machine's shell, for a command that a person wrote.
func shell(command string) (name string, args []string) { return "cmd", []string{"/C", command} }

// takeChildren locks nothing, and returns nil: on Windows, processes inherit no file. A git whose parent was killed may
// work on for a moment.
func takeChildren(context.Context, string, time.Duration) (*os.File, error) { return nil, nil }

// releaseChildren does nothing: takeChildren has locked nothing.
func releaseChildren(*os.File) {}
