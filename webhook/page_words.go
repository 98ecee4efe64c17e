package webhook

import (
	"fmt"
	"strings"
	"time"
)

// The words for times are those of the command line.

// Ago says how long something is past, in its largest unit.
func (v view) Ago(t *time.Time) string {
	if t == nil {
		return ""
	}
	switch d := v.now.Sub(*t); {
	case d < time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%ds ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd ago", int(d.Hours()/24))
	}
}

// Left is the rest of a wait, as "4m" or "1m30s", never rounded down to nothing.
func (v view) Left(t *time.Time) string {
	text := max(t.Sub(v.now).Round(time.Second), time.Second).String()
	for _, nothing := range []string{"0s", "0m"} {
		if short := strings.TrimSuffix(text, nothing); strings.HasSuffix(short, "m") || strings.HasSuffix(short, "h") {
			text = short
		}
	}
	return text
}

// elapsed is a duration: tenths where it is short, whole seconds where it is long.
func elapsed(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1fs", max(d, 0).Seconds())
	}
	return d.Round(time.Second).String()
}

// Clock is a time of day, with the date where it is not today's.
func (v view) Clock(t *time.Time) string {
	local := t.In(v.now.Location())
	if local.Format(time.DateOnly) == v.now.Format(time.DateOnly) {
		return local.Format(time.TimeOnly)
	}
	return local.Format("2 Jan 15:04")
}

// Full is a time in full, and Stamp is one for machines.
func (v view) Full(t *time.Time) string {
	return t.In(v.now.Location()).Format("2006-01-02 15:04:05 MST")
}

// Stamp is a time for machines.
func (view) Stamp(t *time.Time) string { return t.Format(time.RFC3339) }

// Zone is the time zone in which times are shown.
func (v view) Zone() string { return v.now.Format("MST") }

// Clocked is when the page was made.
func (v view) Clocked() string { return v.now.Format(time.TimeOnly) }

// stamped is a time with the view that knows how to show it.
type stamped struct {
	View view
	At   *time.Time
}

// At prepares a time for the template that shows times.
func (v view) At(t *time.Time) stamped { return stamped{View: v, At: t} }
