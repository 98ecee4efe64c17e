package queue

import (
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// admission holds the decisions on the intents of one call of [Queue.Submit]. They have no effect before
// [Queue.reserve].
type admission struct {
	// subs are the answers, in the order of the intents.
	subs []Submission
	// accepted are the new operations. of has, for each of them, the index of its answer in subs.
	accepted []*entry
	of       []int
	// cleared are the signals that end an alert.
	cleared []scale.Intent
	// uncertain says that an intent is turned away because of something that may have changed since the stack was read.
	// turnsAway says that a count or a delta is turned away.
	uncertain, turnsAway bool
	pools                map[string]*scale.Projection
	deferred             map[string]*entry
}

// toTheSecond is the largest error of a time that the backend keeps in whole seconds.
const toTheSecond = 2 * time.Second

// admit decides the intents that are no duplicates. q.mu must be held.
func (q *Queue) admit(intents []scale.Intent, subs []Submission) *admission {
	d := &admission{subs: slices.Clone(subs), pools: map[string]*scale.Projection{}, deferred: map[string]*entry{}}
	now := q.now()
	for i, intent := range intents {
		if d.subs[i].answered {
			continue
		}
		pool := d.pools[intent.Pool]
		if pool == nil {
			pool = q.projection(intent.Pool, now)
			pool.Holds = q.holds.inForce
			d.pools[intent.Pool] = pool
		}
		if intent.Signal != nil && intent.Signal.Cleared {
			d.cleared = append(d.cleared, intent)
		}
		decision := pool.Decide(intent, now)
		d.subs[i].Decision = decision
		state := Accepted
		if pool.Defers(decision) {
			state = Deferred
		}
		switch {
		case state == Deferred, pool.Accepts(decision):
			if decision.Intent.At.IsZero() {
				decision.Intent.At = now // set only after Decide: with this At, Decide would overlook a cooldown that began in this second
			}
			d.add(i, q.ledger.nextID(now), decision, state, now)
			pool.Accepted()
		case intent.ToBounds || intent.ToMetrics: // the queue's own intent: no sender is turned away, and the queue asks again
		default:
			d.turnsAway = d.turnsAway || intent.Signal == nil && decision.Outcome != scale.Held
			// If no reading has found our last update yet, the end of that update's cooldown is not known to the
			// second.
			ends := decision.Outcome == scale.CoolingDown && q.known.outdated && !decision.Until.IsZero() && decision.Until.Sub(now) < toTheSecond
			d.uncertain = d.uncertain || ends || decision.Outcome == scale.NoChange || decision.Outcome == scale.Paused ||
				decision.Outcome == scale.Refused || decision.Outcome == scale.HasPending
		}
	}
	return d
}

// projection returns the projection of a pool. A projection that was made before is used again while it is younger than
// Freshness. Until then it may miss other people's updates, and what changes with time alone, such as the end of a
// cooldown. q.mu must be held.
func (q *Queue) projection(pool string, now time.Time) *scale.Projection {
	if p, ok := q.projections[pool]; ok && !now.Before(p.At) && now.Sub(p.At) < q.options.Freshness {
		p.Pending = q.known.snap.PendingBy(q.proofs.proof)[pool]
		return &p
	}
	work := scale.Commitments{Began: q.worker.busy[pool]}
	for _, e := range q.ledger.open {
		switch {
		case e.op.Intent.Pool != pool:
		case e.op.State == Running:
			work.Running = append(work.Running, e.op.Intent)
		case e.op.State == Accepted:
			work.Waiting = append(work.Waiting, e.op.Intent)
		}
	}
	p := scale.Project(q.known.snap.WithMetrics(q.scaler.Metrics), q.proofs.proof, pool, work, now)
	return &p
}

// add makes an operation from a decided intent. If several signals for a pool are deferred together, the one that needs
// the most capacity is kept, and the others are closed as superseded.
func (d *admission) add(i int, id string, decision scale.Decision, state State, now time.Time) {
	e := newEntry(Operation{
		ID: id, Intent: decision.Intent, State: state, Decision: decision, From: decision.From, To: &decision.To, AcceptedAt: now,
	})
	if state == Deferred {
		e.op.NotBefore = decision.Until
		pool := decision.Intent.Pool
		loser, other := e, d.deferred[pool]
		if other == nil || decision.To > other.op.Decision.To {
			loser, d.deferred[pool] = other, e
		}
		if loser != nil {
			loser.close(now, FinalSuperseded, "another signal for the pool needs as much or more")
		}
	}
	if previous := d.subs[i].Previous; previous != nil {
		e.op.Previous, e.op.Failures = previous.ID, previous.failures()
	}
	d.accepted, d.of = append(d.accepted, e), append(d.of, i)
}

// close makes the operation done, with a result and a reason. It removes the To, because no count is known to have been
// set. Nobody outside the queue may hear that the operation is done before [Queue.retireDone].
func (e *entry) close(now time.Time, result Final, reason string) {
	e.op.State, e.op.Result, e.op.EndedAt, e.op.To = Done, result, now, nil
	e.op.Decision.Reason, e.op.Error, e.op.Updates = reason, "", nil
	if result == FinalSuperseded {
		e.op.Decision.Outcome = scale.Superseded
	}
}
