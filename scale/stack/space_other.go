//go:build !linux

package stack

// processSpace is not known here: the machine's name must do.
func processSpace() string { return "" }

// mayBeCLI is not known here.
func mayBeCLI(int) bool { return true }
