package stack

import (
	"errors"
	"syscall"

	"github.com/pulumiscale/pulumiscale/scale"
)

// exhausted turns a lack of something on this machine into an error that passes: whoever holds descriptors, processes
// or memory gives them back. A missing CLI, or one that may not be run, stays what it is.
func exhausted(err error) error {
	if gone, is := exhaustion(err); is {
		return &scale.UnavailableError{Problem: "this machine cannot start the pulumi CLI now", Detail: gone.Error()}
	}
	return err
}

// exhaustion is what this machine has run out of, as an error of the system's shows it.
func exhaustion(err error) (_ syscall.Errno, is bool) {
	for _, gone := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.ENOMEM} {
		if errors.Is(err, gone) {
			return gone, true
		}
	}
	return 0, false
}
