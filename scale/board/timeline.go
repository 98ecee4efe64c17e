package board

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Span is how far back a [Timeline] reaches.
type Span struct {
	// Name is what requests call the span. Title and Words name it to people, as in "6 hours" and "the last 6 hours".
	Name, Title, Words string
	Length             time.Duration
}

// Spans returns all spans, the shortest first.
func Spans() []Span {
	const day = 24 * time.Hour
	return []Span{
		{"6h", "6 hours", "the last 6 hours", 6 * time.Hour}, {"day", "Day", "the last day", day}, {"week", "Week", "the last week", 7 * day},
	}
}

// SpanNamed returns the span that has the name, or the shortest span if none has.
func SpanNamed(name string) Span {
	for _, s := range Spans() {
		if s.Name == name {
			return s
		}
	}
	return Spans()[0]
}

// SpanLasting returns the shortest span that is at least as long as length, or the longest span if none is.
func SpanLasting(length time.Duration) Span {
	spans := Spans()
	for _, s := range spans {
		if s.Length >= length {
			return s
		}
	}
	return spans[len(spans)-1]
}

// Past is what a [Timeline] is made of.
type Past struct {
	Rule scale.Rule
	// Count is the present count; nil if it is not known.
	Count *int
	// Scalings are the pool's scalings, newest first; scalings of other pools are ignored. No scaling since the time
	// Since is missing. Since is zero if scalings may be missing at any time.
	Scalings []scale.Scaling
	Since    time.Time
	// Samples are values of the rule's metrics, oldest first.
	Samples []scale.Sample
}

// Timeline is how a pool stood over a time, fit to be shown: see [Tidy].
type Timeline struct {
	Pool string
	Span Span
	// From and To are its ends. Times are shown in the zone of To.
	From, To time.Time
	// Counts are the counts, each from its time on. Before the first one the count is not known.
	Counts []CountSince
	// Bounds are the bounds that the present rule gives, each from its time on. The first bounds are in force at From.
	Bounds []scale.BoundsSince
	// Scalings are the scalings that ended in this time, oldest first.
	Scalings []Scaling
	// Series are the metrics of the rule, in its order.
	Series []Series
}

// CountSince is a count, and since when the pool has it.
type CountSince struct {
	Since time.Time
	Count int
}

// Series are the values that a metric had over a time.
type Series struct {
	Metric string
	// Runs are the values, oldest first. Between two runs the metric had no value for a while.
	Runs [][]Point
	// Least and Most are the smallest and the largest value, and Last the latest; 0 if there is none.
	Least, Most, Last float64
}

// Point is a metric's value at a moment.
type Point struct {
	At    time.Time
	Value float64
}

// TimelineOf makes the timeline of a pool in a span that ends now.
func TimelineOf(past Past, span Span, now time.Time) Timeline {
	t := Timeline{Pool: past.Rule.Pool, Span: span, From: now.Add(-span.Length), To: now}
	t.Counts, t.Bounds = countsOf(past, t.From, now), past.Rule.BoundsOver(t.From, now)
	for _, s := range slices.Backward(past.Scalings) {
		if s.Pool == t.Pool && s.End.After(t.From) && !s.End.After(now) {
			t.Scalings = append(t.Scalings, ScalingOf(s))
		}
	}
	for _, m := range past.Rule.Metrics {
		t.Series = append(t.Series, seriesOf(m, past.Samples, t.From, now))
	}
	t.Pool, t.Scalings = OneLine(t.Pool, LongestLine), Tidy(t.Scalings)
	return t
}

