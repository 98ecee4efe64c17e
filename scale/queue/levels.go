package queue

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Schedules and metrics want a level, which is no event: the count that a pool should have now. While a pool has a
// different count, the queue itself asks for the level again and again, through [Queue.Submit] like any sender.

// asks keeps, by pool and source, what the queue itself has asked for last. The queue's mu guards them.
type asks map[askKey]ask

type askKey struct{ pool, source string }

type ask struct {
	// about is the reason for asking: a value that can be compared. If the reason changes, the count of tries begins
	// anew.
	about any
	// tries is how often the queue has asked for that reason, and next is when it may ask again.
	tries int
	next  time.Time
}

// askForLevels asks for what schedules and metrics want. While a pool keeps a different count, for whatever reason, the
// queue asks again, after ever longer waits as long as nothing else happens.
func (q *Queue) askForLevels(now time.Time) {
	var intents []scale.Intent
	var refused []scale.Event
	q.mu.Lock()
	if q.known.isUsable() {
		var wanted []scale.Intent
		wanted, refused = q.listWanted(now)
		intents = append(q.listOutOfBounds(now), wanted...)
	}
	q.mu.Unlock()
	q.tell(refused...)
	if len(intents) == 0 {
		return
	}
	q.background.Go(func() {
		ctx, cancel := context.WithTimeout(q.lifetime, readTimeout)
		defer cancel()
		_, _ = q.Submit(ctx, intents) // whatever is in the way is told elsewhere, and the queue asks again
	})
}

// mayAsk says whether the queue may submit the intent now. If so, it notes that the queue does. q.mu must be held.
func (q *Queue) mayAsk(intent scale.Intent, about any, now time.Time) bool {
	key := askKey{intent.Pool, intent.Source}
	a := q.asks[key]
	if a.about != about {
		a = ask{about: about}
	}
	// If next lies further ahead than the longest wait, the clock was set back after it was noted.
	tooSoon := now.Before(a.next) && a.next.Sub(now) <= q.options.MaxRepeatDelay
	if tooSoon || q.holds.inForce.On(intent.Pool, now) != nil || q.isAsked(intent) {
		return false
	}
	a.next = now.Add(doubled(q.options.RepeatDelay, a.tries, q.options.MaxRepeatDelay))
	a.tries++
	q.asks[key] = a
	return true
}

// isAsked says whether an open operation asks for the same, or whether any operation of the pool is being carried out,
// because that may have the same effect. q.mu must be held.
func (q *Queue) isAsked(intent scale.Intent) bool {
	return slices.ContainsFunc(q.ledger.open, func(e *entry) bool {
		i := e.op.Intent
		return i.Pool == intent.Pool && (i.ToBounds && intent.ToBounds || i.ToMetrics && intent.ToMetrics || e.op.State == Running)
	})
}

// SourceSchedule is the source of the intents by which a queue brings pools inside of the bounds in force.
const SourceSchedule = "schedule"

// boundsEvery is how often the queue looks whether the bounds in force have changed: windows begin and end at whole
// minutes.
const boundsEvery = time.Minute

// nextBoundary returns when bounds may change next; ok is false if no pool has schedules. q.mu must be held.
func (q *Queue) nextBoundary(now time.Time) (at time.Time, ok bool) {
	if q.known.snap == nil {
		return at, false
	}
	for _, rule := range q.known.snap.Rules {
		if len(rule.Schedules) > 0 {
			return now.Truncate(boundsEvery).Add(boundsEvery), true
		}
	}
	return at, false
}

// listOutOfBounds lists the intents that bring pools with schedules inside of the bounds in force. q.mu must be held.
func (q *Queue) listOutOfBounds(now time.Time) []scale.Intent {
	var out []scale.Intent
	snap := q.known.snap
	for _, name := range snap.Rules.Names() {
		rule := snap.Rules[name]
		if len(rule.Schedules) == 0 {
			continue
		}
		pool, err := snap.Pool(rule)
		bounds := rule.Bounds(now)
		if err != nil || pool.Count == nil || bounds.Clamp(*pool.Count) == *pool.Count {
			delete(q.asks, askKey{name, SourceSchedule})
			continue
		}
		intent := scale.Intent{Pool: name, ToBounds: true, Source: SourceSchedule, Reason: boundsReason(bounds)}
		if q.mayAsk(intent, bounds, now) {
			out = append(out, intent)
		}
	}
	return out
}

