package board

import (
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Decision is what was decided about one intent.
type Decision struct {
	Pool string `json:"pool"`
	// Outcome is a [scale.Outcome], such as "scale" or "cooldown".
	Outcome string `json:"outcome"`
	// From is the count before, Wanted the count that is asked for, and To is Wanted inside the guardrails. From is
	// null if it is not known. Wanted and To are null if none was computed, because the intent was paused, held,
	// cleared or refused.
	From   *int `json:"from"`
	To     *int `json:"to"`
	Wanted *int `json:"wanted"`
	// Clamped says that the guardrails moved Wanted.
	Clamped bool   `json:"clamped"`
	Reason  string `json:"reason,omitempty"`
	// Until is when a cooldown or a hold ends, or when a failed alert may be decided afresh.
	Until *time.Time `json:"until,omitempty"`
	// Pending are the changes that would come along, if Outcome is "pending".
	Pending []scale.PendingChange `json:"pending,omitempty"`
}

// DecisionOf makes the document of a [scale.Decision].
func DecisionOf(d scale.Decision) Decision {
	out := Decision{Pool: d.Intent.Pool, Outcome: string(d.Outcome), From: d.From, Clamped: d.Clamped, Reason: d.Reason, Until: Moment(d.Until), Pending: d.Pending}
	unasked := []scale.Outcome{scale.Paused, scale.Refused, scale.Cleared, scale.Held}
	if d.Wanted != 0 || d.To != 0 || !slices.Contains(unasked, d.Outcome) {
		out.Wanted, out.To = &d.Wanted, &d.To
	}
	return out
}

// Effect is a decision, and what was or would be done because of it: the document of scale and preview, and the answer
// to a dry run.
type Effect struct {
	Stack string `json:"stack"`
	// DryRun says that nothing was done. Steps are what would be done.
	DryRun bool `json:"dryRun"`
	PoolEffect
	Steps    []scale.ResourceStep `json:"steps"`
	Restored []Drift              `json:"restored,omitempty"`
	// Seconds is how long the engine ran.
	Seconds float64 `json:"seconds"`
}

// Effects are decisions on several pools, and what was or would be done because of them: the document of reconcile.
type Effects struct {
	Stack string `json:"stack"`
	// DryRun says that nothing was done. Steps are what would be done.
	DryRun   bool                 `json:"dryRun"`
	Pools    []PoolEffect         `json:"pools"`
	Steps    []scale.ResourceStep `json:"steps"`
	Restored []Drift              `json:"restored,omitempty"`
	// Seconds is how long the engine ran.
	Seconds float64 `json:"seconds"`
}

// PoolEffect is a decision on a pool, and what was or would be done because of it.
type PoolEffect struct {
	Decision
	// Scaled says that an update was made.
	Scaled bool `json:"scaled"`
	// Current is the real size after the update. Unverified says why the update is not proved to have had its effect.
	Current    *int   `json:"current"`
	Unverified string `json:"unverified,omitempty"`
	// StateSize is the pool's size in the state before the update, if something other than an update had changed the
	// size. Otherwise it is null.
	StateSize *int `json:"stateSize"`
}

// Foreseen makes the document of what the first decision of a plan would do. The plan must have a decision. result is
// nil if the engine was not asked.
func Foreseen(stack string, plan *scale.Plan, result *scale.Result) Effect {
	all := AllForeseen(stack, plan, result)
	return Effect{Stack: stack, DryRun: true, PoolEffect: all.Pools[0], Steps: all.Steps, Seconds: all.Seconds}
}

// AllForeseen makes the document of what all decisions of a plan would do. result is nil if the engine was not asked.
func AllForeseen(stack string, plan *scale.Plan, result *scale.Result) Effects {
	e := Effects{Stack: stack, DryRun: true, Pools: []PoolEffect{}, Steps: []scale.ResourceStep{}}
	if result != nil {
		e.Steps, e.Seconds = stepsOf(result.Steps), result.Duration.Seconds()
	}
	for _, d := range plan.Decisions {
		pool := PoolEffect{Decision: DecisionOf(d)}
		if size, ok := plan.Found[pool.Pool]; ok {
			pool.StateSize = &size
		}
		e.Pools = append(e.Pools, pool)
	}
	return e
}

// Done makes the document of what was done because of the first decision of a report. The report must have a decision.
func Done(stack string, report *scale.Report) Effect {
	all := AllDone(stack, report)
	return Effect{Stack: stack, PoolEffect: all.Pools[0], Steps: all.Steps, Restored: all.Restored, Seconds: all.Seconds}
}

// AllDone makes the document of what was done because of all decisions of a report.
func AllDone(stack string, report *scale.Report) Effects {
	e := Effects{
		Stack: stack, Pools: []PoolEffect{}, Steps: stepsOf(report.Steps), Restored: DriftsOf(report.Restored), Seconds: report.Duration.Seconds(),
	}
	for _, d := range report.Decisions {
		pool := PoolEffect{Decision: DecisionOf(d)}
		for _, r := range report.Results {
			if r.Pool == pool.Pool {
				pool.Scaled, pool.From, pool.To, pool.Current, pool.Unverified, pool.StateSize = true, r.From, &r.To, r.Current, r.Unverified, r.Found
			}
		}
		e.Pools = append(e.Pools, pool)
	}
	return e
}

func stepsOf(of []scale.ResourceStep) []scale.ResourceStep {
	return append([]scale.ResourceStep{}, of...)
}

// History is the past scalings, newest first: the document of `history` and GET /history.
type History struct {
	Stack    string    `json:"stack"`
	Scalings []Scaling `json:"scalings"`
}

// HistoryOf makes the document of past scalings.
func HistoryOf(stack string, scalings []scale.Scaling) History {
	doc := History{Stack: stack, Scalings: make([]Scaling, len(scalings))}
	for i, past := range scalings {
		doc.Scalings[i] = ScalingOf(past)
	}
	return doc
}

// Scaling is a past scaling.
type Scaling struct {
	Pool      string     `json:"pool"`
	From      int        `json:"from"`
	To        int        `json:"to"`
	Succeeded bool       `json:"succeeded"`
	Start     *time.Time `json:"start,omitempty"`
	End       *time.Time `json:"end,omitempty"`
	Seconds   float64    `json:"seconds"`
	By        string     `json:"by,omitempty"`
	Message   string     `json:"message,omitempty"`
	// Why is the part of the message that tells why the pool was scaled.
	Why string `json:"why,omitempty"`
}

// ScalingOf makes the document of a past scaling.
func ScalingOf(s scale.Scaling) Scaling {
	return Scaling{
		Pool: s.Pool, From: s.From, To: s.To, Succeeded: s.Succeeded, Start: Moment(s.Start), End: Moment(s.End), Seconds: s.End.Sub(s.Start).Seconds(),
		By: s.By, Message: s.Message, Why: s.Why(),
	}
}

// Moment returns a time for documents: in UTC, to the second, and nil if the time is zero.
func Moment(t time.Time) *time.Time { return instant(t.Truncate(time.Second)) }

// instant returns a time in UTC with fractions of a second, for times that the server takes itself. It returns nil if
// the time is zero.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC())
}

// ahead returns t if t is later than now, and the zero time otherwise.
func ahead(t, now time.Time) time.Time {
	if !t.After(now) {
		return time.Time{}
	}
	return t
}
