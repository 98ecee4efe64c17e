package output

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/lipgloss"

	"github.com/pulumiscale/pulumiscale/scale/doctor"
)

// Diagnosis lists the checks, each with its result in a word, what was found and what to do. It counts them at the end.
func (s *Style) Diagnosis(report doctor.Report) string {
	report = tidy(report)
	words := map[doctor.Result]string{
		doctor.OK: s.green.Render("ok"), doctor.Warning: s.yellow.Render("warning"), doctor.Problem: s.red.Render("problem"),
		doctor.NotChecked: s.dim.Render("not checked"),
	}
	result, title := 0, 0
	for _, c := range report.Checks {
		result, title = max(result, lipgloss.Width(words[c.Result])), max(title, lipgloss.Width(c.Title))
	}
	var out strings.Builder
	for _, c := range report.Checks {
		found := strings.ReplaceAll(s.engine(c.Found), "\n", "\n"+strings.Repeat(" ", result+title+4))
		fmt.Fprintf(&out, "%s  %s  %s\n", padded(words[c.Result], result), padded(s.bold.Render(c.Title), title), found)
		margin := strings.Repeat(" ", result+2)
		for _, line := range c.Details {
			out.WriteString(indent(s.engine(line), margin+"  ") + "\n")
		}
		if c.Hint != "" {
			fmt.Fprintf(&out, "%s%s %s\n", margin, s.bold.Render("hint:"), c.Hint)
		}
	}
	problems, warnings := len(report.Titles(doctor.Problem)), len(report.Titles(doctor.Warning))
	fmt.Fprintf(&out, "\n%s, %s\n", plural(problems, "problem"), plural(warnings, "warning"))
	return out.String()
}

func padded(text string, width int) string {
	return text + strings.Repeat(" ", width-lipgloss.Width(text))
}
