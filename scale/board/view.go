package board

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// View is a status as people see it at a time.
type View struct {
	*Status
	// at is the time at which the status is seen. Times are shown in its zone.
	at time.Time
}

// View returns the status as people see it at a time, in that time's zone. How long something will last, and how long
// ago something was, is counted from that time.
func (s *Status) View(at time.Time) View { return View{Status: s, at: at} }

// FullName returns the stack's name with the name of its project, as Pulumi writes it: organization, project, stack.
func (v View) FullName() string {
	parts := strings.Split(v.Stack, "/")
	if v.Project == "" || len(parts) > 2 {
		return v.Stack
	}
	return strings.Join(slices.Insert(parts, len(parts)-1, v.Project), "/")
}

// At returns the time at which the view is seen.
func (v View) At() time.Time { return v.at }

// Mood is how something stands, in words. Its class is "good", "busy", "warn" or "bad".
type Mood struct{ Class, Text string }

// The classes of a mood.
const (
	Good = "good"
	Busy = "busy"
	Warn = "warn"
	Bad  = "bad"
)

// State says how the stack stands on the whole. If several things are to be told, it tells the one that matters most.
func (v View) State() Mood {
	switch {
	case v.Off:
		return Mood{Bad, "Scaling is switched off"}
	case v.Unwritable && v.Cluster != nil:
		return Mood{Bad, "Cannot save to the cluster's log"}
	case v.Unwritable:
		return Mood{Bad, "Cannot save to disk"}
	case v.Unread:
		return Mood{Good, "Not read yet"}
	case !v.Ready:
		return Mood{Bad, "Stack cannot be read"}
	case len(v.RuleErrors) > 0:
		return Mood{Warn, "Rules have mistakes"}
	case v.heldStack() != nil && v.Running == nil:
		return Mood{Warn, "Held"}
	case v.Running != nil && v.Running.WaitsFor != "":
		return Mood{Warn, "Waiting for the stack"}
	case v.Running != nil && len(v.Running.Operations) == 0:
		return Mood{Busy, "Recovering"}
	case v.Running != nil:
		return Mood{Busy, "Scaling"}
	case slices.ContainsFunc(v.Pools, func(p Pool) bool { return p.Unsettled }):
		return Mood{Warn, "A pool is half scaled"}
	case v.RetryAt != nil:
		return Mood{Warn, "Waiting for the stack"}
	}
	return Mood{Good, "Ready"}
}

// Trouble returns a title that says why no operations are accepted.
func (v View) Trouble() string {
	switch {
	case v.Unwritable && v.Cluster != nil:
		return "Requests are refused: the cluster's log cannot be written"
	case v.Unwritable:
		return "Requests are refused: the journal cannot be written"
	}
	return "The stack cannot be read"
}

// Refresh returns how long to wait before asking a server again.
func (v View) Refresh() time.Duration {
	if v.Running != nil || len(v.Waiting())+v.MoreWaiting() > 0 {
		return time.Second
	}
	return 3 * time.Second
}

// Headline returns the sentence that a screen reader reads out whenever the sentence changes: what is being scaled, or
// how the last scaling ended.
func (v View) Headline() string {
	if v.Running != nil {
		var pools []string
		for _, op := range v.Under() {
			pools = append(pools, op.Pool+" "+op.Way(" to "))
		}
		if len(pools) == 0 {
			return "Bringing back to the previous count: " + strings.Join(v.Running.Settling, ", ")
		}
		return "Scaling " + strings.Join(pools, ", ")
	}
	if len(v.Failures) > 0 && (len(v.Scalings) == 0 || !v.Failures[0].ended().Before(v.Scalings[0].ended())) {
		op := v.Failures[0]
		return fmt.Sprintf("Scaling %s %s: %s", op.Pool, op.Way(" to "), v.Outcome(op.Result))
	}
	if len(v.Scalings) > 0 {
		last := v.Scalings[0]
		return fmt.Sprintf("%s was scaled %d to %d", last.Pool, last.From, last.To)
	}
	return ""
}

func (o Operation) ended() time.Time {
	if o.Ended == nil {
		return time.Time{}
	}
	return *o.Ended
}

func (s Scaling) ended() time.Time {
	if s.End == nil {
		return time.Time{}
	}
	return *s.End
}

// Outcome says in words how an operation failed, given its result.
func (View) Outcome(result string) string {
	switch queue.Final(result) {
	case queue.FinalFailed:
		return "failed"
	case queue.FinalUnverified:
		return "not verified"
	}
	return result
}

// Mended says whether nobody needs to look at a failed operation any more: a later scaling of the same pool has
// succeeded, and nothing is in doubt about the pool. The backend's times of scalings are exact to the second.
func (v View) Mended(op Operation) bool { return v.scaledSince(op.Pool, op.ended()) }

