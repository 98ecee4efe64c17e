package scale

import (
	"slices"
	"time"
)

// draft is what becomes of the intents of one call of Submit, before any of it counts.
type draft struct {
	// subs are the answers, in the order of the intents.
	subs []Submission
	// accepted are the operations to be, and of the places of their answers in subs.
	accepted []*entry
	of       []int
	// cleared are the signals that end an alert.
	cleared []Intent
	// uncertain says that a signal is turned away because of something that may have changed since the stack was read.
	// turnsAway says that a count or a delta is turned away.
	uncertain, turnsAway bool
	pools                map[string]*outlook
	deferred             map[string]*entry
}

// outlook is what is expected of a pool.
type outlook struct {
	// at is when it was made. It takes in everything that is accepted.
	at   time.Time
	rule Rule
	err  error
	// present is the pool as signals find it, and then is the pool as counts and deltas find it, behind everything that
	// is accepted already.
	present, then Pool
	// began is when the batch of the pool that is being carried out began; zero if there is none. before is the pool's
	// count until then.
	began  time.Time
	before *int
	// waiting says that something is accepted for the pool and not done.
	waiting bool
	// signalled is the largest count that waiting signals ask for; nil if there are none. rivalled says that another
	// signal asks for more, so that the counts and deltas, which follow the signals, must be decided again.
	signalled *int
	rivalled  bool
	// snap is the stack as it is known, and pending what keeps the pool from being scaled.
	snap    *Snapshot
	pending []PendingChange
}

// toTheSecond is by how much a time that the backend knows to the second may differ.
const toTheSecond = 2 * time.Second

// draft decides the intents that are no duplicates. q.mu must be held.
func (q *Queue) draft(intents []Intent, subs []Submission) *draft {
	d := &draft{subs: slices.Clone(subs), pools: map[string]*outlook{}, deferred: map[string]*entry{}}
	now := q.now()
	for i, intent := range intents {
		if d.subs[i].answered {
			continue
		}
		pool := d.pools[intent.Pool]
		if pool == nil {
			pool = q.outlook(intent.Pool, now)
			d.pools[intent.Pool] = pool
		}
		intent.At = pool.began // if anything is being carried out, it is as if it had come along with that
		if intent.Signal != nil && intent.Signal.Cleared {
			d.cleared = append(d.cleared, intent)
		}
		pool.present.Holds, pool.then.Holds = q.held, q.held
		decision := pool.decide(intent, now)
		d.subs[i].Decision = decision
		switch state := pool.verdict(decision); state {
		case Accepted, Deferred:
			if decision.Intent.At.IsZero() {
				decision.Intent.At = now // only now, for whatever was completed before has had its say, in this very second too
			}
			d.add(i, q.nextID(now), decision, state, now)
			pool.waiting = true
		default:
			d.turnsAway = d.turnsAway || intent.Signal == nil && decision.Outcome != Held
			// If an update of ours has not been read yet, it is not known to the second when its cooldown ends.
			ends := decision.Outcome == CoolingDown && q.outdated && !decision.Until.IsZero() && decision.Until.Sub(now) < toTheSecond
			d.uncertain = d.uncertain || ends || decision.Outcome == NoChange || decision.Outcome == Paused ||
				decision.Outcome == Refused || decision.Outcome == HasPending
		}
	}
	return d
}

// outlook is what is expected of a pool. One that was made before may be up to Freshness old: time may have changed
// something about the pool since, such as the end of a cooldown, and that is passed over for no longer than other
// people's updates are. q.mu must be held.
func (q *Queue) outlook(name string, now time.Time) *outlook {
	if o, ok := q.outlooks[name]; ok && !now.Before(o.at) && now.Sub(o.at) < q.options.Freshness {
		o.pending = q.snap.pendingBy(q.proof)[name]
		return &o
	}
	o := &outlook{at: now, began: q.busy[name], snap: q.snap, pending: q.snap.pendingBy(q.proof)[name]}
	if o.rule, o.err = q.snap.Rules.Find(name); o.err != nil {
		return o
	}
	if o.present, o.err = q.snap.Pool(o.rule); o.err != nil {
		return o
	}
	if o.err = q.snap.checkFile(o.rule); o.err != nil {
		return o
	}
	var running, waiting []Intent
	for _, e := range q.open {
		switch {
		case e.op.Intent.Pool != name:
		case e.op.State == Running:
			running = append(running, e.op.Intent)
		case e.op.State == Accepted:
			waiting = append(waiting, e.op.Intent)
		}
	}
	o.waiting = len(running)+len(waiting) > 0
	o.before = o.present.Count
	_, o.present = decidePool(o.rule, o.present, running, now)
	decisions, then := decidePool(o.rule, o.present, waiting, now)
	o.then = then
	for _, d := range decisions {
		if d.Intent.Signal != nil && (counts(d) || d.Outcome == Superseded) && o.outbids(d) {
			o.signalled = &d.To
		}
	}
	o.present.Busy = !o.began.IsZero()
	return o
}

