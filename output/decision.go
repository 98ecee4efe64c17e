package output

import (
	"fmt"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// Decision says in one line what becomes of an intent, as "worker-pool 3 -> 50 (clamped from 100 to max 50)".
func (s *Style) Decision(d scale.Decision) string {
	d = tidy(d)
	pool := s.bold.Render(d.Intent.Pool)
	switch d.Outcome {
	case scale.Scale:
		return pool + " " + arrow(d.From, d.To) + aside(d.Reason) + "\n"
	case scale.NoChange, scale.Cleared, scale.Superseded:
		return fmt.Sprintf("%s: nothing to do: %s\n", pool, d.Reason)
	case scale.CoolingDown:
		return fmt.Sprintf("%s %s is held off: %s\n", pool, arrow(d.From, d.To), d.Reason)
	case scale.Paused, scale.Guarded, scale.Held, scale.HasPending:
		return fmt.Sprintf("%s is held off: %s\n", pool, d.Reason)
	}
	return fmt.Sprintf("%s is refused: %s\n", pool, d.Reason)
}

func aside(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + reason + ")"
}

// Preview shows what was decided and what the engine would do. The result is nil if nothing would be done.
func (s *Style) Preview(plan scale.Plan, result *scale.Result) string {
	plan, result = tidy(plan), tidy(result)
	var out strings.Builder
	for _, d := range plan.Decisions {
		out.WriteString(s.Decision(d))
	}
	for _, m := range plan.Moves {
		if size, found := plan.Found[m.Pool]; found {
			out.WriteString(s.otherSize(m, size))
		}
	}
	if result == nil {
		return out.String()
	}
	if len(result.Steps) > 0 {
		out.WriteString("\n" + s.Diff(result.Steps))
	}
	fmt.Fprintf(&out, "\n%s\n", Changes(result.Steps))
	return out.String()
}

// otherSize notes that the size of a pool in the state differed from the count that a move starts from.
func (s *Style) otherSize(m scale.Move, size int) string {
	return s.yellow.Render("note: "+scale.OtherSize(m, size)) + "\n"
}

// Report shows what was done, a line for each pool.
func (s *Style) Report(report scale.Report) string {
	report = tidy(report)
	var out strings.Builder
	done := map[string]bool{}
	for _, r := range report.Results {
		done[r.Pool] = true
		pool := s.bold.Render(r.Pool)
		if r.Unverified != "" {
			fmt.Fprintf(&out, "%s %s %s: %s\n", pool, arrow(r.From, r.To), s.red.Render("unverified"), r.Unverified)
			continue
		}
		fmt.Fprintf(&out, "%s %s %s in %s%s\n", pool, arrow(r.From, r.To), s.green.Render("done"), board.Elapsed(report.Duration), aside(clampOf(report, r)))
	}
	for _, r := range report.Results {
		if r.Found != nil {
			out.WriteString(s.otherSize(r.Move, *r.Found))
		}
	}
	for _, d := range report.Decisions {
		if !done[d.Intent.Pool] {
			out.WriteString(s.Decision(d))
		}
	}
	return out.String()
}

// clampOf says what the guardrails did to the decision behind a result. It returns "" if they did nothing.
func clampOf(report scale.Report, r scale.MoveResult) string {
	for _, d := range report.Decisions {
		if d.Intent.Pool == r.Pool && d.Clamped && d.To == r.To {
			return d.Reason
		}
	}
	return ""
}
