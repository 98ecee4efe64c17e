package queue

import (
	"fmt"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// SourceSchedule is the source of the intents by which a queue brings pools inside of the bounds in force.
const SourceSchedule = "schedule"

// boundsEvery is how often it is looked whether other bounds are in force: windows begin and end at whole minutes.
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
