package process

import (
	"errors"
	"syscall"
)

// Exhaustion returns the error number in err that says that this machine has run out of descriptors, processes or
// memory. The second result is false if err has no such number.
func Exhaustion(err error) (_ syscall.Errno, is bool) {
	for _, gone := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.ENOMEM} {
		if errors.Is(err, gone) {
			return gone, true
		}
	}
	return 0, false
}
