package board

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Holdups say what keeps the running work from ending.
func (v View) Holdups() []Mood {
	var out []Mood
	if pools := v.Running.Settling; len(pools) > 0 {
		out = append(out, Mood{Warn, "An update failed or was cut off. Bringing back to the previous count: " + strings.Join(pools, ", ") + "."})
	}
	if waits := v.Running.WaitsFor; waits != "" {
		if v.Running.RetryAt != nil {
			waits += "; tried again in " + v.Left(v.Running.RetryAt)
		}
		out = append(out, Mood{Warn, "Waiting: " + waits + "."})
	}
	return out
}

// Deciding says what the running work does before the engine runs; empty if the engine runs or is waited for.
func (v View) Deciding() string {
	if len(v.Running.Runs) > 0 || v.Running.WaitsFor != "" {
		return ""
	}
	return "Reading the stack and deciding."
}

// mostSteps is how many steps of a run are shown. The API tells of more.
const mostSteps = 25

// Steps returns the steps of a run that are shown. If there are too many, it leaves out completed steps first,
// beginning with the oldest.
func (View) Steps(run Run) []Step {
	steps := slices.Clone(run.Steps)
	for i := 0; i < len(steps) && len(steps) > mostSteps; {
		if steps[i].State != StepDone {
			i++
			continue
		}
		steps = slices.Delete(steps, i, i+1)
	}
	return steps[max(0, len(steps)-mostSteps):]
}

// Progress counts the steps of a run by how far they have come.
func (View) Progress(run Run) string {
	n := map[string]int{StepDone: run.Omitted}
	for _, step := range run.Steps {
		n[step.State]++
	}
	var out []string
	for _, state := range []string{StepFailed, StepRunning, StepDone} {
		if n[state] > 0 {
			out = append(out, fmt.Sprintf("%d %s", n[state], state))
		}
	}
	return strings.Join(out, ", ")
}

// About says how far a run of the engine has come. If several runs go on, or pools are settled, it also says what the
// run is about. It returns "" if there is one run with one step, because the step itself says how far it has come.
func (v View) About(run Run) string {
	progress := cmp.Or(v.Progress(run), "The program runs")
	alone := len(v.Running.Runs) == 1 && len(v.Running.Operations) > 0
	switch {
	case alone && len(run.Steps) == 1:
		return ""
	case alone:
		return progress
	}
	return strings.TrimPrefix(run.Message, "pulumiscale: ") + ": " + strings.ToLower(progress)
}

// mostDiffs is how many changed properties of a step are shown.
const mostDiffs = 3

// Diffs returns the changed properties of a step, in one line.
func (View) Diffs(step Step) string {
	var out []string
	for _, d := range step.Diffs[:min(mostDiffs, len(step.Diffs))] {
		out = append(out, fmt.Sprintf("%s %s → %s", d.Path, property(d.Old), property(d.New)))
	}
	if more := len(step.Diffs) - len(out); more > 0 {
		out = append(out, fmt.Sprintf("%d more", more))
	}
	return strings.Join(out, ", ")
}

// longestValue is how many characters of a value are shown.
const longestValue = 40

// longestSentence is how many characters are shown of a sentence that has names or a server's words in it.
const longestSentence = 240

func property(value any) string {
	if value == nil {
		return "none"
	}
	return OneLine(fmt.Sprint(value), longestValue)
}

// Saying is a message of the engine. Of names the resources that it is about; it is empty if there are none.
type Saying struct{ Severity, Of, Message string }

// Said returns the messages of a run, without repetitions.
func (View) Said(run Run) []Saying {
	var out []Saying
	for _, d := range scale.SayOnce(run.Said) {
		names := make([]string, len(d.URNs))
		for i, urn := range d.URNs {
			_, names[i] = ResourceOf(urn)
		}
		out = append(out, Saying{d.Severity, strings.Join(names, ", "), d.Message})
	}
	return out
}

// Took says how long something took, or has taken so far if it has not ended.
func (v View) Took(from, to *time.Time) string {
	if from == nil {
		return ""
	}
	return Elapsed(cmp.Or(to, &v.at).Sub(*from))
}

// StepTook says how long a step took, or has taken so far.
func (v View) StepTook(step Step) string { return v.Took(&step.StartedAt, step.EndedAt) }

// Committer names the author of the last commit in the checkout from which somebody's own update ran, because the
// backend does not tell who ran the update. It is empty if the author is not known, and for a scaling of PulumiScale's.
func (View) Committer(past Scaling) string {
	if past.By == "" {
		return ""
	}
	return "last commit by " + past.By
}

// Lasted says how long a past scaling took. The backend's times are exact to the second.
func (View) Lasted(past Scaling) string {
	took := past.ended().Sub(*cmp.Or(past.Start, past.End, &time.Time{})).Round(time.Second)
	if took < time.Second {
		return "under 1s"
	}
	return took.String()
}
