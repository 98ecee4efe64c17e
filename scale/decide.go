package scale

import (
	"fmt"
	"time"
)

// Pool is what is known of one pool when an intent is decided.
type Pool struct {
	// Count is the present count: the rule's Current if it has one, else the configured count. It is nil if nothing
	// says what it is: the configuration holds no value and the rule has no Current.
	Count *int
	// Configured is the count in the configuration of the last successful update; nil if that holds none.
	Configured *int
	// LastUp and LastDown are when the last scaling in each direction completed; zero if there was none.
	LastUp, LastDown time.Time
	// Holds are the holds that may keep the pool as it is.
	Holds Holds
	// Metrics are what is known of the pool's metrics.
	Metrics PoolMetrics
	// Busy says that an update of the pool is running: a signal then counts as within the cooldown.
	Busy bool
}

// Outcome says what becomes of an intent.
type Outcome string

const (
	// Scale changes the pool to the decision's To.
	Scale Outcome = "scale"
	// NoChange means that there is nothing to do: the pool is at the wanted count already.
	NoChange Outcome = "no-change"
	// CoolingDown holds the intent off because the pool has just been scaled, or is being scaled.
	CoolingDown Outcome = "cooldown"
	// Paused refuses the intent because the rule says so.
	Paused Outcome = "paused"
	// Held refuses the intent because somebody holds the pool, or the stack. Nothing passes a hold, not even Force.
	Held Outcome = "held"
	// Cleared means that there is nothing to do: the alert has ended and its trigger has no onClear.
	Cleared Outcome = "cleared"
	// Superseded means that there is nothing to do: another signal for the pool, decided with this one, needs more
	// capacity.
	Superseded Outcome = "superseded"
	// Guarded refuses the scaling because its preview shows what the rule's guard forbids.
	Guarded Outcome = "guarded"
	// HasPending refuses the scaling because it would bring along changes that belong to somebody's next `pulumi up`.
	HasPending Outcome = "pending"
	// Refused says that the intent cannot be decided: something it needs is not known.
	Refused Outcome = "refused"
)

// Decision is what becomes of an intent, and why.
type Decision struct {
	Intent  Intent
	Outcome Outcome
	// From is the count before; nil if it is not known.
	From *int
	// Wanted is the count that the intent asks for, before the guardrails; To is the count inside them. Both are zero
	// if Outcome is Held, Paused by a rule paused in both directions, Cleared or Refused.
	Wanted, To int
	// Clamped says that the guardrails changed the count.
	Clamped bool
	// Until is when a cooldown or a hold ends; zero for other outcomes, and for a pool that is busy.
	Until time.Time
	// Reason is for people. It says why the outcome is not Scale, or what the guardrails did.
	Reason string
	// Pending are the changes that would come along, if Outcome is HasPending; else nil.
	Pending []PendingChange
	// Err is the cause of a refusal that callers tell apart: an [*UnknownPoolError], [*ValueError], [*TargetError],
	// [*ProtectedError] or [*UnprovableError]; or nil.
	Err error
}

// Decide says what becomes of an intent for a pool. It looks at these in this order: held, paused, the wanted count,
// the guardrails in force, no change, the cooldown, scale. It is pure. The intent must be valid and the rule must be
// the pool's.
func Decide(rule Rule, pool Pool, intent Intent, now time.Time) Decision {
	d := Decision{Intent: intent, From: pool.Count}
	if hold := pool.Holds.On(intent.Pool, now); hold != nil {
		d.Until = hold.Until
		return d.WithOutcome(Held, hold.String())
	}
	if rule.Paused == PauseBoth && !intent.Force {
		return d.WithOutcome(Paused, "the rule is paused")
	}
	wanted, stop := want(rule, pool, intent, now)
	if stop != nil {
		if stop.outcome == CoolingDown { // the pool stays for now
			d.Wanted, d.To = *pool.Count, *pool.Count
		}
		return d.WithOutcome(stop.outcome, stop.reason)
	}
	bounds := rule.Bounds(now)
	d.fit(rule, bounds, wanted.count)
	if intent.Signal != nil {
		d.keepForMetrics(rule, pool, bounds, now)
	}
	if never := d.turned(wanted.way); never != "" {
		d.To = *d.From
		return d.WithOutcome(NoChange, bounds.staysReason(d)+never)
	}
	direction := d.direction(pool.Configured)
	if rule.pauses(direction) && !intent.Force {
		return d.WithOutcome(Paused, fmt.Sprintf("the rule is paused for scaling %s", direction))
	}
	if direction == 0 && equal(pool.Configured, d.To) {
		return d.WithOutcome(NoChange, d.noChangeReason())
	}
	if intent.isSignal() && pool.Busy {
		return d.WithOutcome(CoolingDown, "an update of the pool is running")
	}
	if until := cooldownEnd(rule.Cooldown, pool.seenBy(intent), direction, now); now.Before(until) && !intent.Force && !intent.ToBounds {
		d.Until = until
		return d.WithOutcome(CoolingDown, fmt.Sprintf("cooling down for another %s", until.Sub(now).Round(time.Second)))
	}
	d.Outcome = Scale
	return d
}