// Outdone is like [View.Mended], for a past scaling that failed.
func (v View) Outdone(past Scaling) bool { return v.scaledSince(past.Pool, past.ended()) }

func (v View) scaledSince(name string, ended time.Time) bool {
	at := slices.IndexFunc(v.Pools, func(p Pool) bool { return p.Pool == name })
	if at < 0 || ended.IsZero() {
		return false
	}
	pool := v.Pools[at]
	return !pool.Unsettled && pool.Unverified == "" && pool.Last != nil && pool.Last.Start != nil && pool.Last.Start.After(ended)
}

// AllMended says whether all failures are mended: see [View.Mended].
func (v View) AllMended() bool {
	return !slices.ContainsFunc(v.Failures, func(op Operation) bool { return !v.Mended(op) })
}

// Under returns the operations under way.
func (v View) Under() []Operation {
	return slices.DeleteFunc(slices.Clone(v.Open), func(op Operation) bool { return !v.isUnder(op.ID) })
}

// Waiting returns the open operations that are not under way.
func (v View) Waiting() []Operation {
	return slices.DeleteFunc(slices.Clone(v.Open), func(op Operation) bool { return v.isUnder(op.ID) })
}

func (v View) isUnder(id string) bool {
	return v.Running != nil && slices.Contains(v.Running.Operations, id)
}

// How many operations are told of: how many under way, and how many that wait.
const (
	mostUnder   = 100
	mostWaiting = 50
)

// FirstWaiting returns the waiting operations that are shown.
func (v View) FirstWaiting() []Operation { return v.Waiting()[:min(mostWaiting, len(v.Waiting()))] }

// MoreWaiting counts the waiting operations that are not shown.
func (v View) MoreWaiting() int {
	return max(0, len(v.Waiting())-mostWaiting) + max(0, v.OpenOmitted-v.MoreUnder())
}

// MoreUnder counts the operations under way that are not told of.
func (v View) MoreUnder() int {
	if v.Running == nil {
		return 0
	}
	return v.Running.Omitted
}

// WaitsFor says what an operation waits for.
func (v View) WaitsFor(op Operation) string {
	hold := v.heldFor(op.Pool)
	switch {
	case hold != nil:
		return "the end of the hold, " + v.Left(&hold.Until)
	case op.State == string(queue.Deferred) && op.NotBefore != nil && op.NotBefore.After(v.at):
		return "the cooldown, " + v.Left(op.NotBefore)
	case op.State == string(queue.Deferred) && op.NotBefore == nil && op.Error == "":
		return "the end of the update"
	case op.Error != "" && v.RetryAt != nil:
		return op.Error + "; tried again in " + v.Left(v.RetryAt)
	case op.Error != "":
		return op.Error
	}
	return "its turn"
}

// Asked says who asked for an operation, and why.
func (View) Asked(op Operation) string {
	if op.Reason == "" {
		return op.Source
	}
	return op.Source + ": " + op.Reason
}

// Way returns [Operation.Way] with the arrow →.
func (View) Way(op Operation) string { return op.Way(" → ") }

// Way returns the count before the operation, the arrow, and the count after it. If the count after is not known, it
// returns the decided count in its place; if none was decided, it returns only the count before.
func (o Operation) Way(arrow string) string {
	to := o.To
	if to == nil && o.Decision.Outcome == string(scale.Scale) {
		to = o.Decision.To
	}
	if to == nil {
		return Count(o.From)
	}
	return Count(o.From) + arrow + Count(to)
}

// Mistake says in words what a mistake in the rules is.
func (View) Mistake(p scale.Problem) string { return p.String() }

// How many remarks are shown, and how much of each.
const (
	mostRemarks   = 10
	longestRemark = 400
)

// Differences say how the program and its configuration differ from what was deployed, one difference in a line.
func (v View) Differences() []string {
	var out []string
	for _, remark := range v.Remarks[:min(mostRemarks, len(v.Remarks))] {
		out = append(out, OneLine(remark, longestRemark))
	}
	return out
}

// Ago says how long ago t was; empty if t is nil.
func (v View) Ago(t *time.Time) string {
	if t == nil {
		return ""
	}
	return Ago(v.at.Sub(*t))
}

// Left says how long it is until t, which must not be nil.
func (v View) Left(t *time.Time) string { return Left(t.Sub(v.at)) }

// Since says how long ago something began that still goes on.
func (v View) Since(t time.Time) string { return Elapsed(v.at.Sub(t)) }

// Clock returns a time of day, with the date if the date is not today's.
func (v View) Clock(t *time.Time) string {
	local := t.In(v.at.Location())
	if local.Format(time.DateOnly) == v.at.Format(time.DateOnly) {
		return local.Format(time.TimeOnly)
	}
	return local.Format("2 Jan 15:04")
}
