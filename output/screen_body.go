package output

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/lipgloss"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

// body returns all that there is to tell, from what goes on to what is past. It has the parts of the status page, in
// the order of the page.
func (s *Style) body(sc Screen, width int) []string {
	if sc.Fleet != nil {
		return s.fleetBody(sc.Fleet.View(sc.At), width)
	}
	if sc.Status == nil {
		return nil
	}
	v := sc.Status.View(sc.At)
	var out []string
	failures := s.red
	if v.AllMended() {
		failures = s.dim
	}
	since := ""
	if v.Running != nil {
		since = " for " + v.Since(v.Running.StartedAt)
	}
	for _, part := range []struct {
		title, rest string
		look        lipgloss.Style
		lines       []string
	}{
		{v.Trouble(), "", s.red, s.problem(v, width)},
		{"The stack’s new rules have mistakes", "", s.yellow, s.mistakes(v, width)},
		{"Held", "", s.yellow, s.moods(v.HeldBy(), width)},
		{"About to be done", "", s.yellow, s.moods(v.Soon(), width)},
		{"Not as it was deployed", "", s.dim, s.differences(v, width)},
		{"Running", since, s.bold, s.running(v, width)},
		{"Pools", "", s.bold, s.pools(v, width)},
		{"Waiting", "", s.bold, s.waiting(v, width)},
		{"Failures", "", failures, s.failures(v, width)},
		{"Recent scalings", "", s.bold, s.scalings(v, width)},
	} {
		if len(part.lines) == 0 {
			continue
		}
		if out != nil {
			out = append(out, "")
		}
		out = append(append(out, part.look.Bold(true).Render(part.title)+s.dim.Render(part.rest)), part.lines...)
	}
	return out
}

// words lays out a text of several lines. Each line begins with before.
func words(text string, look lipgloss.Style, before string, width int) []string {
	var out []string
	for _, line := range cleanLines(text) {
		out = append(out, paragraph(line, look, before, width)...)
	}
	return out
}

func (s *Style) problem(v board.View, width int) []string {
	if v.Ready || v.Unread {
		return nil
	}
	out := words(v.Problem, s.plain, margin, width)
	if v.ReadAt != nil && !v.Unwritable {
		out = append(out, paragraph("Below is how it was when it was read last.", s.dim, margin, width)...)
	}
	return out
}

func (s *Style) mistakes(v board.View, width int) []string {
	var out []string
	for _, p := range v.RuleErrors {
		out = append(out, paragraph(clean(v.Mistake(p)), s.plain, margin, width)...)
	}
	if len(out) > 0 {
		out = append(out, paragraph("The rules in force are the ones before.", s.dim, margin, width)...)
	}
	return out
}

func (s *Style) differences(v board.View, width int) []string {
	var out []string
	for _, remark := range v.Differences() {
		out = append(out, paragraph(clean(remark), s.dim, margin, width)...)
	}
	return out
}

func (s *Style) running(v board.View, width int) []string {
	if v.Running == nil {
		return nil
	}
	var rows [][]cell
	for _, op := range v.Under() {
		rows = append(rows, []cell{{clean(op.Pool), s.bold}, {v.Way(op), s.bold}, {clean(v.Asked(op)), s.plain}, {clean(op.Ask), s.dim}})
	}
	out := slices.Concat(columns(rows, width)...)
	if more := v.MoreUnder(); more > 0 {
		out = append(out, paragraph(fmt.Sprintf("%d more are under way.", more), s.dim, margin, width)...)
	}
	for _, note := range v.Holdups() {
		out = append(out, paragraph(clean(note.Text), s.mood(note.Class), margin, width)...)
	}
	for _, run := range v.Running.Runs {
		out = append(out, s.run(v, run, width)...)
	}
	if deciding := v.Deciding(); deciding != "" {
		out = append(out, paragraph(deciding, s.dim, margin, width)...)
	}
	return out
}

// run renders one run of the engine: its steps, and what the engine says.
func (s *Style) run(v board.View, run board.Run, width int) []string {
	var out []string
	if about := clean(v.About(run)); about != "" {
		out = paragraph(about, s.plain, margin, width)
	}
	looks := map[string]lipgloss.Style{board.StepRunning: s.magenta, board.StepDone: s.green}
	var rows [][]cell
	for _, step := range v.Steps(run) {
		look, known := looks[step.State]
		if !known {
			look = s.red
		}
		rows = append(rows, []cell{
			{clean(step.State), look}, {v.StepTook(step), s.dim}, {operationOf(clean(step.Op)).sign, operationOf(step.Op).color(s)}, {clean(step.Op), s.plain},
			{clean(step.Name), s.bold}, {clean(step.Type), s.dim}, {clean(v.Diffs(step)), s.plain},
		})
	}
	out = append(out, slices.Concat(columns(rows, width)...)...)
	for _, d := range v.Said(run) {
		text, look := d.Message, s.yellow
		if d.Of != "" {
			text = d.Of + ": " + text
		}
		if d.Severity == "error" {
			look = s.red
		}
		out = append(out, words(text, look, margin+margin, width)...)
	}
	return out
}

