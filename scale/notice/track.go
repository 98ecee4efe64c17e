package notice

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

const (
	// repeatAfter is how long a trouble lasts before it is told again.
	repeatAfter = 4 * time.Hour
	// longLock is how long a stack must have been locked before a notice tells of the lock.
	longLock = 5 * time.Minute
	// lapseAfter is for troubles that come again and again while they last. If such a trouble has not come for
	// lapseAfter, it counts as over.
	lapseAfter = time.Hour
	// keptError is how many characters of an error are kept for as long as the trouble lasts.
	keptError = 1_000
)

// The events that tell a [Tracker] what was found of metrics. The code that looks at metrics passes them to the
// tracker.
type (
	// Lost says that a metric has had no value since a time.
	Lost struct {
		Pool   string
		Sample scale.Sample
		Since  time.Time
	}
	// Found says that the metric has a value again.
	Found Lost
)

// IsEvent marks an event.
func (Lost) IsEvent() {}

// IsEvent marks an event.
func (Found) IsEvent() {}

// Tracker makes notices of the events of a queue. It remembers which troubles last. So it does not tell a trouble each
// time the trouble comes, and it can tell the end of a trouble. A tracker is kept for the next process as JSON; the
// zero value knows of no trouble. It is not safe for concurrent use.
type Tracker struct {
	Origin Origin `json:"-"`
	// Troubles are the troubles that last, by pool, kind and metric.
	Troubles map[string]*Trouble `json:"troubles,omitempty"`
	// Paused are, by pool, the pauses that the rules have; nil before the first rules came.
	Paused map[string]scale.Pause `json:"paused,omitempty"`
	// LockedSince is when the stack was first found locked; zero after a try that did not find it locked.
	LockedSince time.Time `json:"lockedSince,omitzero"`
}

// Trouble is something that lasts.
type Trouble struct {
	// Notice is the first notice about the trouble.
	Notice Notice `json:"notice"`
	// ToldAt is when the trouble was last told, and SeenAt when it last came. Repeats is how often it came without
	// being told.
	ToldAt  time.Time `json:"toldAt"`
	SeenAt  time.Time `json:"seenAt"`
	Repeats int       `json:"repeats,omitempty"`
}

// Open returns the troubles that last, in the order in which they began.
func (t *Tracker) Open() []Notice {
	var out []Notice
	for _, one := range t.Troubles {
		out = append(out, one.Notice)
	}
	slices.SortFunc(out, func(a, b Notice) int { return a.Time.Compare(b.Time) })
	return out
}

// Hear notes an event, and returns the notices that are to be told because of it. Notices about the operations of a
// batch come from [queue.BatchDone] or, after a restart, from [Tracker.Recall].
func (t *Tracker) Hear(event scale.Event, now time.Time) []Notice {
	switch e := event.(type) {
	case queue.BatchDone:
		out := t.take(ofOperations(e.Operations)...)
		if !e.Postponed && !scale.IsA[*scale.LockedError](e.Err) {
			out = append(out, t.unlock(now)...)
		}
		return out
	case queue.Postponed:
		return t.postponed(e, now)
	case queue.Submitted:
		return t.submitted(e, now)
	case queue.Unmet:
		if n, ok := ofDecision(e.Decision, queue.Operation{}); ok {
			return t.take(stamped(n, now))
		}
	case queue.Met:
		return t.take(recovery(stamped(Notice{Kind: Clamped, Pool: e.Pool}, now), []Kind{Clamped}))
	case queue.HoldsChanged:
		return t.take(ofHolds(e, now)...)
	case scale.Proved:
		return t.proved(e, now)
	case scale.Settled:
		return t.settled(e, now)
	case Lost:
		n := Notice{Kind: NoValue, Pool: e.Pool, Metric: e.Sample.Metric, Error: e.Sample.Problem, Since: &e.Since}
		return t.take(stamped(n, now))
	case Found:
		n := stamped(Notice{Kind: Recovered, Pool: e.Pool, Metric: e.Sample.Metric}, now)
		return t.take(recovery(n, []Kind{NoValue}))
	}
	return nil
}

// IsHeard says whether an event may lead to notices. The notices come from [Tracker.Hear] or, if the event may have
// changed the rules, from [Tracker.Rules]. IsHeard needs no tracker, and is quick.
func IsHeard(event scale.Event) bool {
	switch e := event.(type) {
	case queue.BatchDone, queue.Postponed, queue.HoldsChanged, queue.Unmet, queue.Met, scale.Proved, scale.Settled, Lost, Found, queue.Refreshed:
		return true
	case queue.Submitted:
		return !e.Accepted && !e.Duplicate
	}
	return false
}