// boundsReason says for people which bounds are in force.
func boundsReason(b scale.Bounds) string {
	if b.Window == "" {
		return fmt.Sprintf("no window holds: %d to %d", b.Min, b.Max)
	}
	return fmt.Sprintf("window %s: %d to %d", b.Window, b.Min, b.Max)
}

// SourceMetrics is the source of the intents by which a queue brings pools to the counts that their metrics want.
const SourceMetrics = "metrics"

// Unmet says that the metrics of a pool want a different count, and why the pool does not get it.
type Unmet struct{ Decision scale.Decision }

// Met says that a pool's metrics no longer want more than the pool may have, after an [Unmet] said that they did.
type Met struct{ Pool string }

func (Unmet) IsEvent() {}
func (Met) IsEvent()   {}

// wish says what became of the count that a pool's metrics wanted: the outcome, and whether they want more than the
// pool may have.
type wish struct {
	outcome    scale.Outcome
	outOfReach bool
}

// listWanted lists the intents that bring pools to the counts that their metrics want, and the events to tell: [Unmet]
// and [Met]. If the queue has asked in vain, it asks again after a wait, or at once if the pool's count has changed.
// q.mu must be held.
func (q *Queue) listWanted(now time.Time) (out []scale.Intent, news []scale.Event) {
	if q.scaler.Metrics == nil {
		return nil, nil
	}
	snap := q.known.snap
	for _, name := range snap.Rules.Names() {
		if len(snap.Rules[name].Metrics) == 0 || !q.worker.busy[name].IsZero() {
			continue
		}
		intent := scale.Intent{Pool: name, ToMetrics: true, Source: SourceMetrics}
		delete(q.projections, name) // the metrics may have been looked at again since
		p := q.projection(name, now)
		p.Holds = q.holds.inForce
		d := p.Decide(intent, now)
		got := wish{d.Outcome, isOutOfReach(d)}
		if before := q.wishes[name]; got != before {
			q.wishes[name] = got
			switch {
			case isUnmet(got.outcome) || got.outOfReach && !before.outOfReach:
				news = append(news, Unmet{d})
			case before.outOfReach && !got.outOfReach:
				news = append(news, Met{name})
			}
		}
		if d.Outcome != scale.Scale || !p.Accepts(d) {
			continue
		}
		intent.Reason = metricsReason(q.scaler.Metrics.PoolMetrics(name))
		if q.mayAsk(intent, *d.From, now) {
			out = append(out, intent)
		}
	}
	return out, news
}

// isOutOfReach says whether more is wanted than the upper guardrail allows, and the pool has all that it may have.
func isOutOfReach(d scale.Decision) bool {
	return d.Outcome == scale.NoChange && d.Clamped && d.Wanted > d.To
}

// isUnmet says whether the metrics did not get their count for a reason that people may want to remove: a pending
// change, a pause or a hold.
func isUnmet(o scale.Outcome) bool {
	return o == scale.HasPending || o == scale.Paused || o == scale.Held
}

// metricsReason says for people which values the metrics had.
func metricsReason(m scale.PoolMetrics) string {
	var words []string
	for _, s := range m.Samples {
		if s.Problem == "" {
			words = append(words, s.String())
		}
	}
	return strings.Join(words, ", ")
}

// Known returns what is known of a pool, with Busy set if an update of the pool is running. ok is false if there is no
// such pool, or if what is known is not good enough to decide on.
func (q *Queue) Known(pool string) (p scale.Pool, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.known.isUsable() {
		return p, false
	}
	rule, err := q.known.snap.Rules.Find(pool)
	if err != nil {
		return p, false
	}
	if p, err = q.known.snap.Pool(rule); err != nil {
		return p, false
	}
	p.Busy = !q.worker.busy[pool].IsZero()
	return p, true
}

// LookAgain has the queue look at once at what the metrics want.
func (q *Queue) LookAgain() { q.wakeUp() }
