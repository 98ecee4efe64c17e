//go:build windows

package signals

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// OutlivePipes does nothing: a write to a pipe that nobody reads any more ends no process on Windows.
func OutlivePipes() {}

// NotifyHangup passes nothing on: Windows has no such signal.
func NotifyHangup(chan<- os.Signal) (stop func()) { return func() {} }

// IgnoresHangup returns true: Windows has no such signal, so nobody needs to look whether the terminal is gone.
func IgnoresHangup() bool { return true }

// IsBrokenPipe says whether a write failed because nobody reads any more.
func IsBrokenPipe(err error) bool {
	return errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA)
}

// NotifyReload passes nothing on: Windows has no such signal. POST /-/reload asks for a reload there.
func NotifyReload(chan<- os.Signal) (stop func()) { return func() {} }
