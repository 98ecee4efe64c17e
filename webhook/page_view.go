package webhook

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// view is the status as the page's template shows it.
type view struct {
	*statusJSON
	// now has the time zone in which times are shown.
	now time.Time
}

func viewOf(doc *statusJSON, now time.Time) view { return view{statusJSON: doc, now: now} }

// state is how something stands, in words. Its class is "good", "busy", "warn" or "bad".
type state struct{ Class, Text string }

// State is how things stand on the whole: the worst first.
func (v view) State() state {
	switch {
	case !v.Ready:
		return state{"bad", "Stack cannot be read"}
	case len(v.RuleErrors) > 0:
		return state{"warn", "Rules have mistakes"}
	case v.Running != nil && v.Running.WaitsFor != "":
		return state{"warn", "Waiting for the stack"}
	case v.Running != nil && len(v.Running.Operations) == 0:
		return state{"busy", "Recovering"}
	case v.Running != nil:
		return state{"busy", "Scaling"}
	case v.RetryAt != nil:
		return state{"warn", "Waiting for the stack"}
	}
	return state{"good", "Ready"}
}

// Refresh is after how many milliseconds the page asks again.
func (v view) Refresh() int {
	if v.Running != nil || len(v.Waiting()) > 0 {
		return 1000
	}
	return 3000
}

// Headline is the one thing that a screen reader says when it changes: what is being scaled, or what the last scaling came to.
func (v view) Headline() string {
	if v.Running != nil {
		var pools []string
		for _, op := range v.Under() {
			pools = append(pools, op.Pool+" "+op.way(" to "))
		}
		if len(pools) == 0 {
			return "Bringing back to the previous count: " + strings.Join(v.Running.Settling, ", ")
		}
		return "Scaling " + strings.Join(pools, ", ")
	}
	if len(v.Failures) > 0 && (len(v.Scalings) == 0 || !v.Failures[0].ended().Before(ended(v.Scalings[0]))) {
		op := v.Failures[0]
		return fmt.Sprintf("Scaling %s %s: %s", op.Pool, op.way(" to "), outcomeWord(op.Result))
	}
	if len(v.Scalings) > 0 {
		last := v.Scalings[0]
		return fmt.Sprintf("%s was scaled %d to %d", last.Pool, last.From, last.To)
	}
	return ""
}

func (o operationJSON) ended() time.Time {
	if o.Ended == nil {
		return time.Time{}
	}
	return *o.Ended
}

func ended(s scaling) time.Time {
	if s.End == nil {
		return time.Time{}
	}
	return *s.End
}

// outcomeWord is what a failed operation's result is called.
func outcomeWord(result string) string {
	switch scale.Final(result) {
	case scale.FinalFailed:
		return "failed"
	case scale.FinalUnverified:
		return "not verified"
	}
	return result
}

// Outcome is that of a failure.
func (view) Outcome(result string) string { return outcomeWord(result) }

// Under are the operations under way.
func (v view) Under() []operationJSON {
	return slices.DeleteFunc(slices.Clone(v.Open), func(op operationJSON) bool { return !v.isUnder(op.ID) })
}

// Waiting are the open operations that are not under way.
func (v view) Waiting() []operationJSON {
	return slices.DeleteFunc(slices.Clone(v.Open), func(op operationJSON) bool { return v.isUnder(op.ID) })
}

func (v view) isUnder(id string) bool {
	return v.Running != nil && slices.Contains(v.Running.Operations, id)
}

// pageWaiting is how many waiting operations the page shows.
const pageWaiting = 50

// FirstWaiting are as many of those as the page shows, and MoreWaiting counts the rest.
func (v view) FirstWaiting() []operationJSON { return v.Waiting()[:min(pageWaiting, len(v.Waiting()))] }

// MoreWaiting counts the waiting operations that are not shown.
func (v view) MoreWaiting() int { return max(0, len(v.Waiting())-pageWaiting) }

// WaitsFor says what an operation waits for.
func (v view) WaitsFor(op operationJSON) string {
	switch {
	case op.State == string(scale.Deferred) && op.NotBefore != nil && op.NotBefore.After(v.now):
		return "the cooldown, " + v.Left(op.NotBefore)
	case op.Error != "" && v.RetryAt != nil:
		return op.Error + "; tried again in " + v.Left(v.RetryAt)
	case op.Error != "":
		return op.Error
	}
	return "its turn"
}

// Asked is who asked for an operation, and why.
func (view) Asked(op operationJSON) string {
	if op.Reason == "" {
		return op.Source
	}
	return op.Source + ": " + op.Reason
}

// Target is the count to which a pool is being scaled; nil where it is not.
func (v view) Target(pool string) *int {
	for _, op := range v.Under() {
		if op.Pool == pool && op.To != nil && op.Decision.Outcome == string(scale.Scale) {
			return op.To
		}
	}
	return nil
}

// Held says what holds scaling off: a pause, or the rest of the cooldown. It is empty where nothing does.
func (v view) Held(p poolJSON) string {
	var out []string
	switch p.Paused {
	case "":
	case string(scale.PauseBoth):
		out = append(out, "paused")
	default:
		out = append(out, "paused "+p.Paused)
	}
	switch up, down := p.UpUntil, p.DownUntil; {
	case up == nil && down == nil:
	case up != nil && down != nil && up.Equal(*down):
		out = append(out, "cooldown "+v.Left(up))
	case up == nil:
		out = append(out, "cooldown down "+v.Left(down))
	case down == nil:
		out = append(out, "cooldown up "+v.Left(up))
	default:
		out = append(out, "cooldown up "+v.Left(up)+", down "+v.Left(down))
	}
	return strings.Join(out, ", ")
}

