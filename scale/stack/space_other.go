//go:build !linux

package stack

// processSpace is empty: it is not known here, and the machine's name must do.
func processSpace() string { return "" }

// mayBeCLI is true: it is not known here.
func mayBeCLI(int) bool { return true }
