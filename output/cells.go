package output

import (
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
)

// cell is a piece of text that has one look. The text holds no escape sequence: see [clean].
type cell struct {
	text string
	look lipgloss.Style
}

func (c cell) width() int     { return ansi.StringWidth(c.text) }
func (c cell) render() string { return c.look.Render(c.text) }

// gap stands between two cells, and margin before the lines of a section.
const (
	gap    = "  "
	margin = "  "
)

// leastLast is the least width at which the last cell is shown if rows are laid out in columns.
const leastLast = 16

// columns lays rows out in columns, and returns the lines of each row. The last column is cut if it does not fit. If
// too little of it would be left, each row is laid out by itself: see [flow]. All rows must have the same number of
// cells.
func columns(rows [][]cell, width int) [][]string {
	if len(rows) == 0 {
		return nil
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, c := range row {
			widths[i] = max(widths[i], c.width())
		}
	}
	left, last := width-len(margin), len(widths)-1
	for _, w := range widths[:last] {
		if w > 0 {
			left -= w + len(gap)
		}
	}
	out := make([][]string, len(rows))
	for i, row := range rows {
		if left < min(widths[last], leastLast) {
			out[i] = flow(row, width)
			continue
		}
		line, pad := margin, ""
		for j, c := range row {
			if widths[j] == 0 {
				continue
			}
			if j == last {
				c.text = ansi.Truncate(c.text, left, "…")
			}
			if c.text != "" {
				line, pad = line+pad+c.render(), ""
			}
			pad += strings.Repeat(" ", widths[j]-min(c.width(), widths[j])) + gap
		}
		out[i] = []string{line}
	}
	return out
}

// flow lays cells out one after the other, on as many lines as they need. The lines after the first are indented.
func flow(row []cell, width int) []string {
	indent := margin
	var out []string
	line, used := "", 0
	next := func() {
		if used > 0 {
			out = append(out, indent+line)
			line, used, indent = "", 0, margin+margin
		}
	}
	for _, c := range row {
		if c.text == "" {
			continue
		}
		if used > 0 && len(indent)+used+len(gap)+c.width() > width {
			next()
		}
		for i, part := range wrapped(c.text, width-len(indent)-used-len(gap)*min(used, 1)) {
			if i > 0 {
				next()
			}
			if used > 0 {
				line, used = line+gap, used+len(gap)
			}
			line, used = line+c.look.Render(part), used+ansi.StringWidth(part)
		}
	}
	next()
	return out
}

// paragraph lays a text out between a margin and the right edge.
func paragraph(text string, look lipgloss.Style, before string, width int) []string {
	var out []string
	for _, part := range wrapped(text, width-ansi.StringWidth(before)) {
		out = append(out, before+look.Render(part))
	}
	return out
}

// wrapped breaks a text into lines of at most width. Longer words are broken.
func wrapped(text string, width int) []string {
	return strings.Split(ansi.Wrap(text, max(width, 1), ""), "\n")
}
