package queue

import (
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// SourceMetrics is the source of the intents by which a queue brings pools to where their metrics want them.
const SourceMetrics = "metrics"

// Unmet says that the metrics of a pool want another count, and why they do not get it.
type Unmet struct{ Decision scale.Decision }

// Met says that what they want is no longer out of reach.
type Met struct{ Pool string }

func (Unmet) IsEvent() {}
func (Met) IsEvent()   {}

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
		wish := wish{d.Outcome, isOutOfReach(d)}
		if before := q.wishes[name]; wish != before {
			q.wishes[name] = wish
			switch {
			case isUnmet(wish.outcome) || wish.outOfReach && !before.outOfReach:
				news = append(news, Unmet{d})
			case before.outOfReach && !wish.outOfReach:
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

// wish is what became of what a pool's metrics wanted: the outcome, and whether they want more than the pool may have.
type wish struct {
	outcome    scale.Outcome
	outOfReach bool
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
