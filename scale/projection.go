package scale

import "time"

// Projection is what is expected of a pool once everything that is accepted for it is done. Further intents are decided
// on it.
type Projection struct {
	// At is the time for which the projection was made.
	At time.Time
	// Pending are the changes that keep the pool from being scaled.
	Pending []PendingChange
	// Holds are the holds on the stack and its pools.
	Holds Holds
	rule  Rule
	err   error
	// snap is the stack as it is known.
	snap *Snapshot
	// present is the pool on which signals are decided. then is the pool on which counts and deltas are decided: as it
	// will be once everything that is accepted is done.
	present, then Pool
	// began is when the update of the pool that is being carried out began; zero if there is none. before is the pool's
	// count before that update.
	began  time.Time
	before *int
	// waiting says that something is accepted for the pool and not done.
	waiting bool
	// signalled is the largest count that waiting signals ask for; nil if there are none. rivalled says that a signal
	// that was decided after the projection was made asks for more, so that the counts and deltas, which follow the
	// signals, must be decided again.
	signalled *int
	rivalled  bool
}

// Commitments are what is accepted for a pool and not done.
type Commitments struct {
	// Running are the intents that are being carried out since Began, which is zero if there are none. Waiting are the
	// intents that wait for their turn.
	Running, Waiting []Intent
	Began            time.Time
}

// Project says what is expected of a pool of a stack, once the work that is accepted for it is done. The proof may be
// nil.
func Project(snap *Snapshot, proof *Proof, pool string, work Commitments, now time.Time) Projection {
	p := Projection{At: now, began: work.Began, snap: snap, Pending: snap.PendingBy(proof)[pool]}
	if p.rule, p.err = snap.Rules.Find(pool); p.err != nil {
		return p
	}
	if p.present, p.err = snap.Pool(p.rule); p.err != nil {
		return p
	}
	if p.err = snap.CheckFile(p.rule); p.err != nil {
		return p
	}
	p.waiting = len(work.Running)+len(work.Waiting) > 0
	p.before = p.present.Count
	_, p.present = decidePool(p.rule, p.present, work.Running, now)
	decisions, then := decidePool(p.rule, p.present, work.Waiting, now)
	p.then = then
	for _, d := range decisions {
		if d.Intent.isSignal() && (counts(d) || d.Outcome == Superseded) && p.outbids(d) {
			p.signalled = &d.To
		}
	}
	p.present.Busy = !p.began.IsZero()
	return p
}

// outbids says whether a signal asks for more than all waiting signals.
func (p *Projection) outbids(d Decision) bool { return p.signalled == nil || d.To > *p.signalled }

// Decide decides one more intent for the pool. If the decision is to scale the pool, later intents are decided on top
// of it. If an update of the pool runs, the intent is decided as if it had been accepted when that update began.
func (p *Projection) Decide(intent Intent, now time.Time) Decision {
	intent.At = p.began
	if p.err != nil {
		return refuseAll([]Intent{intent}, p.err)[0]
	}
	p.present.Holds, p.then.Holds = p.Holds, p.Holds
	if !intent.isSignal() {
		d := p.withholdPending(Decide(p.rule, p.then, intent, now))
		p.then = p.then.after(d)
		return d
	}
	d := p.withholdPending(Decide(p.rule, p.present, intent, now))
	if p.present.Busy && (d.Outcome == CoolingDown || d.Outcome == NoChange) {
		return p.decideBusy(d, now)
	}
	if d.Outcome == Scale && p.outbids(d) {
		p.signalled, p.rivalled = &d.To, true
		if p.then.Count == nil || d.To > *p.then.Count {
			p.then = p.then.after(d)
		}
	}
	return d
}

// withholdPending turns a decision to scale the pool into [HasPending], if changes are pending.
func (p *Projection) withholdPending(d Decision) Decision {
	if d.Outcome != Scale || len(p.Pending) == 0 {
		return d
	}
	d.Pending = p.Pending
	return d.WithOutcome(HasPending, p.snap.PendingReason(p.Pending))
}

// decideBusy decides a signal while an update of its pool runs. The decision is to scale if the signal can be carried
// out when the update ends, with no cooldown in its way. Otherwise the signal is held off.
func (p *Projection) decideBusy(held Decision, now time.Time) Decision {
	const running = "an update of the pool is running"
	ended := p.present.scaledFrom(p.before, now)
	ended.Busy = false
	then := Decide(p.rule, ended, held.Intent, now)
	if way := wayTo(p.before, then.To); then.Outcome == NoChange && way != 0 && !now.Before(cooldownEnd(p.rule.Cooldown, ended, way, now)) {
		then.Outcome = Scale // the update may fail
	}
	if then.Outcome != Scale {
		return held.WithOutcome(CoolingDown, running)
	}
	then.Reason = running + ": this is decided again when it ends"
	return then
}

// Accepts says whether a decided intent is to be carried out when its turn comes.
func (p *Projection) Accepts(d Decision) bool {
	isSignal := d.Intent.isSignal()
	switch d.Outcome {
	case Scale:
		return !isSignal || !p.present.Busy
	case NoChange:
		return !isSignal && p.waiting // the accepted work, after which there would be no change to make, may yet fail
	}
	return false
}

// Defers says whether a decided intent is to be decided again later: when the running update of the pool ends, or when
// the cooldown ends.
func (p *Projection) Defers(d Decision) bool {
	if d.Intent.Signal == nil { // the metrics are looked at again in any case
		return false
	}
	return d.Outcome == Scale && p.present.Busy || d.Outcome == CoolingDown && p.rule.OnCooldown == Defer
}

// Accepted notes that an intent was accepted, or deferred.
func (p *Projection) Accepted() { p.waiting = true }

// Lasts says whether [Project] would make the same projection now. It is false if the pool is not known or cannot be
// scaled, or if counts and deltas must be decided again because a new signal asks for more.
func (p *Projection) Lasts() bool { return p.err == nil && !p.rivalled }

// scaledFrom returns the pool as it is right after a scaling from the given count.
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
