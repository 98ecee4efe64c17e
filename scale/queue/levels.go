package queue

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// What schedules and metrics want are levels and no edges: a queue with pools elsewhere asks for it by itself, again and
// again, through [Queue.Submit] like everybody else.

// asks are, by pool and source, what the queue has last asked for by itself. The queue's mu guards them.
type asks map[askKey]ask

type askKey struct{ pool, source string }

type ask struct {
	// about is the reason why it was asked: a value that can be compared. For another reason nothing was tried yet.
	about any
	// tries is how often it was asked for that reason, and next is when it may be asked again.
	tries int
	next  time.Time
}

// askForLevels asks for what schedules and metrics want. While a pool stays elsewhere, for whatever reason, it is asked
// for again, ever more seldom as long as nothing else happens.
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
		_, _ = q.Submit(ctx, intents) // whatever is in the way is told by itself, and there is another try
	})
}

// mayAsk says whether the queue may ask for something now, and notes that it does. q.mu must be held.
func (q *Queue) mayAsk(intent scale.Intent, about any, now time.Time) bool {
	key := askKey{intent.Pool, intent.Source}
	a := q.asks[key]
	if a.about != about {
		a = ask{about: about}
	}
	// What lies further ahead than the longest wait was noted before the clock was set back.
	tooSoon := now.Before(a.next) && a.next.Sub(now) <= q.options.MaxRepeatDelay
	if tooSoon || q.holds.inForce.On(intent.Pool, now) != nil || q.isAsked(intent) {
		return false
	}
	a.next = now.Add(doubled(q.options.RepeatDelay, a.tries, q.options.MaxRepeatDelay))
	a.tries++
	q.asks[key] = a
	return true
}

// isAsked says whether an open operation does the same, or one that is being carried out may do so. q.mu must be held.
func (q *Queue) isAsked(intent scale.Intent) bool {
	return slices.ContainsFunc(q.ledger.open, func(e *entry) bool {
		i := e.op.Intent
		return i.Pool == intent.Pool && (i.ToBounds && intent.ToBounds || i.ToMetrics && intent.ToMetrics || e.op.State == Running)
	})
}

// SourceSchedule is the source of the intents by which a queue brings pools inside of the bounds in force.
const SourceSchedule = "schedule"

// boundsEvery is how often the queue looks whether other bounds are in force: windows begin and end at whole minutes.
const boundsEvery = time.Minute

// nextBoundary is when bounds may change next; ok is false if no pool has schedules. q.mu must be held.
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

// listOutOfBounds lists what brings pools with schedules inside of the bounds in force. q.mu must be held.
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

// SourceMetrics is the source of the intents by which a queue brings pools to where their metrics want them.
const SourceMetrics = "metrics"

// Unmet says that the metrics of a pool want another count, and why they do not get it.
type Unmet struct{ Decision scale.Decision }

// Met says that what they want is no longer out of reach.
type Met struct{ Pool string }

func (Unmet) IsEvent() {}
func (Met) IsEvent()   {}

// wish is what became of what a pool's metrics wanted: the outcome, and whether they want more than the pool may have.
type wish struct {
	outcome    scale.Outcome
	outOfReach bool
}

// listWanted lists what brings pools to where their metrics want them, and tells of those that stay elsewhere. What was
// asked for in vain is asked for again after a while, unless the pool's count has changed since. q.mu must be held.
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
		delete(q.projections, name) // there may have been another look since
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

// isUnmet says whether a wish came to nothing because of something that people may want to do something about.
func isUnmet(o scale.Outcome) bool {
	return o == scale.HasPending || o == scale.Paused || o == scale.Held
}

// metricsReason says for people what the metrics were.
func metricsReason(m scale.PoolMetrics) string {
	var words []string
	for _, s := range m.Samples {
		if s.Problem == "" {
			words = append(words, s.String())
		}
	}
	return strings.Join(words, ", ")
}

// Known is what is known of a pool, with Busy if an update of it is running; ok is false if there is no such
// pool, or if nothing is to be decided on what is known of it.
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

// LookAgain has the queue look at what the metrics want.
func (q *Queue) LookAgain() { q.wakeUp() }
