package output

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// Charset names what a picture is drawn with.
type Charset string

const (
	// Blocks are Unicode's block elements, which fill a cell in eight steps.
	Blocks Charset = "blocks"
	// ASCII is for terminals that show nothing else.
	ASCII Charset = "ascii"
)

// signs are what a picture is drawn with.
type signs struct {
	// levels fill a cell from nothing to all of it, in equal parts.
	levels []string
	// floor marks the lower bound in a cell that is filled to the top. bound marks both bounds in empty cells.
	floor, bound string
	// up, down and failed mark scalings.
	up, down, failed string
	// side, corner and ground are the frame. tick stands in place of side, and notch in place of ground, where a count
	// or a time is named.
	side, tick, corner, ground, notch string
}

// signs returns the signs of a charset, or the signs of [Blocks] if the charset is not known.
func (c Charset) signs() signs {
	if c == ASCII {
		return signs{
			levels: []string{" ", "#"}, floor: ":", bound: "-", up: "^", down: "v", failed: "x",
			side: "|", tick: "+", corner: "+", ground: "-", notch: "+",
		}
	}
	return signs{
		levels: []string{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}, floor: "▒", bound: "╌", up: "▲", down: "▼", failed: "✕",
		side: "│", tick: "┤", corner: "└", ground: "─", notch: "┬",
	}
}

const (
	// plotHeight is how many lines the counts take. plotWidth is how wide the picture is if it does not go to a
	// terminal. A picture is no narrower than leastPlot, whatever the terminal is.
	plotHeight, plotWidth, leastPlot = 10, 80, 20
)

// Plot draws how a pool stood over a time: the count as filled columns, its bounds as lines, and the scalings below.
// The picture is as wide as the terminal. Words below the picture tell the same.
func (s *Style) Plot(t board.Timeline, set Charset) string {
	width := s.width()
	if width <= 0 {
		width = plotWidth
	}
	width = max(width, leastPlot)
	t = tidy(t)
	p := newCanvas(t, set.signs(), width)
	lines := paragraph(t.Pool+" over "+t.Span.Words+": "+t.Count(), s.bold, "", width)
	for row := range plotHeight {
		lines = append(lines, s.dim.Render(p.margin(row))+s.paint(p, row))
	}
	lines = append(lines, s.dim.Render(p.ground()), s.dim.Render(p.times()))
	if len(t.Scalings) > 0 {
		lines = append(lines, s.marks(p))
	}
	lines = append(lines, "")
	for _, text := range []string{p.legend(), t.Within(), t.Scaled()} {
		lines = append(lines, paragraph(text, s.plain, "", width)...)
	}
	var out strings.Builder
	for _, line := range lines {
		out.WriteString(strings.TrimRight(strings.ReplaceAll(line, unbroken, " "), " ") + "\n")
	}
	return out.String()
}

// unbroken is a space at which no line ends. It keeps a sign and its meaning together.
const unbroken = "\u00a0"

// paint draws a row.
func (s *Style) paint(p canvas, row int) string {
	var out strings.Builder
	for column := range p.columns {
		out.WriteString(s.cell(p, row, column))
	}
	return out.String()
}

// cell returns the sign in one place of the picture.
func (s *Style) cell(p canvas, row, column int) string {
	from, to := p.from(column), p.to(column)
	filled := 0
	if _, most, ok := p.CountsIn(from, to); ok {
		filled = p.filled(most, row)
	}
	lower, upper := false, false
	if bounds := p.BoundsIn(from, to); len(bounds) > 0 {
		b := bounds[len(bounds)-1]
		at, ok := p.rowOf(b.Min)
		lower = ok && at == row
		at, ok = p.rowOf(b.Max)
		upper = ok && at == row
	}
	switch {
	case filled == len(p.set.levels)-1 && lower:
		return s.green.Render(p.set.floor)
	case filled > 0:
		return s.green.Render(p.set.levels[filled])
	case lower || upper:
		return s.dim.Render(p.set.bound)
	}
	return " "
}

// marks draws the line of the scalings. If a column has several scalings, a failed one is shown or, if none failed, the
// last.
func (s *Style) marks(p canvas) string {
	cells := make([]string, p.columns)
	failed := make([]bool, p.columns)
	for _, scaling := range p.Scalings {
		if scaling.End == nil {
			continue
		}
		at := p.column(*scaling.End)
		switch {
		case !scaling.Succeeded:
			cells[at], failed[at] = s.red.Render(p.set.failed), true
		case failed[at]:
		case scaling.To > scaling.From:
			cells[at] = p.set.up
		default:
			cells[at] = p.set.down
		}
	}
	for i, cell := range cells {
		cells[i] = cmp.Or(cell, " ")
	}
	return strings.Repeat(" ", p.left+1) + strings.Join(cells, "")
}