func (s *Style) pools(v board.View, width int) []string {
	if len(v.Pools) == 0 {
		return paragraph(v.NoPools(), s.dim, margin, width)
	}
	rows := make([][]cell, len(v.Pools))
	for i, p := range v.Pools {
		count := board.Count(p.Count)
		target := v.Target(p.Pool)
		if target != nil {
			count += " → " + board.Count(target)
		}
		last := "scaled " + board.NeverScaled(p.LastAmong)
		if p.LastAmong == 0 {
			last = "never scaled"
		}
		if p.Last != nil {
			last = fmt.Sprintf("%s, %d → %d", v.Ago(p.Last.End), p.Last.From, p.Last.To)
		}
		rows[i] = []cell{
			{clean(p.Pool), s.bold}, {count, s.bold}, {bar(p, target, min(max(width/10, 6), 20)), s.plain}, {clean(v.Held(p)), s.yellow}, {last, s.dim},
		}
	}
	var out []string
	for i, lines := range columns(rows, width) {
		out = append(append(out, lines...), s.notes(v, v.Pools[i], width)...)
	}
	return out
}

func (s *Style) moods(moods []board.Mood, width int) []string {
	var out []string
	for _, m := range moods {
		out = append(out, words(m.Text, s.plain, margin, width)...)
	}
	return out
}

func (s *Style) notes(v board.View, p board.Pool, width int) []string {
	var out []string
	if window := v.Window(p); window != "" {
		out = paragraph(clean(window), s.dim, margin+margin, width)
	}
	for _, metric := range v.Metrics(p) {
		out = append(out, paragraph(clean(metric), s.dim, margin+margin, width)...)
	}
	for _, note := range v.Notes(p) {
		out = append(out, paragraph(clean(note.Text), s.mood(note.Class), margin+margin, width)...)
	}
	return out
}

// bar shows, in length characters, where a count is between its guardrails. If the pool is being scaled, the part
// between the count and the target has a different shade.
func bar(p board.Pool, target *int, length int) string {
	if p.Count == nil {
		return fmt.Sprintf("%d %s %d", p.Min, strings.Repeat("·", length), p.Max)
	}
	at := func(n int) int {
		if p.Max <= p.Min {
			return length
		}
		n = min(max(n, p.Min), p.Max)
		return (2*length*(n-p.Min) + p.Max - p.Min) / (2 * (p.Max - p.Min)) // rounded
	}
	full, end := at(*p.Count), at(*p.Count)
	if target != nil {
		full, end = min(full, at(*target)), max(full, at(*target))
	}
	return fmt.Sprintf("%d %s%s%s %d", p.Min, strings.Repeat("█", full), strings.Repeat("▒", end-full), strings.Repeat("░", length-end), p.Max)
}

func (s *Style) waiting(v board.View, width int) []string {
	var rows [][]cell
	for _, op := range v.FirstWaiting() {
		rows = append(rows, []cell{
			{clean(op.Pool), s.bold}, {clean(op.Ask), s.plain}, {"waits for " + clean(v.WaitsFor(op)), s.yellow}, {v.Ago(op.Accepted), s.dim}, {clean(v.Asked(op)), s.plain},
		})
	}
	out := slices.Concat(columns(rows, width)...)
	if more := v.MoreWaiting(); more > 0 {
		out = append(out, s.dim.Render(fmt.Sprintf("%s%d more wait.", margin, more)))
	}
	return out
}

func (s *Style) failures(v board.View, width int) []string {
	var out []string
	for _, op := range v.Failures {
		took := v.Took(op.Started, op.Ended)
		if took != "" {
			took = "took " + took
		}
		result, look := cell{clean(v.Outcome(op.Result)), s.red}, s.plain
		if v.Mended(op) {
			result, look = cell{result.text + ", scaled since", s.dim}, s.dim
		}
		out = append(out, flow([]cell{
			result, {clean(op.Pool) + " " + v.Way(op), s.bold}, {v.Ago(op.Ended), s.dim}, {took, s.dim}, {clean(v.Asked(op)), s.plain},
		}, width)...)
		out = append(out, words(op.Error, look, margin+margin, width)...)
	}
	return out
}

func (s *Style) scalings(v board.View, width int) []string {
	if len(v.Scalings) == 0 {
		return paragraph("None yet.", s.dim, margin, width)
	}
	rows := make([][]cell, len(v.Scalings))
	for i, past := range v.Scalings {
		result := cell{"succeeded", s.green}
		if !past.Succeeded {
			result = cell{"failed", s.red}
			if v.Outdone(past) {
				result.look = s.dim
			}
		}
		when := ""
		if past.End != nil {
			when = v.Clock(past.End)
		}
		rows[i] = []cell{
			{when, s.dim}, {v.Ago(past.End), s.plain}, {clean(past.Pool), s.bold}, {fmt.Sprintf("%d → %d", past.From, past.To), s.plain}, result,
			{v.Lasted(past), s.dim}, {clean(v.Committer(past)), s.plain}, {clean(past.Why), s.plain},
		}
	}
	return slices.Concat(columns(rows, width)...)
}