// Recall returns the notices about operations that are done and that an earlier process may not have told.
func (t *Tracker) Recall(operations []queue.Operation) []Notice {
	return t.take(ofOperations(operations)...)
}

// IDOf returns the id that the notice about a done operation has. Not every done operation has a notice.
func IDOf(op queue.Operation) string { return idOf("operation", op.Intent.Pool, op.Update) }

// Rules notes the rules in force. It returns the notices about pauses that begin and end, and the notices that end the
// troubles of pools and metrics which no rule has any more. The first rules lead to no notice about a pause.
func (t *Tracker) Rules(rules scale.Rules, now time.Time) []Notice {
	if rules == nil {
		return nil
	}
	paused := map[string]scale.Pause{}
	var out []Notice
	for _, pool := range rules.Names() {
		pause, before := rules[pool].Paused, t.Paused[pool]
		if pause != scale.PauseNone {
			paused[pool] = pause
		}
		switch {
		case t.Paused == nil || pause == before:
		case pause == scale.PauseNone:
			out = append(out, stamped(Notice{Kind: Unpaused, Pool: pool}, now))
		default:
			out = append(out, stamped(Notice{Kind: Paused, Pool: pool, Reason: pauseReason(pause)}, now))
		}
	}
	t.Paused = paused
	return t.take(append(out, t.orphans(rules, now)...)...)
}

// orphans returns the notices that end the troubles of pools and metrics which no rule has any more.
func (t *Tracker) orphans(rules scale.Rules, now time.Time) (out []Notice) {
	for _, n := range t.Open() {
		rule, isKnown := rules[n.Pool]
		named := func(m scale.Metric) bool { return m.Name == n.Metric }
		if n.Pool != "" && (!isKnown || n.Metric != "" && !slices.ContainsFunc(rule.Metrics, named)) {
			out = append(out, recovery(stamped(Notice{Kind: n.Kind, Pool: n.Pool, Metric: n.Metric}, now), []Kind{n.Kind}))
		}
	}
	return out
}

// Lapse returns the notices that end troubles which have not come for lapseAfter. If these troubles lasted, they would
// have come again, because senders and the queue itself ask again for what they did not get. Troubles that the metrics
// of a rule caused do not lapse.
func (t *Tracker) Lapse(now time.Time) []Notice {
	var out []Notice
	for _, one := range t.Troubles {
		n := one.Notice
		repeats := n.Kind == Clamped || n.Kind == Refused || n.Kind == WindowRefused
		if repeats && n.Source != queue.SourceMetrics && now.Sub(one.SeenAt) >= lapseAfter {
			out = append(out, recovery(stamped(Notice{Kind: n.Kind, Pool: n.Pool}, now), []Kind{n.Kind}))
		}
	}
	return t.take(out...)
}

func pauseReason(p scale.Pause) string {
	if p == scale.PauseBoth {
		return ""
	}
	return "only scaling " + string(p)
}

// stamped returns a notice with its time, and with an id that depends on the time.
func stamped(n Notice, now time.Time) Notice {
	n.Time = now
	n.ID = idOf(string(n.Kind), n.Pool, n.Metric, n.Reason, now.UTC().Format(time.RFC3339Nano))
	return n
}

func (t *Tracker) submitted(e queue.Submitted, now time.Time) []Notice {
	direct := e.Decision.Intent.Count != nil || e.Decision.Intent.Delta != nil
	if e.Accepted || e.Duplicate || direct { // the answer to a direct request tells its sender
		return nil
	}
	if n, ok := ofDecision(e.Decision, e.Operation); ok {
		return t.take(stamped(n, now))
	}
	return nil
}

func (t *Tracker) postponed(e queue.Postponed, now time.Time) []Notice {
	if !scale.IsA[*scale.LockedError](e.Err) {
		return nil
	}
	if t.LockedSince.IsZero() {
		t.LockedSince = now
	}
	if now.Sub(t.LockedSince) < longLock {
		return nil
	}
	since := t.LockedSince
	return t.take(stamped(Notice{Kind: Locked, Since: &since, Error: e.Err.Error()}, now))
}

// unlock notes that the stack is not locked any more.
func (t *Tracker) unlock(now time.Time) []Notice {
	if t.LockedSince.IsZero() {
		return nil
	}
	t.LockedSince = time.Time{}
	return t.take(recovery(stamped(Notice{Kind: Locked}, now), []Kind{Locked}))
}