// countsOf returns the counts of a pool from one moment to another. A failed scaling changes no count.
func countsOf(past Past, from, to time.Time) []CountSince {
	var known []scale.Scaling // oldest first
	for _, s := range slices.Backward(past.Scalings) {
		if s.Pool == past.Rule.Pool && s.Succeeded && !s.End.After(to) {
			known = append(known, s)
		}
	}
	var out []CountSince
	if begin := scale.Later(from, past.Since); !past.Since.IsZero() && begin.Before(to) {
		after := slices.IndexFunc(known, func(s scale.Scaling) bool { return s.End.After(begin) })
		switch {
		case after >= 0:
			out = append(out, CountSince{begin, known[after].From})
		case len(known) > 0:
			out, after = append(out, CountSince{begin, known[len(known)-1].To}), len(known)
		case past.Count != nil:
			out, after = append(out, CountSince{begin, *past.Count}), 0
		default:
			after = 0
		}
		for _, s := range known[after:] {
			out = append(out, CountSince{s.End, s.To})
		}
	}
	if n := past.Count; n != nil && (len(out) == 0 || out[len(out)-1].Count != *n) {
		out = append(out, CountSince{to, *n})
	}
	return out
}

// keptEvery is the time between two values of a metric that are kept: the journal keeps the last value of each minute.
const keptEvery = time.Minute

// seriesOf returns the values of a metric from one moment to another. A new run begins if more time than two intervals
// and a minute has passed since the value before; an interval counts as a minute at least. So a single look that found
// nothing, or that was left out while the pool was being scaled, makes no gap.
func seriesOf(m scale.Metric, samples []scale.Sample, from, to time.Time) Series {
	out := Series{Metric: OneLine(m.Name, longestValue)}
	mostApart := 2*max(m.Every, keptEvery) + keptEvery
	var last time.Time
	for _, s := range samples {
		if s.Metric != m.Name || s.Problem != "" || s.At.Before(from) || s.At.After(to) {
			continue
		}
		if len(out.Runs) == 0 {
			out.Least, out.Most = s.Value, s.Value
		}
		if len(out.Runs) == 0 || s.At.Sub(last) > mostApart {
			out.Runs = append(out.Runs, nil)
		}
		run := &out.Runs[len(out.Runs)-1]
		*run = append(*run, Point{s.At, s.Value})
		out.Least, out.Most, out.Last, last = min(out.Least, s.Value), max(out.Most, s.Value), s.Value, s.At
	}
	return out
}

// Thinned returns the runs with only as many values as a picture of so many columns can show. Of the values in one
// column, the first, the smallest, the largest and the last are kept.
func (s Series) Thinned(from, to time.Time, columns int) [][]Point {
	width := to.Sub(from) / time.Duration(columns)
	out := make([][]Point, 0, len(s.Runs))
	for _, run := range s.Runs {
		var thin []Point
		for i := 0; i < len(run); {
			column := run[i].At.Sub(from) / width
			end := i + 1
			for end < len(run) && run[end].At.Sub(from)/width == column {
				end++
			}
			thin = append(thin, extremes(run[i:end])...)
			i = end
		}
		out = append(out, thin)
	}
	return out
}

// extremes returns the first, the smallest, the largest and the last of some values, oldest first and without
// repetitions.
func extremes(values []Point) []Point {
	byValue := func(a, b Point) int { return cmp.Compare(a.Value, b.Value) }
	ends := []Point{values[0], slices.MinFunc(values, byValue), slices.MaxFunc(values, byValue), values[len(values)-1]}
	slices.SortStableFunc(ends, func(a, b Point) int { return a.At.Compare(b.At) })
	return slices.CompactFunc(ends, func(a, b Point) bool { return a.At.Equal(b.At) })
}

// CountsIn returns the smallest and the largest count between two moments; ok is false if no count is known.
func (t Timeline) CountsIn(from, to time.Time) (least, most int, ok bool) {
	for i, c := range t.Counts {
		ended := i+1 < len(t.Counts) && !t.Counts[i+1].Since.After(from)
		begun := c.Since.Before(to) || c.Since.Equal(to) && to.Equal(t.To) // the present count is known since t.To only
		if ended || !begun {
			continue
		}
		if !ok {
			least, most, ok = c.Count, c.Count, true
		}
		least, most = min(least, c.Count), max(most, c.Count)
	}
	return least, most, ok
}

