package kubernetes

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// stopTimeout is how long a process may take to end before it is killed.
const stopTimeout = 20 * time.Second

// process is one of a cluster's processes. Its log is a file.
type process struct {
	name, log string
	cmd       *exec.Cmd
	ended     chan struct{}
}

// start starts a program.
func start(program, log string, args []string) (*process, error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // the process has its own
	p := &process{name: filepath.Base(program), log: log, ended: make(chan struct{})}
	p.cmd = exec.Command(program, args...) //nolint:noctx // stop ends it
	p.cmd.Stdout, p.cmd.Stderr = file, file
	endWithUs(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// stop asks the process to end and waits for it. One that has ended by itself is an error.
func (p *process) stop() error {
	if p.hasEnded() {
		return fmt.Errorf("%s had ended by itself:\n%s", p.name, p.tail())
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("%s did not end within %s of SIGTERM:\n%s", p.name, stopTimeout, p.tail())
	}
}

// tail is the end of the log.
func (p *process) tail() string {
	const most = 4000
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}
