package dialect

import "github.com/pulumiscale/pulumiscale/scale/board"

// The longest texts, in runes, that are passed on from a sender to people. A reason ends up in the message of an
// update.
const (
	MaxReason = 200
	MaxName   = 100
	maxShown  = 40 // of a wrong value
)

// Shown returns the beginning of a wrong value, fit to be shown.
func Shown(value string) string { return board.OneLine(value, maxShown) }

// describe returns an alert's name, and what the sender says of the alert.
func describe(alert, why string) string {
	if alert == "" {
		alert = "alert without a name"
	}
	text := board.OneLine(alert, MaxReason)
	if why != "" {
		text += ": " + why
	}
	return board.OneLine(text, MaxReason)
}