// BoundsIn returns the bounds between two moments, oldest first.
func (t Timeline) BoundsIn(from, to time.Time) []scale.BoundsSince {
	var out []scale.BoundsSince
	for i, b := range t.Bounds {
		if ended := i+1 < len(t.Bounds) && !t.Bounds[i+1].Since.After(from); !ended && b.Since.Before(to) {
			out = append(out, b)
		}
	}
	return out
}

const (
	// leastTop is the smallest count that [Timeline.Top] returns.
	leastTop = 4
	// farAbove limits the bounds in a picture: an upper bound of more than farAbove times the largest count is left
	// out, since the counts would be too low to read. The picture then has room for roomAbove times the largest count.
	farAbove, roomAbove = 8, 2
)

// Top returns the largest count that a picture shows; the smallest is 0. Bounds that are far above all counts are not
// in the picture.
func (t Timeline) Top() int {
	top, bound := leastTop, 0
	for _, b := range t.Bounds {
		top, bound = max(top, b.Min), max(bound, b.Max)
	}
	most := 0
	for _, c := range t.Counts {
		most = max(most, c.Count)
	}
	if top = max(top, most); bound <= farAbove*max(most, 1) {
		return max(top, bound)
	}
	return max(top, roomAbove*most)
}

// Ticks returns the moments that a picture names: hours, each fourth hour, or days.
func (t Timeline) Ticks() []time.Time {
	year, month, day := t.From.In(t.To.Location()).Date()
	hours := 24
	switch {
	case t.Span.Length <= 6*time.Hour:
		hours = 1
	case t.Span.Length <= 24*time.Hour:
		hours = 4
	}
	var out []time.Time
	for hour := 0; ; hour += hours { // by the wall clock, so that summer time moves no tick
		at := time.Date(year, month, day, hour, 0, 0, 0, t.To.Location())
		if !at.Before(t.To) {
			return out
		}
		if at.After(t.From) && (len(out) == 0 || at.After(out[len(out)-1])) {
			out = append(out, at)
		}
	}
}

// Label returns the name of a tick in a picture.
func (t Timeline) Label(tick time.Time) string {
	if t.Span.Length > 24*time.Hour {
		return tick.In(t.To.Location()).Format("Mon")
	}
	return tick.In(t.To.Location()).Format("15:04")
}

// Clock returns a time of day, with the day of the week if the span has several days.
func (t Timeline) Clock(at time.Time) string {
	if t.Span.Length > 24*time.Hour {
		return at.In(t.To.Location()).Format("Mon 15:04")
	}
	return at.In(t.To.Location()).Format("15:04")
}

// toldScalings is how many scalings a sentence tells of one by one: the last ones.
const toldScalings = 10

// Sentence tells in words what a picture of the timeline shows.
func (t Timeline) Sentence() string {
	parts := []string{t.Count() + ", " + t.Within(), t.Scaled()}
	for _, s := range t.Series {
		parts = append(parts, s.Words())
	}
	return fmt.Sprintf("%s over %s: %s.", t.Pool, t.Span.Words, strings.Join(parts, "; "))
}

// Count says between which counts the pool was, and at which it is.
func (t Timeline) Count() string {
	least, most, ok := t.CountsIn(t.From, t.To)
	if !ok {
		return "the count is not known"
	}
	text := fmt.Sprintf("between %d and %d, now %d", least, most, t.Counts[len(t.Counts)-1].Count)
	if least == most {
		text = fmt.Sprintf("%d all the time", least)
	}
	if since := t.Counts[0].Since; since.After(t.From) {
		text += ", known since " + t.Clock(since)
	}
	return text
}

// toldBounds is how many bounds a sentence tells of one by one.
const toldBounds = 4

// Within says which bounds were in force, and since when. If there are more than toldBounds, it only says which bounds
// there were, how often they changed and which are in force now.
func (t Timeline) Within() string {
	var parts, all []string
	for i, b := range t.Bounds {
		text := fmt.Sprintf("within %d and %d", b.Min, b.Max)
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
		if i > 0 {
			text = "from " + t.Clock(b.Since) + " " + text
		}
		parts = append(parts, text)
	}
	if len(parts) > toldBounds {
		last := t.Bounds[len(t.Bounds)-1]
		return fmt.Sprintf("%s, changing %d times, now within %d and %d", strings.Join(all, " or "), len(parts)-1, last.Min, last.Max)
	}
	return strings.Join(parts, ", ")
}