// fit limits the wanted count to what one step and the guardrails in force allow, and notes in the decision what it
// did.
func (d *Decision) fit(rule Rule, bounds Bounds, wanted int) {
	d.Wanted = wanted
	step := wanted
	if d.Intent.isSignal() && d.From != nil {
		step = rule.MaxStep.limit(*d.From, wanted)
	}
	d.To = bounds.Clamp(step)
	switch d.Clamped = d.To != step; {
	case d.Clamped:
		d.Reason = bounds.clampReason(step)
	case step != wanted:
		d.Reason = fmt.Sprintf("%d is wanted, and maxStep allows %+d at once", wanted, step-*d.From)
	}
}

// limit returns the count that one step may reach on the way from one count to another.
func (m MaxStep) limit(from, to int) int {
	switch {
	case m.Up > 0 && to > from:
		return min(to, add(from, m.Up))
	case m.Down > 0 && to < from:
		return max(to, from-m.Down)
	}
	return to
}

// keepForMetrics stops an alert from scaling the pool in below the count that its metrics want: if they disagree, it is
// safer to have too much.
func (d *Decision) keepForMetrics(rule Rule, pool Pool, bounds Bounds, now time.Time) {
	if len(rule.Metrics) == 0 || d.From == nil || d.To >= *d.From {
		return
	}
	wanted, stop := wantMetrics(rule, pool, now)
	if stop != nil {
		return
	}
	if least := min(bounds.Clamp(wanted.count), *d.From); least > d.To {
		d.To, d.Reason = least, fmt.Sprintf("the metrics want %d", wanted.count)
	}
}

// WithOutcome returns the decision with the outcome, which is not [Scale], and the reason for it.
func (d Decision) WithOutcome(outcome Outcome, reason string) Decision {
	d.Outcome, d.Reason = outcome, reason
	return d
}

// turned says why a decision must not move the pool: it would move the pool against the direction of its intent, or a
// signal wants no change. The result is empty if the pool may be moved. The guardrails, an exact size or a metric's
// value may lead to a decision that must not move the pool.
func (d Decision) turned(way Direction) string {
	if d.From == nil || d.To == *d.From {
		return ""
	}
	asker, isSignal := "a request", d.Intent.isSignal()
	if isSignal {
		asker = "a signal"
	}
	switch {
	case isSignal && d.Wanted == *d.From:
		return "a signal for no change never moves it"
	case way == Up && d.To < *d.From:
		return asker + " for more never lowers it"
	case way == Down && d.To > *d.From:
		return asker + " for less never raises it"
	}
	return ""
}

// staysReason returns the beginning of the reason why the pool stays: its count, and the guardrail that the count is
// beyond or else the count that is wanted.
func (b Bounds) staysReason(d Decision) string {
	switch {
	case d.To > b.Max:
		return fmt.Sprintf("already at %d, above max %d%s: ", d.To, b.Max, b.within())
	case d.To < b.Min:
		return fmt.Sprintf("already at %d, below min %d%s: ", d.To, b.Min, b.within())
	}
	return fmt.Sprintf("already at %d, and %d is wanted: ", d.To, d.Wanted)
}

// direction returns the way the decision moves the pool's present count or, if that count stays, the configured count:
// a decision that takes back the count of a scaling under way is also a scaling. The result is zero if neither count is
// known or moves.
func (d Decision) direction(configured *int) Direction {
	if way := wayTo(d.From, d.To); way != 0 {
		return way
	}
	return wayTo(configured, d.To)
}

