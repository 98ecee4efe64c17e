//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// children are the processes that the campaign starts. The campaign adopts what they leave behind (it is their
// subreaper). Else a killed engine whose pulumiscale is gone would stay a zombie and look alive.
type children struct {
	mu      sync.RWMutex
	started map[int]bool
}

// prSetChildSubreaper is PR_SET_CHILD_SUBREAPER of prctl(2).
const prSetChildSubreaper = 36

// adopt makes this process the parent of all orphans, and buries them until ctx ends.
func adopt(ctx context.Context) (*children, error) {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0); errno != 0 {
		return nil, fmt.Errorf("become the parent of orphans: %w", errno)
	}
	c := &children{started: map[int]bool{}}
	go func() {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				c.bury()
			}
		}
	}()
	return c, nil
}

// bury reaps the dead children that somebody else started.
func (c *children) bury() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range processes() {
		if p.parent == os.Getpid() && p.state == 'Z' && !c.started[p.pid] {
			_, _ = syscall.Wait4(p.pid, nil, syscall.WNOHANG, nil)
		}
	}
}

// spare does something during which nothing is buried. It is for what starts processes by itself.
func (c *children) spare(do func() error) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return do()
}

// start starts the command and keeps it from being buried.
func (c *children) start(cmd *exec.Cmd) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	c.started[cmd.Process.Pid] = true
	return nil
}

// wait waits for a command that start started, and returns its exit code. It is -1 if a signal ended the command.
func (c *children) wait(cmd *exec.Cmd) int {
	err := cmd.Wait()
	c.mu.Lock()
	delete(c.started, cmd.Process.Pid)
	c.mu.Unlock()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		return -1
	}
	return cmd.ProcessState.ExitCode()
}

// run runs a command to its end, and returns what it printed on both streams together.
func (c *children) run(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second // a plugin may outlive its engine, with the streams
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Writer(&out), io.Writer(&out)
	if err := c.start(cmd); err != nil {
		return "", err
	}
	if code := c.wait(cmd); code != 0 {
		return out.String(), &exitError{line: filepath.Base(name) + " " + strings.Join(args, " "), code: code, output: out.String()}
	}
	return out.String(), nil
}

// exitError is a command that failed.
type exitError struct {
	line   string
	code   int
	output string
}

func (e *exitError) Error() string {
	return fmt.Sprintf("%s: exit code %d\n%s", e.line, e.code, strings.TrimSpace(e.output))
}

// process is a line of the process table.
type process struct {
	pid, parent int
	state       byte
}

// processes reads the process table.
func processes() []process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var out []process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "stat"))
		if err != nil {
			continue
		}
		// The name in brackets may hold anything.
		rest := string(text[bytes.LastIndexByte(text, ')')+1:])
		fields := strings.Fields(rest)
		if len(fields) < 2 {
			continue
		}
		parent, _ := strconv.Atoi(fields[1])
		out = append(out, process{pid: pid, parent: parent, state: fields[0][0]})
	}
	return out
}

// part is what a process does in a world.
type part int

const (
	other part = iota
	engine
	plugin
)

// member is a process of a world.
type member struct {
	pid  int
	part part
	// ours says that pulumiscale started the engine.
	ours bool
}

// members are the living processes whose environment has the mark, except pulumiscale itself.
func members(mark string) []member {
	var out []member
	for _, p := range processes() {
		if p.state == 'Z' {
			continue
		}
		dir := filepath.Join("/proc", strconv.Itoa(p.pid))
		env, err := os.ReadFile(filepath.Join(dir, "environ"))
		if err != nil || !bytes.Contains(append([]byte{0}, env...), []byte("\x00"+mark+"\x00")) {
			continue
		}
		line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || len(line) == 0 {
			continue
		}
		args := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
		m := member{pid: p.pid}
		switch name := filepath.Base(args[0]); {
		case strings.HasPrefix(name, "pulumi-") || name == "node": // a language host's program goes with it
			m.part = plugin
		case name == "pulumi":
			if slices.Contains(args, "up") {
				m.part = engine
			}
			m.ours = slices.Contains(args, "--exec-agent")
		}
		out = append(out, m)
	}
	return out
}

// strike sends a signal to those processes of a world that which says yes to. It returns how many there were.
func strike(mark string, sig syscall.Signal, which func(member) bool) int {
	n := 0
	for _, m := range members(mark) {
		if which(m) && syscall.Kill(m.pid, sig) == nil {
			n++
		}
	}
	return n
}
