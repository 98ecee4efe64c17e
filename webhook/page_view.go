package webhook

import (
	"time"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

// view is what the page's template shows: the status in the form in which every view shows it, and Over, which only the
// page has.
type view struct {
	board.View
	Over over
}

func viewOf(doc *board.Status, now time.Time) view { return view{View: doc.View(now)} }

// Full writes a time in full, with its date and time zone.
func (v view) Full(t *time.Time) string {
	return t.In(v.At().Location()).Format("2006-01-02 15:04:05 MST")
}

// Stamp writes a time for machines, in the form of RFC 3339.
func (view) Stamp(t *time.Time) string { return t.Format(time.RFC3339) }

// Zone returns the time zone in which times are shown.
func (v view) Zone() string { return v.At().Format("MST") }

// Clocked returns the time of day at which the page was made.
func (v view) Clocked() string { return v.At().Format(time.TimeOnly) }

// stamped is a time with the view that knows how to show it.
type stamped struct {
	View view
	At   *time.Time
}

// Stamped prepares a time for the template that shows times.
func (v view) Stamped(t *time.Time) stamped { return stamped{View: v, At: t} }