// Notes are what is not as it should be with a pool.
func (v view) Notes(p poolJSON) []state {
	var out []state
	if p.Error != "" {
		out = append(out, state{"bad", p.Error})
	}
	if p.Unsettled {
		out = append(out, state{"bad", "Unsettled: an update failed or was cut off while it scaled the pool, whose resources may be in between."})
	}
	if p.Count != nil && (*p.Count < p.Min || *p.Count > p.Max) {
		out = append(out, state{"warn", "The count is outside the guardrails."})
	}
	if p.Count != nil && p.Configured != nil && *p.Count != *p.Configured && v.Target(p.Pool) == nil {
		out = append(out, state{"warn", fmt.Sprintf("The stack is configured for %d.", *p.Configured)})
	}
	if d := p.Drift; d != nil {
		text := fmt.Sprintf("Drift: %s is %s in the config file and %s in the last successful update", d.ConfigKey, orMissing(d.File), orMissing(d.Configured))
		if d.Edit {
			text += "; it is taken for an edit on its way to a pulumi up"
		}
		out = append(out, state{"warn", text + "."})
	}
	return out
}

func orMissing(text *string) string {
	if text == nil {
		return "missing"
	}
	return oneLine(*text, maxShown)
}

// Meter names a pool's meter for those who do not see it.
func (view) Meter(p poolJSON) string {
	return fmt.Sprintf("%s: %s, from %d to %d", p.Pool, counted(p.Count), p.Min, p.Max)
}

// Way is an operation's way from one count to another, or what it should have been.
func (view) Way(op operationJSON) string { return op.way(" → ") }

func (o operationJSON) way(arrow string) string {
	to := o.To
	if to == nil && o.Decision.Outcome == string(scale.Scale) {
		to = o.Decision.To
	}
	if to == nil {
		return counted(o.From)
	}
	return counted(o.From) + arrow + counted(to)
}

// counted is a count that may not be known.
func counted(n *int) string {
	if n == nil {
		return "?"
	}
	return fmt.Sprint(*n)
}

// pageSteps is how many steps of a run the page shows: more are for the API.
const pageSteps = 25

// Steps are the steps of a run that the page shows. Completed ones give way first, the oldest before the others.
func (view) Steps(run runJSON) []runStep {
	steps := slices.Clone(run.Steps)
	for i := 0; i < len(steps) && len(steps) > pageSteps; {
		if steps[i].State != stepDone {
			i++
			continue
		}
		steps = slices.Delete(steps, i, i+1)
	}
	return steps[max(0, len(steps)-pageSteps):]
}

// Progress counts the steps of a run by how far they are.
func (view) Progress(run runJSON) string {
	n := map[string]int{stepDone: run.Omitted}
	for _, step := range run.Steps {
		n[step.State]++
	}
	var out []string
	for _, state := range []string{stepFailed, stepRunning, stepDone} {
		if n[state] > 0 {
			out = append(out, fmt.Sprintf("%d %s", n[state], state))
		}
	}
	return strings.Join(out, ", ")
}

// About says how far a run of the engine is, and what it is about where there are several. It is empty where the only step says it all.
func (v view) About(run runJSON) string {
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

// pageDiffs is how many changed properties of a step are shown.
const pageDiffs = 3

// Diffs are the changed properties of a step, in one line.
func (view) Diffs(step runStep) string {
	var out []string
	for _, d := range step.Diffs[:min(pageDiffs, len(step.Diffs))] {
		out = append(out, fmt.Sprintf("%s %s → %s", d.Path, property(d.Old), property(d.New)))
	}
	if more := len(step.Diffs) - len(out); more > 0 {
		out = append(out, fmt.Sprintf("%d more", more))
	}
	return strings.Join(out, ", ")
}

func property(value any) string {
	if value == nil {
		return "none"
	}
	return oneLine(fmt.Sprint(value), maxShown)
}

// Resource is the name of the resource with a URN: urn:pulumi:STACK::PROJECT::TYPE::NAME.
func (view) Resource(urn string) string {
	parts := strings.SplitN(urn, "::", 4)
	return parts[len(parts)-1]
}

// Mistake is a mistake in the rules, in words.
func (view) Mistake(p scale.Problem) string { return p.String() }

// Took is how long something took, or has taken so far where it has not ended.
func (v view) Took(from, to *time.Time) string {
	if from == nil {
		return ""
	}
	return elapsed(cmp.Or(to, &v.now).Sub(*from))
}

// Lasted is how long a past scaling took, of which the backend knows the seconds.
func (view) Lasted(past scaling) string {
	took := ended(past).Sub(*cmp.Or(past.Start, past.End, &time.Time{})).Round(time.Second)
	if took < time.Second {
		return "under 1s"
	}
	return took.String()
}

// Since is how long ago something began that goes on.
func (v view) Since(t time.Time) string { return elapsed(v.now.Sub(t)) }

// StepTook is how long a step took, or has taken so far.
func (v view) StepTook(step runStep) string { return v.Took(&step.StartedAt, step.EndedAt) }