// outbids says whether a signal asks for more than those that wait.
func (o *outlook) outbids(d Decision) bool { return o.signalled == nil || d.To > *o.signalled }

// decide decides one more intent for the pool.
func (o *outlook) decide(intent Intent, now time.Time) Decision {
	if o.err != nil {
		return refuseAll([]Intent{intent}, o.err)[0]
	}
	if intent.Signal == nil {
		d := o.withholdPending(o.snap, Decide(o.rule, o.then, intent, now))
		o.then = o.then.after(d)
		return d
	}
	d := o.withholdPending(o.snap, Decide(o.rule, o.present, intent, now))
	if o.present.Busy && (d.Outcome == CoolingDown || d.Outcome == NoChange) {
		return o.decideBusy(d, now)
	}
	if d.Outcome == Scale && o.outbids(d) {
		o.signalled, o.rivalled = &d.To, true
		if o.then.Count == nil || d.To > *o.then.Count {
			o.then = o.then.after(d)
		}
	}
	return d
}

// decideBusy decides a signal while an update of its pool runs: it is held off, unless no cooldown will be in its way
// when the update ends.
func (o *outlook) decideBusy(held Decision, now time.Time) Decision {
	const running = "an update of the pool is running"
	ended := o.present.scaledFrom(o.before, now)
	ended.Busy = false
	then := Decide(o.rule, ended, held.Intent, now)
	if way := wayTo(o.before, then.To); then.Outcome == NoChange && way != 0 && !now.Before(holdUntil(o.rule.Cooldown, ended, way, now)) {
		then.Outcome = Scale // the update may fail
	}
	if then.Outcome != Scale {
		return held.end(CoolingDown, running)
	}
	then.Reason = running + ": this is decided again when it ends"
	return then
}

// scaledFrom is the pool right after a scaling from a count.
func (p Pool) scaledFrom(from *int, now time.Time) Pool {
	switch {
	case p.Count == nil:
	case wayTo(from, *p.Count) == Up:
		p.LastUp = now
	case wayTo(from, *p.Count) == Down:
		p.LastDown = now
	}
	return p
}

// verdict says as what a decided intent is accepted; empty if it is not.
func (o *outlook) verdict(d Decision) State {
	direct := d.Intent.Signal == nil
	switch {
	case d.Outcome == Scale && !direct && o.present.Busy:
		return Deferred
	case d.Outcome == Scale:
		return Accepted
	case d.Outcome == NoChange && direct && o.waiting:
		return Accepted // what makes it no change may yet fail
	case d.Outcome == CoolingDown && !direct && o.rule.OnCooldown == Defer:
		return Deferred
	}
	return ""
}

// add makes an operation from a decided intent. If several signals for a pool are deferred at once, the one that needs
// the most capacity is kept. The others are done: they have been heard.
func (d *draft) add(i int, id string, decision Decision, state State, now time.Time) {
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

// close makes the operation done, without anything having been scaled. Nobody outside the queue may hear of that before
// finish.
func (e *entry) close(now time.Time, result Final, reason string) {
	e.op.State, e.op.Result, e.op.EndedAt, e.op.To = Done, result, now, nil
	e.op.Decision.Reason, e.op.Error, e.op.Updates = reason, "", nil
	if result == FinalSuperseded {
		e.op.Decision.Outcome = Superseded
	}
}
