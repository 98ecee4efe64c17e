package queue

import (
	"context"
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// asks are, by pool and source, what the queue has last asked for by itself. The queue's mu guards them.
type asks map[askKey]ask

type askKey struct{ pool, source string }

type ask struct {
	// about is what it was asked because of, which can be compared: with another one, nothing was tried yet.
	about any
	// tries counts those, and next is when there may be another one.
	tries int
	next  time.Time
}

// askForLevels asks for what schedules and metrics want. Both are levels and no edges: whatever kept a pool elsewhere, it
// is asked for again, ever more seldom for as long as nothing else happens.
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

// isAsked says whether an operation is open that does the same, or one that is being carried out and may do so. q.mu must
// be held.
func (q *Queue) isAsked(intent scale.Intent) bool {
	return slices.ContainsFunc(q.ledger.open, func(e *entry) bool {
		i := e.op.Intent
		return i.Pool == intent.Pool && (i.ToBounds && intent.ToBounds || i.ToMetrics && intent.ToMetrics || e.op.State == Running)
	})
}
