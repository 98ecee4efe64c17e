package process

import (
	"errors"
	"syscall"
)

// Exhaustion finds out from an error what this machine has run out of. The second result is false if the error does not
// say that.
func Exhaustion(err error) (_ syscall.Errno, is bool) {
	for _, gone := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.ENOMEM} {
		if errors.Is(err, gone) {
			return gone, true
		}
	}
	return 0, false
}
