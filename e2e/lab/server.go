package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"time"
)

// Server is a running `pulumiscale serve`.
type Server struct {
	// URL is where the server listens, and Log is the path of its log.
	URL, Log string

	cmd   *exec.Cmd
	ended chan struct{}
	err   error
}

// startTimeout is how long a server may take until it listens.
const startTimeout = time.Minute

// Serve starts a server for the program in a folder, on a free port, and waits until the server listens. front is as
// for [Lab.Command].
func (l *Lab) Serve(ctx context.Context, dir string, front []string, args ...string) (*Server, error) {
	log, err := os.CreateTemp(l.dir, "serve-*.log")
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	s := &Server{Log: log.Name(), ended: make(chan struct{})}
	s.cmd = l.Command(ctx, dir, front, append([]string{"pulumiscale", "serve", "--listen", "127.0.0.1:0"}, args...)...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	detach(s.cmd)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	if s.URL, err = s.listening(); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// listening waits until the server says in its log that it listens, and where.
func (s *Server) listening() (string, error) {
	listening := regexp.MustCompile(`(?m)^\{.*"msg":"listening".*\}$`)
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(s.Log)
		if err != nil {
			return "", err
		}
		if line := listening.Find(text); line != nil {
			var entry struct{ Address string }
			err := json.Unmarshal(line, &entry)
			return "http://" + entry.Address, err
		}
		select {
		case <-s.ended:
			return "", fmt.Errorf("serve has ended: %w\n%s", s.err, text)
		default:
		}
	}
	return "", fmt.Errorf("serve does not listen after %s", startTimeout)
}

// PID returns the id of the server's process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// stopTimeout is how long a server may take to finish its update and end.
const stopTimeout = time.Minute

// Stop ends the server as an init system does: the server first finishes its update. The error says with what error the
// server ended, or that it has not ended.
func (s *Server) Stop() error { return s.end(syscall.SIGTERM) }

// Abort ends the server at once. The server writes the stacks of its goroutines to the end of its log.
func (s *Server) Abort() error {
	if err := s.end(syscall.SIGQUIT); !isExit(err) {
		return err
	}
	return nil
}

func isExit(err error) bool {
	_, ok := errors.AsType[*exec.ExitError](err)
	return ok
}

func (s *Server) end(signal syscall.Signal) error {
	select {
	case <-s.ended:
		return s.err
	default:
	}
	if err := s.cmd.Process.Signal(signal); err != nil {
		return err
	}
	select {
	case <-s.ended:
		return s.err
	case <-time.After(stopTimeout):
		return fmt.Errorf("serve runs on %s after signal %s", stopTimeout, signal)
	}
}
