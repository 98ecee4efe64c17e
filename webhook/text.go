package webhook

import "github.com/pulumiscale/pulumiscale/scale/board"

// The longest texts, in runes, that are passed on from a sender to people. A reason ends up in the message of an
// update.
const (
	maxReason = 200
	maxName   = 100
	maxShown  = 40 // of a wrong value
)

// oneLine makes a sender's text fit to be shown and to stand in an update's message: see [board.OneLine].
func oneLine(text string, limit int) string { return board.OneLine(text, limit) }

// describe is an alert's name with what the sender says of it.
func describe(alert, why string) string {
	if alert == "" {
		alert = "alert without a name"
	}
	text := oneLine(alert, maxReason)
	if why != "" {
		text += ": " + why
	}
	return oneLine(text, maxReason)
}