// Scaled tells of the scalings.
func (t Timeline) Scaled() string {
	if len(t.Scalings) == 0 {
		return "no scaling"
	}
	text := "1 scaling: "
	if n := len(t.Scalings); n > 1 {
		text = fmt.Sprintf("%d scalings: ", n)
	}
	shown := t.Scalings[max(0, len(t.Scalings)-toldScalings):]
	if len(shown) < len(t.Scalings) {
		text += fmt.Sprintf("the last %d are ", len(shown))
	}
	var each []string
	for _, s := range shown {
		each = append(each, t.Move(s))
	}
	return text + strings.Join(each, ", ")
}

// Move says when and how a scaling moved the pool.
func (t Timeline) Move(s Scaling) string {
	text := fmt.Sprintf("%d to %d at %s", s.From, s.To, t.Clock(s.ended()))
	if !s.Succeeded {
		text += " failed"
	}
	return text
}

// Words says between which values the metric was, and which value is the latest.
func (s Series) Words() string {
	switch {
	case len(s.Runs) == 0:
		return s.Metric + " had no value"
	case s.Least == s.Most:
		return fmt.Sprintf("%s %s all the time", s.Metric, Number(s.Last))
	}
	return fmt.Sprintf("%s between %s and %s, last %s", s.Metric, Number(s.Least), Number(s.Most), Number(s.Last))
}

// mostInRow is how many scalings a row tells of one by one.
const mostInRow = 6

// Row is the part of a timeline between two ticks, as a row of a table.
type Row struct {
	From, To time.Time
	// Count, Bounds and Scalings say in words which counts, bounds and scalings there were; each is empty if there were
	// none. Metrics says in words which values each of the series had.
	Count, Bounds, Scalings string
	Metrics                 []string
}

// Rows returns the parts of the timeline, oldest first: the numbers of a picture, for people who cannot see the
// picture.
func (t Timeline) Rows() []Row {
	ends := append(t.Ticks(), t.To)
	out, from := make([]Row, 0, len(ends)), t.From
	for _, to := range ends {
		row := Row{From: from, To: to}
		if least, most, ok := t.CountsIn(from, to); ok {
			row.Count = within(fmt.Sprint(least), fmt.Sprint(most))
		}
		var bounds, scalings []string
		failed := 0
		for _, b := range t.BoundsIn(from, to) {
			bounds = append(bounds, fmt.Sprintf("%d to %d", b.Min, b.Max))
		}
		for _, s := range t.Scalings {
			if at := s.ended(); at.After(from) && !at.After(to) {
				scalings = append(scalings, t.Move(s))
				if !s.Succeeded {
					failed++
				}
			}
		}
		if n := len(scalings); n > mostInRow {
			scalings = []string{fmt.Sprintf("%d, of which %d failed", n, failed)}
		}
		row.Bounds, row.Scalings = strings.Join(slices.Compact(bounds), ", "), strings.Join(scalings, ", ")
		for _, s := range t.Series {
			row.Metrics = append(row.Metrics, s.in(from, to))
		}
		out, from = append(out, row), to
	}
	return out
}

// within names both ends of a range, or the only value in it.
func within(least, most string) string {
	if least == most {
		return least
	}
	return least + " to " + most
}

// in says between which values the metric was in a part of the time; empty if it had no value then.
func (s Series) in(from, to time.Time) string {
	var found []float64
	for _, run := range s.Runs {
		for _, v := range run {
			if !v.At.Before(from) && v.At.Before(to) {
				found = append(found, v.Value)
			}
		}
	}
	if len(found) == 0 {
		return ""
	}
	return within(Number(slices.Min(found)), Number(slices.Max(found)))
}
