package scale

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a machine or a container may have no zones, or old ones
)

// Window is a time that comes again and again, or on named dates, in which a pool has different guardrails. It begins
// on a day at From and ends at To, on the next day if To is not after From.
type Window struct {
	// Name is what messages call the window.
	Name string
	// Days are the days of the week on which it begins, and Dates the dates. If both are empty, it begins every day.
	// They are never both set.
	Days  []time.Weekday
	Dates []Date
	// From and To are local times in the zone. If a change of the clock leaves a local time out, the first instant
	// after the gap counts. If a local time comes twice, From is the first of the two and To the second.
	From, To TimeOfDay
	Zone     Zone
	// Min and Max are the guardrails while the window holds.
	Min, Max int
}

// Zone is a time zone. The zero value is UTC.
type Zone struct{ location *time.Location }

// LoadZone finds a zone by its name in the IANA database. ok is false for a name that is not in the database, and for
// the machine's own zone, because that differs from machine to machine.
func LoadZone(name string) (z Zone, ok bool) {
	if name == "" || name == "Local" {
		return z, false
	}
	location, err := time.LoadLocation(name)
	return Zone{location}, err == nil
}

func (z Zone) String() string { return z.of().String() }

// Equal says whether two zones are the same.
func (z Zone) Equal(other Zone) bool { return z.String() == other.String() }

func (z Zone) of() *time.Location {
	if z.location == nil {
		return time.UTC
	}
	return z.location
}

// Date is a day of the calendar, in no zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// DateOf returns the day of a moment, in the moment's own zone.
func DateOf(t time.Time) Date {
	year, month, day := t.Date()
	return Date{year, month, day}
}

// plus returns the day that is the given number of days later.
func (d Date) plus(days int) Date { return DateOf(d.noon().AddDate(0, 0, days)) }

// noon returns a moment of the day in UTC, far from both its ends.
func (d Date) noon() time.Time { return time.Date(d.Year, d.Month, d.Day, 12, 0, 0, 0, time.UTC) }

// TimeOfDay is a local time, in minutes since midnight.
type TimeOfDay int

// minutesOfHour is how many minutes of a TimeOfDay make an hour.
const minutesOfHour = 60

func (t TimeOfDay) String() string { return fmt.Sprintf("%02d:%02d", t/minutesOfHour, t%minutesOfHour) }

// Bounds are the guardrails in force at a moment.
type Bounds struct {
	Min, Max int
	// Window is the name of the window that gives them; empty if the rule itself does.
	Window string
}

// Bounds returns the guardrails in force at a moment: the guardrails of the first window that holds, or else the rule's
// own.
func (r Rule) Bounds(now time.Time) Bounds {
	for _, w := range r.Schedules {
		if w.holds(now) {
			return Bounds{Min: w.Min, Max: w.Max, Window: w.Name}
		}
	}
	return Bounds{Min: r.Min, Max: r.Max}
}

// Clamp returns the nearest count inside the bounds.
func (b Bounds) Clamp(n int) int { return min(max(n, b.Min), b.Max) }

// within names the window that gives the bounds, as the end of a sentence; empty if the rule itself gives them.
func (b Bounds) within() string {
	if b.Window == "" {
		return ""
	}
	return fmt.Sprintf(" of window %q", b.Window)
}

// span is one time in which a window holds: from begin until end, without the moment of the end. It is empty if a
// change of the clock leaves nothing of it.
type span struct{ begin, end time.Time }

func (s span) holds(now time.Time) bool { return !now.Before(s.begin) && now.Before(s.end) }

// on returns the time in which the window holds if it begins on the given day.
func (w Window) on(day Date) span {
	end := day
	if w.To <= w.From {
		end = day.plus(1)
	}
	begins, _ := instants(day, w.From, w.Zone.of())
	_, ends := instants(end, w.To, w.Zone.of())
	return span{begins, ends}
}

// beginsOn says whether the window begins on a day.
func (w Window) beginsOn(day Date) bool {
	switch {
	case len(w.Dates) > 0:
		return slices.Contains(w.Dates, day)
	case len(w.Days) > 0:
		return slices.Contains(w.Days, day.noon().Weekday())
	}
	return true
}

// holds says whether the window holds at a moment. It may have begun the day before.
func (w Window) holds(now time.Time) bool {
	today := DateOf(now.In(w.Zone.of()))
	for _, day := range []Date{today.plus(-1), today} {
		if w.beginsOn(day) && w.on(day).holds(now) {
			return true
		}
	}
	return false
}

// instants returns the first and the last moment at which clocks in a zone show a local time on a day. They differ if
// the clocks are set back over that time. If the clocks are set forward over it, both are the moment of that change.
func instants(day Date, at TimeOfDay, zone *time.Location) (first, last time.Time) {
	local := time.Date(day.Year, day.Month, day.Day, 0, int(at), 0, 0, time.UTC)
	// No zone is further from UTC than this, and none changes its clocks twice in so short a time.
	const far = 24 * time.Hour
	before, after := offset(local.Add(-far), zone), offset(local.Add(far), zone)
	early, late := local.Add(-before), local.Add(-after)
	if early.After(late) {
		early, late = late, early
	}
	earlyIs, lateIs := shows(early, local, zone), shows(late, local, zone)
	switch {
	case earlyIs && lateIs:
		return early, late
	case earlyIs:
		return early, early
	case lateIs:
		return late, late
	}
	// The clocks skip the local time. If the offset before the change is used, the local time is a moment after the
	// change, when the new offset holds. ZoneBounds returns when that offset began to hold.
	change, _ := local.Add(-before).In(zone).ZoneBounds()
	return change.UTC(), change.UTC()
}

