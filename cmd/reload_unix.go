//go:build !windows

package cmd

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyReload passes on the signals that ask for a reload.
func notifyReload(c chan<- os.Signal) (stop func()) {
	signal.Notify(c, syscall.SIGHUP)
	return func() { signal.Stop(c) }
}
