package stack

import "testing"

// hold does nothing: no file tells of a process here.
func hold(*testing.T, string) (release func()) { return func() {} }
