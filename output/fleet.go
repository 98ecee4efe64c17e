package output

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

// fleetHead tells how a fleet stands on the whole.
func (s *Style) fleetHead(sc Screen, width int) []string {
	v := sc.Fleet.View(sc.At)
	asOf := "as of " + sc.Fleet.Now.In(sc.At.Location()).Format(time.TimeOnly)
	mood := v.State()
	lines := []string{
		spread(s.bold.Render("Stacks")+gap+s.dim.Render("PulumiScale"), s.dim.Render(asOf), width),
		s.mood(mood.Class).Bold(true).Render("● "+mood.Text) + gap + s.dim.Render(v.Running()),
	}
	if sc.Lost != "" {
		lines = append(lines, paragraph("No answer for "+board.Left(sc.LostFor)+": "+clean(sc.Lost)+"; this is "+asOf, s.red, "", width)...)
	}
	return append(lines, "")
}

// fleetBody returns a line for each stack and, below the line, what is wrong with the stack.
func (s *Style) fleetBody(v board.FleetView, width int) []string {
	rows := make([][]cell, len(v.Stacks))
	for i, stack := range v.Stacks {
		state, open, last := clean(stack.State), "", ""
		if left := v.Left(stack.RetryAt); left != "" {
			state += ", again in " + left
		}
		if stack.Open > 0 {
			open = strconv.Itoa(stack.Open) + " open"
		}
		if stack.Last != nil {
			last = fmt.Sprintf("%s %d → %d %s", clean(stack.Last.Pool), stack.Last.From, stack.Last.To, v.Ago(stack.Last.End))
		}
		rows[i] = []cell{{clean(stack.Name), s.bold}, {state, s.mood(stack.Severity)}, {clean(v.Counts(stack)), s.plain}, {open, s.plain}, {last, s.dim}}
	}
	var out []string
	for i, lines := range columns(rows, width) {
		out = append(out, lines...)
		if problem := v.Stacks[i].Problem; problem != "" {
			out = append(out, words(problem, s.yellow, margin+margin, width)...)
		}
	}
	return out
}

// FleetChanges returns a line for each stack that has changed since the answer before, with the time in zone. It
// returns "" if nothing is new. If before is nil, it tells of every stack.
func (s *Style) FleetChanges(before, now *board.Fleet, zone *time.Location) string {
	before, now = tidy(before), tidy(now)
	v := now.View(now.Now.In(zone))
	earlier := map[string]board.FleetStack{}
	if before != nil {
		for _, stack := range before.Stacks {
			earlier[stack.Name] = stack
		}
	}
	var out strings.Builder
	say := func(name, text string) {
		fmt.Fprintf(&out, "%s %s: %s\n", s.dim.Render(now.Now.In(zone).Format(time.DateTime)), clean(name), text)
	}
	for _, stack := range v.Stacks {
		was, known := earlier[stack.Name]
		delete(earlier, stack.Name)
		if known && was.State == stack.State && was.Problem == stack.Problem && v.Counts(was) == v.Counts(stack) {
			continue
		}
		text := s.mood(stack.Severity).Render(clean(stack.State))
		if stack.Problem != "" {
			text += ": " + clean(stack.Problem)
		}
		if counts := v.Counts(stack); counts != "" {
			text += "; " + clean(counts)
		}
		say(stack.Name, text)
	}
	if before == nil {
		return out.String()
	}
	var gone []string
	for name := range earlier {
		gone = append(gone, name)
	}
	slices.Sort(gone)
	for _, name := range gone {
		say(name, "no longer served")
	}
	return out.String()
}
