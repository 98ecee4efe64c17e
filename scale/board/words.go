package board

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Count returns a count as text, which is "?" if the count is not known.
func Count(n *int) string {
	if n == nil {
		return "?"
	}
	return strconv.Itoa(*n)
}

// Elapsed returns a duration as text: with tenths of seconds if it is short, in whole seconds if it is long.
func Elapsed(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1fs", max(d, 0).Seconds())
	}
	return d.Round(time.Second).String()
}

// Left returns the rest of a wait as text, such as "4m" or "1m30s". It never rounds down to nothing.
func Left(d time.Duration) string {
	text := max(d.Round(time.Second), time.Second).String()
	for _, nothing := range []string{"0s", "0m"} {
		if short := strings.TrimSuffix(text, nothing); strings.HasSuffix(short, "m") || strings.HasSuffix(short, "h") {
			text = short
		}
	}
	return text
}

// Ago says how long ago something was, in its largest unit.
func Ago(d time.Duration) string {
	switch {
	case d < time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%ds ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh ago", int(d.Hours()))
	}
	return fmt.Sprintf("%dd ago", int(d.Hours()/24))
}

// Soon returns a time that is to come, with the day or the date only if the time of day alone would not be clear.
func Soon(t, now time.Time) string {
	switch until := t.Sub(now); {
	case until < 24*time.Hour:
		return t.Format("15:04")
	case until < 6*24*time.Hour:
		return t.Format("Mon 15:04")
	}
	return t.Format("2006-01-02 15:04")
}

// CooldownLeft says what is left of a cooldown upwards and downwards. If both end together, it names one time for both.
// It returns "" if neither holds.
func CooldownLeft(up, down time.Duration) string {
	switch {
	case up <= 0 && down <= 0:
		return ""
	case up == down:
		return Left(up)
	case up <= 0:
		return "down " + Left(down)
	case down <= 0:
		return "up " + Left(up)
	}
	return "up " + Left(up) + ", down " + Left(down)
}

// ResourceOf returns a resource's type and name, from its URN: urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME.
func ResourceOf(urn string) (typ, name string) {
	parts := strings.SplitN(urn, "::", 4)
	if len(parts) < 4 {
		return "", urn
	}
	typ = parts[2]
	return typ[strings.LastIndex(typ, "$")+1:], parts[3]
}
