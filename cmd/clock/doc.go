// Package clock is the clock of the program.
package clock
