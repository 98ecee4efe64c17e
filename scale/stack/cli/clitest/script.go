//go:build !windows

// Package clitest provides a CLI that is a shell script, for tests.
package clitest

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/stack/cli"
)

// Script is a CLI that is a shell script. Its folder has two pipes: the script writes to the pipe told, and reads from
// the pipe tell.
type Script struct {
	*cli.Command
	Dir string
}

// New makes a script with the given body.
func New(t *testing.T, body string) Script {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "pulumi")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, pipe := range []string{"told", "tell"} {
		if err := syscall.Mkfifo(filepath.Join(dir, pipe), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Script{&cli.Command{Path: path}, dir}
}

// Told waits for the next line that the script writes to told, and returns it.
func (s Script) Told(t *testing.T) string {
	t.Helper()
	line, err := os.ReadFile(filepath.Join(s.Dir, "told"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(line))
}

// Tell writes a line for the script to read from tell.
func (s Script) Tell(t *testing.T, line string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.Dir, "tell"), []byte(line+"\n"), 0); err != nil {
		t.Fatal(err)
	}
}

// Ran is how a run of the script ended.
type Ran struct {
	Stdout, Stderr string
	Code           int
	Err            error
}

// Begin runs the script in the background. The channel receives how the run ended.
func (s Script) Begin(ctx context.Context) <-chan Ran {
	out := make(chan Ran, 1)
	go func() {
		var r Ran
		r.Stdout, r.Stderr, r.Code, r.Err = s.Run(ctx, s.Dir, nil, nil, nil, nil)
		out <- r
	}()
	return out
}

// Running starts a process that has the name of the Pulumi CLI and runs until the test ends. It returns the process's
// number.
func Running(t *testing.T) int {
	t.Helper()
	s := New(t, "echo $$ >told; read line <tell")
	end := s.Begin(context.Background())
	pid, err := strconv.Atoi(s.Told(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Tell(t, "end"); <-end })
	return pid
}