// canvas is the picture in cells. Each column is a part of the time, and each row a part of the counts.
type canvas struct {
	board.Timeline
	set     signs
	columns int
	// left is how wide the names of the counts are, and top the count that the highest row reaches.
	left, top int
}

func newCanvas(t board.Timeline, set signs, width int) canvas {
	p := canvas{Timeline: t, set: set, top: t.Top()}
	p.left = len(strconv.Itoa(p.top)) + 1
	p.columns = width - p.left - 1
	return p
}

// from and to return when the time of a column begins and ends.
func (p canvas) from(column int) time.Time {
	return p.From.Add(p.To.Sub(p.From) / time.Duration(p.columns) * time.Duration(column))
}

func (p canvas) to(column int) time.Time {
	if column == p.columns-1 {
		return p.To
	}
	return p.from(column + 1)
}

// column returns the column in which a moment lies.
func (p canvas) column(at time.Time) int {
	part := float64(at.Sub(p.From)) / max(float64(p.To.Sub(p.From)), 1)
	return min(max(int(part*float64(p.columns)), 0), p.columns-1)
}

// filled returns how far a count fills a row, as an index into the charset's levels.
func (p canvas) filled(n, row int) int {
	parts := len(p.set.levels) - 1
	below := (plotHeight - 1 - row) * parts
	total := int(math.Round(p.height(n) * float64(parts)))
	if n > 0 {
		total = max(total, 1) // a count above 0 is always seen
	}
	return min(max(total-below, 0), parts)
}

// rowOf returns the row of a count; ok is false if the count is above the picture, or 0.
func (p canvas) rowOf(n int) (row int, ok bool) {
	if n > p.top || n <= 0 {
		return 0, false
	}
	return plotHeight - int(math.Ceil(p.height(n))), true
}

// height says how many rows a count takes.
func (p canvas) height(n int) float64 {
	return float64(min(n, p.top)) / float64(p.top) * plotHeight
}

// margin names the counts beside some rows.
func (p canvas) margin(row int) string {
	name, side := "", p.set.side
	for _, n := range []int{p.top, (p.top + 1) / 2} {
		if at, ok := p.rowOf(n); ok && at == row && name == "" {
			name, side = strconv.Itoa(n), p.set.tick
		}
	}
	return fmt.Sprintf("%*s%s", p.left, name+" ", side)
}

// ground draws the line below the columns, with a notch for each tick.
func (p canvas) ground() string {
	line := []string{fmt.Sprintf("%*s%s", p.left, "0 ", p.set.corner)}
	for range p.columns {
		line = append(line, p.set.ground)
	}
	for _, tick := range p.Ticks() {
		line[p.column(tick)+1] = p.set.notch
	}
	return strings.Join(line, "")
}

// times names the ticks, as far as the names have room.
func (p canvas) times() string {
	line := []byte(strings.Repeat(" ", p.left+1+p.columns))
	free := 0
	for _, tick := range p.Ticks() {
		name := p.Label(tick)
		at := min(max(p.left+1+p.column(tick)-len(name)/2, 0), len(line)-len(name))
		if at >= free {
			copy(line[at:], name)
			free = at + len(name) + len(gap)
		}
	}
	return strings.TrimRight(string(line), " ")
}

// legend says what the signs in the picture mean.
func (p canvas) legend() string {
	var out []string
	add := func(sign, means string) { out = append(out, strings.ReplaceAll(sign+" "+means, " ", unbroken)) }
	if len(p.Counts) > 0 {
		add(p.set.levels[len(p.set.levels)-1], "count")
	}
	add(p.set.bound, "bounds")
	add(p.set.floor, "lower bound")
	if slices.ContainsFunc(p.Bounds, func(b scale.BoundsSince) bool { return b.Max > p.top }) {
		add("(the upper one", "is above the picture)")
	}
	if len(p.Scalings) > 0 {
		add(p.set.up, "scaled out")
		add(p.set.down, "scaled in")
		add(p.set.failed, "failed")
	}
	return strings.Join(out, gap)
}
