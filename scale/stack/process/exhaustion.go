package process

import (
	"errors"
	"syscall"
)

// Exhaustion is what this machine has run out of, as an error of the system's shows it.
func Exhaustion(err error) (_ syscall.Errno, is bool) {
	for _, gone := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.ENOMEM} {
		if errors.Is(err, gone) {
			return gone, true
		}
	}
	return 0, false
}
