//go:build !linux

package process

// Space is empty: it is not known here, and the machine's name must do.
func Space() string { return "" }

// MayBeCLI is true: it is not known here.
func MayBeCLI(int) bool { return true }
