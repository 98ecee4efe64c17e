//go:build !linux

package process

// Space returns an empty text: on this system the space is not known, and the machine's name must do.
func Space() string { return "" }

// MayBeCLI returns true: on this system the name of a process is not known.
func MayBeCLI(int) bool { return true }
