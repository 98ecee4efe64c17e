package output

import "github.com/pulumiscale/pulumiscale/scale/doctor"

// Diagnosis is the document of doctor.
type Diagnosis struct {
	// Stack is empty if the stack could not be found.
	Stack string `json:"stack"`
	// Healthy says that there is no problem. There may be warnings.
	Healthy  bool    `json:"healthy"`
	Problems int     `json:"problems"`
	Warnings int     `json:"warnings"`
	Checks   []Check `json:"checks"`
	Failure
}

// Check is one thing that was looked at. IDs are added, never renamed.
type Check struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	// Result is "ok", "warning", "problem" or "not-checked".
	Result  string   `json:"result"`
	Found   string   `json:"found"`
	Details []string `json:"details,omitempty"`
	Hint    string   `json:"hint,omitempty"`
}

// NewDiagnosis makes the document of doctor.
func NewDiagnosis(report doctor.Report) *Diagnosis {
	doc := &Diagnosis{
		Stack: report.Stack, Problems: len(report.Titles(doctor.Problem)), Warnings: len(report.Titles(doctor.Warning)), Checks: []Check{},
	}
	doc.Healthy = doc.Problems == 0
	for _, c := range report.Checks {
		doc.Checks = append(doc.Checks, Check{ID: c.ID, Title: c.Title, Result: string(c.Result), Found: c.Found, Details: c.Details, Hint: c.Hint})
	}
	return doc
}
