package webhook

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// plot is the picture of a pool during a span of time. The template draws it as SVG that is as wide as the page. The
// width is not known here, so a horizontal place is a share of the width. A vertical place is in pixels. Lines are in
// SVG elements of their own, which stretch with the page.
type plot struct {
	board.Timeline
	ID string
	// Height is the height of the picture. Ceiling is where its highest part begins, and Floor is where its lowest part
	// ends.
	Height, Ceiling, Floor int
	Counts                 countPanel
	Metrics                []metricPanel
}

// The measures of a picture, in pixels. The horizontal places of a line are from 0 to lineWidth.
const (
	lineWidth    = 1000
	topMargin    = 10
	countHeight  = 120
	metricHeight = 40
	captionSpace = 34 // above the line of a metric
	captionLift  = 10
	footSpace    = 24
	footLift     = 6
	// apart is the least distance between two labels, and axisParts is the greatest number of parts into which an axis
	// is divided.
	apart, axisParts = 13, 4
	// longestCaption is how many characters of a metric's name stand above its line: more would not fit on a phone.
	longestCaption = 22
	// columns is the number of columns into which the line of a metric is divided: see [board.Series.Thinned].
	columns = 240
	// mostMarks is the greatest number of scalings that are all marked. If there are more, only the failed ones are
	// marked, because the marks would run into each other.
	mostMarks = 60
)

// panel is a part of the picture that has a vertical scale of its own. Y is the height at which the part begins.
type panel struct{ Y, Height, Width int }

// countPanel is the upper part of the picture: the bounds, the count and the scalings.
type countPanel struct {
	panel
	// Band is the area within the bounds, Upper and Lower are the lines of the bounds, and Line is the line of the
	// count.
	Band, Upper, Lower, Line string
	// Axis names counts beside the axis, and Ends names the bounds in force at the end.
	Axis, Ends []label
	Marks      []mark
}

// metricPanel is the part of the picture for one metric.
type metricPanel struct {
	panel
	Caption  string
	CaptionY int
	Line     string
	// Axis names the smallest and the largest value.
	Axis []label
}

// label is a text at a height.
type label struct {
	Y    float64
	Text string
}

// mark is the sign in the picture for a scaling.
type mark struct {
	X      string
	Y      float64
	Failed bool
	Title  string
}

func newPlot(id string, t board.Timeline) plot {
	p := plot{Timeline: t, ID: id, Counts: drawCounts(t), Ceiling: topMargin, Floor: topMargin + countHeight}
	for _, s := range t.Series {
		m := drawMetric(t, s, p.Floor+captionSpace)
		p.Metrics = append(p.Metrics, m)
		p.Floor += captionSpace + m.Height
	}
	p.Height = p.Floor + footSpace
	return p
}

// Foot returns the height at which the names of the ticks stand.
func (p plot) Foot() int { return p.Height - footLift }

// X returns the horizontal place of a moment, in percent of the width.
func (p plot) X(at time.Time) string { return percent(p.Timeline, at) }

func percent(t board.Timeline, at time.Time) string {
	return strconv.FormatFloat(100*share(t, at), 'f', 2, 64) + "%"
}

// share returns how far along the timeline a moment is, from 0 to 1.
func share(t board.Timeline, at time.Time) float64 {
	return min(max(float64(at.Sub(t.From))/float64(t.To.Sub(t.From)), 0), 1)
}

// pathData writes the commands of an SVG path, with places rounded to a tenth: see
// https://www.w3.org/TR/SVG2/paths.html.
type pathData struct{ strings.Builder }

func (p *pathData) to(command string, places ...float64) {
	for i, place := range places {
		if i == 0 {
			p.WriteString(command)
		} else {
			p.WriteByte(' ')
		}
		p.WriteString(strconv.FormatFloat(math.Round(place*10)/10, 'f', -1, 64))
	}
}

// step continues the path with a horizontal line at a height, from one place to another.
func (p *pathData) step(from, to, height float64) {
	if p.Len() == 0 {
		p.to("M", from, height)
	} else {
		p.to("V", height)
	}
	p.to("H", to)
}

