//go:build !windows

package signals

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// OutlivePipes makes a write to a pipe fail if nobody reads the pipe any more. By default such a write ends a Go
// process, and `| head`, or Ctrl-C on `| tee`, must not end an update half way. The signal is caught and dropped. It is
// not ignored, because the engine would then ignore it too.
func OutlivePipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// NotifyHangup passes on that the terminal is gone, unless the process was started by `nohup`.
func NotifyHangup(c chan<- os.Signal) (stop func()) {
	if signal.Ignored(syscall.SIGHUP) {
		return func() {}
	}
	signal.Notify(c, syscall.SIGHUP)
	return func() { signal.Stop(c) }
}

// IgnoresHangup says whether the process was started by `nohup`. It must be called before SIGHUP is passed on to a
// channel, since the signal is not ignored after that.
func IgnoresHangup() bool { return signal.Ignored(syscall.SIGHUP) }

// IsBrokenPipe says whether a write failed because nobody reads any more.
func IsBrokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }

// NotifyReload passes on the signals that ask for a reload.
func NotifyReload(c chan<- os.Signal) (stop func()) {
	signal.Notify(c, syscall.SIGHUP)
	return func() { signal.Stop(c) }
}
