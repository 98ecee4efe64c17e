package output

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

// Screen is what `watch` has to show.
type Screen struct {
	// Status is how the stack stands. It is nil before the first answer. From says who tells it.
	Status *board.Status
	// Fleet is how the stacks of a fleet stand, in place of a status.
	Fleet *board.Fleet
	From  string
	// At is the time at which the status is seen, by the clock of whoever tells it. How long something will last, and
	// how long ago something was, is counted from At.
	At time.Time
	// Lost says why there is no newer answer; it is empty if there is one. LostFor is how long there has been no newer
	// answer.
	Lost    string
	LostFor time.Duration
	// Top is the first line of the body that is shown. Help shows the keys in place of the body.
	Top  int
	Help bool
}

// Screen draws the whole terminal: a head, as much of the body as fits, and a foot. furthest is the largest useful Top:
// with it, the body's last line is shown.
func (s *Style) Screen(sc Screen, width, height int) (picture string, furthest int) {
	sc, width = tidy(sc), max(width, 1)
	head, body := s.head(sc, width), s.keys(width)
	if !sc.Help {
		body = s.body(sc, width)
	}
	room := max(height-len(head)-1, 0)
	furthest = max(len(body)-room, 0)
	top := min(max(sc.Top, 0), furthest)
	seen := body[top:min(top+room, len(body))]
	lines := slices.Concat(head, seen)
	for len(lines) < height-1 {
		lines = append(lines, "")
	}
	lines = append(lines[:max(min(len(lines), height-1), 0)], s.foot(sc.From, top, len(seen), len(body), width))
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, width, "…")
	}
	return strings.Join(lines, "\n"), furthest
}

// head names the stack and tells how it stands on the whole.
func (s *Style) head(sc Screen, width int) []string {
	title := s.bold.Render("PulumiScale")
	if sc.Fleet != nil {
		return s.fleetHead(sc, width)
	}
	if sc.Status == nil {
		lines := []string{title}
		if sc.Lost != "" {
			lines = append(lines, paragraph("No answer for "+board.Left(sc.LostFor)+": "+clean(sc.Lost), s.red, "", width)...)
		}
		return append(lines, "")
	}
	v := sc.Status.View(sc.At)
	title = s.bold.Render(clean(v.FullName())) + gap + s.dim.Render("PulumiScale")
	asOf := "as of " + v.Clock(&v.Now)
	lines := []string{spread(title, s.dim.Render(asOf), width)}
	mood := v.State()
	state := s.mood(mood.Class).Bold(true).Render("● " + mood.Text)
	if v.ReadAt != nil {
		state += gap + s.dim.Render("the stack was read "+v.Ago(v.ReadAt))
	}
	lines = append(lines, state)
	if sc.Lost != "" {
		lines = append(lines, paragraph("No answer for "+board.Left(sc.LostFor)+": "+clean(sc.Lost)+"; this is "+asOf, s.red, "", width)...)
	}
	return append(lines, "")
}

// spread puts one text at the left edge and one at the right. If there is no room for both, the right one is left out.
func spread(left, right string, width int) string {
	room := width - ansi.StringWidth(left) - ansi.StringWidth(right)
	if right == "" || room < len(gap) {
		return left
	}
	return left + strings.Repeat(" ", room) + right
}

// mood returns the look of a mood's class.
func (s *Style) mood(class string) lipgloss.Style {
	switch class {
	case board.Good:
		return s.green
	case board.Busy:
		return s.magenta
	case board.Warn:
		return s.yellow
	}
	return s.red
}

// foot tells the keys and who tells how things stand. If not all of the body fits, it also tells which lines are seen.
func (s *Style) foot(from string, top, seen, of, width int) string {
	keys := "q quit  ? keys"
	if seen < of {
		keys += fmt.Sprintf("  ↑↓ lines %d–%d of %d", top+1, top+seen, of)
	}
	return s.dim.Render(spread(keys, clean(from), width))
}

// keys explains the keys.
func (s *Style) keys(width int) []string {
	var rows [][]cell
	for _, row := range [][2]string{
		{"q, Esc, Ctrl-C", "quit"}, {"↑ k, ↓ j", "a line up, down"}, {"PgUp b, PgDn space", "a page up, down"},
		{"g Home, G End", "to the top, the bottom"}, {"r", "ask again now"}, {"?", "these keys, and back"}, {"Ctrl-Z", "suspend"},
	} {
		rows = append(rows, []cell{{row[0], s.bold}, {row[1], s.plain}})
	}
	return append([]string{s.bold.Render("Keys")}, slices.Concat(columns(rows, width)...)...)
}