func drawCounts(t board.Timeline) countPanel {
	out := countPanel{panel: panel{topMargin, countHeight, lineWidth}}
	top := t.Top()
	height := func(n int) float64 { return countHeight * (1 - float64(min(n, top))/float64(top)) }
	along := func(at time.Time) float64 { return lineWidth * share(t, at) }

	var band, upper, lower, line pathData
	for i, b := range t.Bounds {
		from, to := along(b.Since), float64(lineWidth)
		if i+1 < len(t.Bounds) {
			to = along(t.Bounds[i+1].Since)
		}
		band.to("M", from, height(b.Max))
		band.to("H", to)
		band.to("V", height(b.Min))
		band.to("H", from)
		band.WriteString("Z")
		lower.step(from, to, height(b.Min))
		if b.Max <= top {
			upper.step(from, to, height(b.Max))
		}
	}
	for i, c := range t.Counts {
		to := float64(lineWidth)
		if i+1 < len(t.Counts) {
			to = along(t.Counts[i+1].Since)
		}
		line.step(along(c.Since), to, height(c.Count))
	}
	out.Band, out.Upper, out.Lower, out.Line = band.String(), upper.String(), lower.String(), line.String()
	each := axisStep(top)
	for n := 0; n <= top; n += each {
		out.Axis = append(out.Axis, label{topMargin + height(n), units(n)})
	}
	out.Ends = nameBounds(t.Bounds[len(t.Bounds)-1].Bounds, top, height)
	for _, s := range t.Scalings {
		if s.Succeeded && len(t.Scalings) > mostMarks {
			continue
		}
		m := mark{X: percent(t, *s.End), Y: topMargin + height(s.To), Failed: !s.Succeeded, Title: t.Move(s)}
		if m.Failed {
			m.Y = topMargin + height(s.From) // where the count stayed
		}
		if s.Why != "" {
			m.Title += ": " + s.Why
		}
		out.Marks = append(out.Marks, m)
	}
	return out
}

// axisStep returns how many units lie between two labels of an axis: 1, 2 or 5 times a power of ten.
func axisStep(top int) int {
	for power := 1; ; power *= 10 {
		for _, n := range []int{1, 2, 5} {
			if n*power*axisParts >= top {
				return n * power
			}
		}
	}
}

// nameBounds names the bounds beside the ends of their lines. A bound beyond the picture is named at the picture's
// edge.
func nameBounds(b scale.Bounds, top int, height func(int) float64) []label {
	if b.Min == b.Max && b.Max <= top {
		return []label{{topMargin + height(b.Min), "min, max " + units(b.Min)}}
	}
	upper, lower := label{topMargin + height(b.Max), "max " + units(b.Max)}, label{topMargin + height(b.Min), "min " + units(b.Min)}
	if b.Max > top {
		upper.Text += " ↑"
	}
	if near := apart - (lower.Y - upper.Y); near > 0 {
		lower.Y += near / 2
		upper.Y -= near / 2
	}
	return []label{upper, lower}
}

func drawMetric(t board.Timeline, s board.Series, y int) metricPanel {
	out := metricPanel{panel: panel{y, metricHeight, lineWidth}, Caption: board.OneLine(s.Metric, longestCaption), CaptionY: y - captionLift}
	if len(s.Runs) == 0 {
		out.Caption += ": no value"
		out.Height = 0
		return out
	}
	height := func(value float64) float64 {
		// The halves are subtracted, since the difference of two finite numbers may be infinite.
		if between := s.Most/2 - s.Least/2; between > 0 {
			return metricHeight * (1 - (value/2-s.Least/2)/between)
		}
		return metricHeight / 2
	}
	var line pathData
	for _, run := range s.Thinned(t.From, t.To, columns) {
		for i, p := range run {
			command := "L"
			if i == 0 {
				command = "M"
			}
			line.to(command, lineWidth*share(t, p.At), height(p.Value))
		}
		if len(run) == 1 {
			line.to("h", 0) // a line of no length, whose round ends make a dot
		}
	}
	out.Line = line.String()
	write := briefly(s.Least, s.Most)
	out.Caption += ": " + write(s.Last)
	out.Axis = []label{{float64(y) + height(s.Most), write(s.Most)}}
	if s.Least < s.Most {
		out.Axis = append(out.Axis, label{float64(y) + height(s.Least), write(s.Least)})
	}
	return out
}

// briefly returns a function that writes values between least and most, briefly enough to stand beside a line. The
// function writes a value in a unit that leaves at most four digits before the point. It writes enough digits behind
// the point to distinguish least from most.
func briefly(least, most float64) func(float64) string {
	size, unit := max(math.Abs(least), math.Abs(most)), 0
	units := []string{"", "k", "M", "G", "T"}
	divisor := 1.0
	for size/divisor >= 9999.5 && unit+1 < len(units) {
		divisor, unit = divisor*1000, unit+1
	}
	digits := 0
	if apart := most/divisor - least/divisor; apart > 0 {
		digits = 1 - int(math.Floor(math.Log10(apart)))
	}
	return func(f float64) string {
		if f == 0 {
			return "0"
		}
		if between := most - least; size/divisor >= 1e6 || digits > 4 || between <= 0 {
			return strconv.FormatFloat(f/divisor, 'g', 4, 64) + units[unit]
		}
		return strconv.FormatFloat(f/divisor, 'f', max(digits, 0), 64) + units[unit]
	}
}

// units writes a count or a bound: in full, or as briefly does if it has five digits or more.
func units(n int) string {
	if n < 10_000 {
		return strconv.Itoa(n)
	}
	return briefly(float64(n), float64(n))(float64(n))
}
