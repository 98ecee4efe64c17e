//go:build windows

package cmd

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// outlivePipes does nothing: a write to a pipe that nobody reads any more ends no process on Windows.
func outlivePipes() {}

// notifyHangup passes nothing on: Windows has no such signal.
func notifyHangup(chan<- os.Signal) (stop func()) { return func() {} }

func ignoresHangup() bool { return true }

// isBrokenPipe says whether a write failed because nobody reads any more.
func isBrokenPipe(err error) bool {
	return errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA)
}

// notifyReload passes nothing on: Windows has no such signal, and POST /-/reload serves there.
func notifyReload(chan<- os.Signal) (stop func()) { return func() {} }