func (t *Tracker) settled(e scale.Settled, now time.Time) (out []Notice) {
	for _, pool := range e.Pools {
		if e.Err != nil {
			out = append(out, stamped(Notice{Kind: Unsettled, Pool: pool, Error: e.Err.Error()}, now))
		} else {
			out = append(out, recovery(stamped(Notice{Kind: Unsettled, Pool: pool}, now), []Kind{Unsettled}))
		}
	}
	out = t.take(out...)
	if e.Err == nil {
		out = append(out, t.unlock(now)...)
	}
	return out
}

// proved notes which pools have pending changes, and which have none.
func (t *Tracker) proved(e scale.Proved, now time.Time) (out []Notice) {
	if e.Err != nil {
		return nil
	}
	for _, pool := range slices.Sorted(maps.Keys(e.Pending)) {
		if changes := e.Pending[pool]; len(changes) > 0 {
			out = append(out, stamped(Notice{Kind: Pending, Pool: pool, Error: scale.DescribePending(changes)}, now))
		}
	}
	for _, n := range t.Open() {
		if n.Kind == Pending && len(e.Pending[n.Pool]) == 0 {
			out = append(out, recovery(stamped(Notice{Kind: Pending, Pool: n.Pool}, now), []Kind{Pending}))
		}
	}
	return t.take(out...)
}

// ofHolds returns the notices about holds that begin and end.
func ofHolds(e queue.HoldsChanged, now time.Time) (out []Notice) {
	for _, h := range e.Now {
		if !slices.Contains(e.Before, h) {
			out = append(out, stamped(Notice{Kind: Held, Pool: h.Pool, Until: &h.Until, Source: h.By, Reason: h.Reason}, now))
		}
	}
	for _, h := range e.Before {
		if !slices.ContainsFunc(e.Now, func(n scale.Hold) bool { return n.Pool == h.Pool }) {
			out = append(out, stamped(Notice{Kind: Released, Pool: h.Pool, Source: h.By, Reason: h.Reason}, now))
		}
	}
	return out
}

// take notes the notices, and returns those that are to be told. It leaves out a trouble that was told less than
// repeatAfter ago, and the end of a trouble that did not last.
func (t *Tracker) take(notices ...Notice) (out []Notice) {
	for _, n := range notices {
		switch {
		case n.Kind.IsTrouble():
			if n, ok := t.begin(n); ok {
				out = append(out, n)
			}
		case n.Kind == Recovered:
			if n, ok := t.end(n); ok {
				out = append(out, n)
			}
		default:
			out = append(out, t.Origin.complete(n))
		}
	}
	return out
}

// begin notes a trouble. It returns the notice that is to be told, and false if the trouble was told less than
// repeatAfter ago.
func (t *Tracker) begin(n Notice) (Notice, bool) {
	if t.Troubles == nil {
		t.Troubles = map[string]*Trouble{}
	}
	key := keyOf(n.Pool, n.Kind, n.Metric)
	old := t.Troubles[key]
	if old == nil {
		n = t.Origin.complete(n)
		kept := n
		kept.Error = board.Lines(n.Error, keptError)
		t.Troubles[key] = &Trouble{Notice: kept, ToldAt: n.Time, SeenAt: n.Time}
		return n, true
	}
	old.SeenAt = n.Time
	if n.Time.Sub(old.ToldAt) < repeatAfter {
		old.Repeats++
		return n, false
	}
	if n.Since == nil {
		n.Since = &old.Notice.Time
	}
	old.ToldAt = n.Time
	return t.Origin.complete(n), true
}

// end notes that the troubles of the kinds in n.Ends are over. It returns the notice that is to be told, and false if
// none of them lasted.
func (t *Tracker) end(n Notice) (Notice, bool) {
	var ends []Kind
	for _, kind := range n.Ends {
		key := keyOf(n.Pool, kind, n.Metric)
		if old := t.Troubles[key]; old != nil {
			ends = append(ends, kind)
			if n.Since == nil || old.Notice.Time.Before(*n.Since) {
				n.Since = &old.Notice.Time
			}
			delete(t.Troubles, key)
		}
	}
	n.Ends = ends
	return t.Origin.complete(n), len(ends) > 0
}

// keyOf returns the key of a trouble in Troubles.
func keyOf(pool string, kind Kind, metric string) string {
	return strings.Join([]string{pool, string(kind), metric}, "\x00")
}

// TroubleID returns an id that all notices about one trouble have in common. With it, the notice of the trouble's end
// can be matched with the earlier ones.
func (n Notice) TroubleID(kind Kind) string {
	return idOf(n.Project, n.Stack, keyOf(n.Pool, kind, n.Metric))
}
