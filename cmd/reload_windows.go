//go:build windows

package cmd

import "os"

// notifyReload passes nothing on: Windows has no such signal, and POST /-/reload serves there.
func notifyReload(chan<- os.Signal) (stop func()) { return func() {} }
