package queue

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// SourceSchedule is the source of the intents by which a queue brings pools inside of the bounds in force.
const SourceSchedule = "schedule"

// boundsTries are, by pool, what was last done to bring it inside of the bounds in force. The queue's mu guards them.
type boundsTries map[string]boundsTry

type boundsTry struct {
	bounds scale.Bounds
	// tries counts those for these bounds, and next is when there may be another one.
	tries int
	next  time.Time
}

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

// keepInBounds asks for what brings pools with schedules inside of the bounds in force. It is a level and no edge:
// whatever kept a pool outside, it is asked for again, ever more seldom for as long as nothing else happens.
func (q *Queue) keepInBounds(now time.Time) {
	q.mu.Lock()
	intents := q.listOutOfBounds(now)
	q.mu.Unlock()
	if len(intents) == 0 {
		return
	}
	q.background.Go(func() {
		ctx, cancel := context.WithTimeout(q.lifetime, readTimeout)
		defer cancel()
		_, _ = q.Submit(ctx, intents) // whatever is in the way is told by itself, and there is another try
	})
}

// listOutOfBounds lists what is to be asked for now. q.mu must be held.
func (q *Queue) listOutOfBounds(now time.Time) []scale.Intent {
	if !q.known.isUsable() {
		return nil
	}
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
			delete(q.boundsTries, name)
			continue
		}
		try := q.boundsTries[name]
		if try.bounds != bounds {
			try = boundsTry{bounds: bounds}
		}
		if now.Before(try.next) || q.holds.inForce.On(name, now) != nil || q.isBringingInside(name) {
			continue
		}
		try.next = now.Add(doubled(q.options.RepeatDelay, try.tries, q.options.MaxRepeatDelay))
		try.tries++
		q.boundsTries[name] = try
		out = append(out, scale.Intent{Pool: name, ToBounds: true, Source: SourceSchedule, Reason: boundsReason(bounds)})
	}
	return out
}

// isBringingInside says whether an operation is open that brings a pool inside of the bounds, or one that is being
// carried out and may do so. q.mu must be held.
func (q *Queue) isBringingInside(pool string) bool {
	return slices.ContainsFunc(q.ledger.open, func(e *entry) bool {
		return e.op.Intent.Pool == pool && (e.op.Intent.ToBounds || e.op.State == Running)
	})
}

// boundsReason says for people which bounds are in force.
func boundsReason(b scale.Bounds) string {
	if b.Window == "" {
		return fmt.Sprintf("no window holds: %d to %d", b.Min, b.Max)
	}
	return fmt.Sprintf("window %s: %d to %d", b.Window, b.Min, b.Max)
}