func wayTo(from *int, to int) Direction {
	switch {
	case from == nil || *from == to:
		return 0
	case *from < to:
		return Up
	}
	return Down
}

func (d Decision) noChangeReason() string {
	if d.Reason != "" {
		return fmt.Sprintf("already at %d; %s", d.To, d.Reason)
	}
	return fmt.Sprintf("already at %d", d.To)
}

func (b Bounds) clampReason(wanted int) string {
	if wanted > b.Max {
		return fmt.Sprintf("clamped from %d to max %d%s", wanted, b.Max, b.within())
	}
	return fmt.Sprintf("clamped from %d to min %d%s", wanted, b.Min, b.within())
}

func (r Rule) pauses(d Direction) bool {
	return r.Paused == PauseUp && d == Up || r.Paused == PauseDown && d == Down
}

// cooldownEnd returns the time from which the cooldown lets a change in the direction through. A scaling may seem to
// lie in the future because this machine's clock was set back or the backend's is ahead. Then it counts as completed
// now. A scaling that lies further ahead than the cooldown lasts does not count: it would hold off changes for as long
// as the clocks differ.
func cooldownEnd(c Cooldown, pool Pool, direction Direction, now time.Time) time.Time {
	lasts := c.Down
	if direction == Up {
		lasts = c.Up
	}
	last := believable(pool.LastUp, now.Add(lasts))
	if direction == Down || !c.Split {
		last = Later(last, believable(pool.LastDown, now.Add(lasts)))
	}
	if direction == 0 || last.IsZero() {
		return time.Time{}
	}
	if last.After(now) {
		last = now
	}
	return last.Add(lasts)
}

// believable returns t, or zero if t is after the limit.
func believable(t, limit time.Time) time.Time {
	if t.After(limit) {
		return time.Time{}
	}
	return t
}

// seenBy returns the pool as the intent sees it. For a count or a delta, scalings that were completed while the intent
// waited for its turn are left out: their cooldowns do not hold the intent off. Times are compared to the second, as
// the backend tells them.
func (p Pool) seenBy(intent Intent) Pool {
	if intent.isSignal() || intent.At.IsZero() {
		return p
	}
	at := intent.At.Truncate(time.Second)
	if !p.LastUp.Before(at) {
		p.LastUp = time.Time{}
	}
	if !p.LastDown.Before(at) {
		p.LastDown = time.Time{}
	}
	return p
}

// Later returns the later of two times.
func Later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func equal(known *int, n int) bool { return known != nil && *known == n }

// decidePool decides several intents for one pool, to be carried out by one update. It also returns the pool as the
// decisions leave it.
//
// Signals come first and make one change. Each is decided against the present count, and the one that needs the most
// capacity wins, even if it is held off itself: if signals disagree, it is safer to have too much. Direct intents then
// follow one another as they came. Each starts from the count at which the previous intent leaves the pool: a count
// replaces what came before it, deltas add up.
func decidePool(rule Rule, pool Pool, intents []Intent, now time.Time) ([]Decision, Pool) {
	decisions := make([]Decision, len(intents))
	winner := -1
	for i, intent := range intents {
		if !intent.isSignal() {
			continue
		}
		decisions[i] = Decide(rule, pool, intent, now)
		if counts(decisions[i]) && (winner < 0 || decisions[i].To > decisions[winner].To) {
			winner = i
		}
	}
	for i := range decisions {
		if i != winner && decisions[i].Outcome == Scale {
			decisions[i] = decisions[i].WithOutcome(Superseded, "another signal for the pool needs as much or more")
		}
	}
	if winner >= 0 {
		pool = pool.after(decisions[winner])
	}
	for i, intent := range intents {
		if !intent.isSignal() {
			decisions[i] = Decide(rule, pool, intent, now)
			pool = pool.after(decisions[i])
		}
	}
	return decisions, pool
}

// counts says whether a signal's decision counts when the signals for a pool are compared.
func counts(d Decision) bool {
	pausedOneWay := d.Outcome == Paused && d.To > 0
	return d.Outcome == Scale || d.Outcome == NoChange || d.Outcome == CoolingDown || pausedOneWay
}

// after returns the pool as a decision leaves it, once the decision is carried out.
func (p Pool) after(d Decision) Pool {
	if d.Outcome == Scale {
		p.Count, p.Configured = &d.To, &d.To
	}
	return p
}
