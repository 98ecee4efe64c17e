package output

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/pulumiscale/pulumiscale/scale/doctor"
)

func TestDiagnosis(t *testing.T) {
	report := doctor.Report{Checks: []doctor.Check{
		{ID: "a", Title: "one", Result: doctor.OK, Found: "fine"},
		{ID: "b", Title: "the second", Result: doctor.Warning, Found: "two things:\nand a line", Details: []string{"this", "that"}, Hint: "look"},
		{ID: "c", Title: "third", Result: doctor.Problem, Found: "bad", Hint: "mend it"},
		{ID: "d", Title: "fourth", Result: doctor.NotChecked, Found: "it needs: third"},
	}}
	want := `ok           one         fine
warning      the second  two things:
                         and a line
               this
               that
             hint: look
problem      third       bad
             hint: mend it
not checked  fourth      it needs: third

1 problem, 1 warning
`
	if got := NewStyle(ColorNever, nil).Diagnosis(report); got != want {
		t.Errorf("got\n%s", got)
	}
	colored := NewStyle(ColorAlways, nil).Diagnosis(report)
	if !strings.Contains(colored, "\x1b[31mproblem\x1b[0m") || ansi.Strip(colored) != want {
		t.Errorf("got\n%s", colored)
	}
	if got := NewStyle(ColorNever, nil).Diagnosis(doctor.Report{}); got != "\n0 problems, 0 warnings\n" {
		t.Errorf("got %q", got)
	}
}