// offset returns how far clocks in a zone are ahead of UTC.
func offset(t time.Time, zone *time.Location) time.Duration {
	_, seconds := t.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}

// shows says whether clocks in a zone show a local time, given as if it were UTC, at a moment.
func shows(t, local time.Time, zone *time.Location) bool {
	return t.Add(offset(t, zone)).Equal(local)
}

// lookAhead is how many days are searched for the next change of the bounds, besides the dates that a rule names. All
// weeks have the same changes, except that a change of the clocks moves them by an hour.
const lookAhead = 15

// NextBounds returns the bounds that replace the bounds in force at a moment, and the time at which they do; ok is
// false if the bounds are never replaced.
func (r Rule) NextBounds(now time.Time) (at time.Time, next Bounds, ok bool) {
	present := r.Bounds(now)
	for _, at := range r.edges(now, lookAhead) {
		if next := r.Bounds(at); at.After(now) && next != present {
			return at, next, true
		}
	}
	return time.Time{}, Bounds{}, false
}

// BoundsSince are bounds, and since when they are in force.
type BoundsSince struct {
	Bounds
	Since time.Time
}

// BoundsOver returns the bounds from one moment to another: the bounds in force at first, and then each change of them.
func (r Rule) BoundsOver(from, to time.Time) []BoundsSince {
	out := []BoundsSince{{r.Bounds(from), from}}
	const day = 24 * time.Hour
	for _, at := range r.edges(from, int(to.Sub(from)/day)+2) { // from the day before on
		if !at.After(from) || at.After(to) {
			continue
		}
		if next := r.Bounds(at); next != out[len(out)-1].Bounds {
			out = append(out, BoundsSince{next, at})
		}
	}
	return out
}

// edges returns the moments at which windows begin or end, in order, for the times that [Window.spans] returns.
func (r Rule) edges(now time.Time, days int) []time.Time {
	var out []time.Time
	for _, w := range r.Schedules {
		for _, s := range w.spans(now, days) {
			out = append(out, s.begin, s.end)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}

// spans returns the times in which a window holds, without times that are over at the moment now. They begin on the
// window's dates. If it has no dates, they begin on the day before now or on one of the given number of days after that
// day.
func (w Window) spans(now time.Time, days int) []span {
	begin := w.Dates
	if len(begin) == 0 {
		yesterday := DateOf(now.In(w.Zone.of())).plus(-1)
		for i := range days + 1 {
			begin = append(begin, yesterday.plus(i))
		}
	}
	var out []span
	for _, day := range begin {
		if s := w.on(day); w.beginsOn(day) && s.begin.Before(s.end) && s.end.After(now) {
			out = append(out, s)
		}
	}
	return out
}

// Useless names a window that never gives a pool's bounds any more, and says why.
type Useless struct{ Window, Reason string }

// yearAhead is how many days are looked at to say that a window never holds: a leap year, so that both changes of the
// clock and every date are among them.
const yearAhead = 366

// UselessWindows returns the windows of a rule that never give its bounds from a moment on: their dates are over,
// changes of the clock skip them, or the windows before them in the list hold whenever they hold.
func (r Rule) UselessWindows(now time.Time) []Useless {
	var out []Useless
	for i, w := range r.Schedules {
		spans := w.spans(now, yearAhead)
		if len(spans) == 0 {
			reason := "its dates are over"
			if len(w.Dates) == 0 || slices.ContainsFunc(w.Dates, func(d Date) bool { return w.on(d).end.After(now) }) {
				reason = "the clocks are set forward over it"
			}
			out = append(out, Useless{w.Name, reason})
			continue
		}
		if by := hiding(r.Schedules[:i], spans); len(by) > 0 {
			comes := "comes"
			if len(by) > 1 {
				comes = "come"
			}
			out = append(out, Useless{w.Name, fmt.Sprintf("hidden by %s, which %s first in the list", strings.Join(by, " and "), comes)})
		}
	}
	return out
}

// hiding returns the names of the windows that, together, hold throughout all of the spans. It returns nil if none of
// the windows holds at some moment of the spans.
func hiding(windows []Window, spans []span) []string {
	var by []string
	for _, s := range spans {
		for at := s.begin; at.Before(s.end); {
			first := slices.IndexFunc(windows, func(w Window) bool { return w.holds(at) })
			if first < 0 {
				return nil
			}
			w := windows[first]
			if !slices.Contains(by, w.Name) {
				by = append(by, w.Name)
			}
			at = w.endsAfter(at)
		}
	}
	return by
}

// endsAfter returns when a window that holds at a moment ends.
func (w Window) endsAfter(now time.Time) time.Time {
	today := DateOf(now.In(w.Zone.of()))
	end := now
	for _, day := range []Date{today.plus(-1), today} {
		if s := w.on(day); w.beginsOn(day) && s.holds(now) {
			end = Later(end, s.end)
		}
	}
	return end
}
