package webhook

import (
	"strings"
	"unicode"
)

// The longest texts, in runes, that are passed on from a sender to people: reasons end up in the message of an update.
const (
	maxReason = 200
	maxName   = 100
	maxShown  = 40 // of a wrong value
)

// oneLine makes a sender's text fit to be shown and to stand in an update's message: a single line of at most limit runes, without
// control and formatting characters (which hide or reorder what follows them), runs of white space as one space.
func oneLine(text string, limit int) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) })
	line := []rune(strings.Join(words, " "))
	if len(line) > limit {
		line = append(line[:limit-1], '…')
	}
	return string(line)
}

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
