package queue

import (
	"context"
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// settling is what a queue knows of its tries to settle pools. A pool that an earlier update left unsettled does not
// wait for the next event. But each try holds the stack's lock, which a person may need, so the queue waits between two
// tries. The queue's mu guards it.
type settling struct {
	// at is when pools may be settled again, and tried is when the last try ended.
	at, tried time.Time
	// failures counts the tries that failed in a row, and err is the error of the last one; nil if there is none.
	failures int
	err      error
}

// Upcoming is what a queue is about to do by itself, unless something comes in between.
type Upcoming struct {
	Pool string
	// To is the count that the pool is to have.
	To int
	// Settles says that the pool is brought back to that count after an update that failed or was cut off. If it is
	// false, an operation is tried again.
	Settles bool
	At      time.Time
	// Why says what was in the way at the last try; empty if nothing was.
	Why string
}

const (
	// settleShare is how many times longer the wait between two tries to settle is than the wait between two tries to
	// scale, because nobody waits for a settling.
	settleShare = 5
	// newsShare is the wait after the last try, in multiples of RetryDelay, to which settleSooner shortens a longer
	// one.
	newsShare = 30
)

// hasUnsettled says whether there are pools to settle now.
func (q *Queue) hasUnsettled() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.knowsUnsettled() && !q.settling.at.After(q.now())
}

// knowsUnsettled says whether there are pools to settle, as far as is known. It returns false while operations wait to
// be carried out, because their update may settle the pools. q.mu must be held.
func (q *Queue) knowsUnsettled() bool {
	waits := func(e *entry) bool {
		return e.op.State == Accepted && q.holds.inForce.On(e.op.Intent.Pool, q.now()) == nil
	}
	return q.known.isUsable() && len(q.holds.inForce.Unheld(q.known.snap.Unsettled, q.now())) > 0 && !slices.ContainsFunc(q.ledger.open, waits)
}

// settlePools tries once to settle all pools that are unsettled.
func (q *Queue) settlePools(ctx context.Context) {
	err := q.scaler.SettleOnce(ctx)
	q.noteFailedUpdate()
	q.mu.Lock()
	if err == nil {
		q.settling = settling{at: q.now().Add(q.unhurried(q.options.Poll))}
		q.mu.Unlock()
		return
	}
	q.settling.tried = q.now()
	q.settling.at = q.settling.tried.Add(settleShare * q.backoff(q.settling.failures))
	q.settling.failures++
	q.settling.err = err
	upcoming := q.nextSettlements()
	q.mu.Unlock()
	q.tellOfLock(err)
	if len(upcoming) > 0 {
		q.tell(Announced{Upcoming: upcoming})
	}
}

// settleSooner shortens the wait that has grown by failures in a row, because something has happened that may help. The
// new wait, counted from the last try, is newsShare times RetryDelay: half a minute by default, and not less, because
// alerts repeat. q.mu must be held.
func (q *Queue) settleSooner() {
	s := &q.settling
	if s.failures == 0 {
		return
	}
	if at := s.tried.Add(newsShare * q.options.RetryDelay); at.Before(s.at) {
		s.at = at
	}
}

// noteNews has pools settled sooner if a reading finds a new update that succeeded or that somebody else made. q.mu
// must be held.
func (q *Queue) noteNews(before *scale.Snapshot) {
	if before == nil || before.Head == q.known.snap.Head || len(q.known.snap.Updates) == 0 {
		return
	}
	if newest := q.known.snap.Updates[0]; newest.Succeeded || !newest.IsOurs() {
		q.settleSooner()
	}
}

// nextSettlements lists the pools that are settled next, and when. q.mu must be held.
func (q *Queue) nextSettlements() []Upcoming {
	if q.known.snap == nil {
		return nil
	}
	var out []Upcoming
	for _, pool := range q.holds.inForce.Unheld(q.known.snap.Unsettled, q.now()) {
		if move := q.known.snap.SettlingMove(q.known.snap.Rules[pool]); move != nil {
			out = append(out, Upcoming{Pool: pool, To: move.To, Settles: true, At: scale.Later(q.settling.at, q.worker.retryAt), Why: messageOf(q.settling.err)})
		}
	}
	return out
}

// listUpcoming lists what is about to be done at a known time: pools that are settled, and operations that are tried
// again. While another member of the team works on the stack, the list is empty: only that member knows. q.mu must be
// held.
func (q *Queue) listUpcoming() []Upcoming {
	if !q.shift.onDuty {
		return nil
	}
	now := q.now()
	var out []Upcoming
	if q.knowsUnsettled() {
		out = q.nextSettlements()
	}
	for _, e := range q.ledger.open {
		if op := e.op; e.durable && op.State == Accepted && op.Error != "" && q.worker.retryAt.After(now) && op.To != nil {
			out = append(out, Upcoming{Pool: op.Intent.Pool, To: *op.To, At: q.worker.retryAt, Why: op.Error})
		}
	}
	return out
}

func messageOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
