package queue

import (
	"cmp"
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaler"
	"github.com/pulumiscale/pulumiscale/scale/span"
)

// Run carries out what is accepted, until ctx ends. Then it finishes the update that runs and begins no other, and what
// is not done stays in the journal. It may be called once. If an update of an earlier process may have carried out an
// operation, Run looks for that update in the history.
func (q *Queue) Run(ctx context.Context) {
	defer q.leaveTeam()
	defer q.Close()
	defer q.leavePlace()
	if q.isOnDuty() {
		q.mu.Lock()
		left := q.closePointless(nil)
		q.mu.Unlock()
		q.retireDone(left...)
	}
	q.mu.Lock()
	if q.lifetime.Err() == nil {
		q.background.Go(func() { q.keepProbing(q.lifetime) })
	}
	q.mu.Unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		_ = q.lookAtHolds() // whatever needs to know the holds fails by itself and says so
		q.changeShift(ctx)
		onDuty := q.isOnDuty()
		var waitsFor <-chan struct{}
		if onDuty {
			waitsFor = q.ensurePlace()
			if waitsFor == nil && q.changeStack(ctx) {
				q.leavePlace()          // others have their turn before the next batch
				q.glances.look(q.now()) // our own update must not count as news later: it is read anyway
				continue
			}
			if waitsFor == nil {
				q.makeHeadStart(ctx, q.listGathering())
				waitsFor = q.headStart.reading.UnderWay()
			}
		}
		q.maintain(onDuty)
		timer.Reset(q.idleTime(onDuty, waitsFor != nil))
		lost, yield := q.shift.changes()
		select {
		case <-timer.C:
		case <-q.wake:
		case <-waitsFor:
		case <-lost:
		case <-yield:
		case <-ctx.Done():
		}
	}
}

// changeStack carries out what is due, or settles what is to be settled. It says whether there was anything to do.
func (q *Queue) changeStack(ctx context.Context) bool {
	q.closeCleared()
	if batch := q.takeDue(); len(batch) > 0 {
		q.carryOut(ctx, batch)
		return true
	}
	if !q.hasUnsettled() {
		return false
	}
	q.dropHeadStart()
	q.settlePools(ctx)
	return true
}

// ensurePlace asks for a place for an engine if one is about to be needed, and gives the place back if none is.
// waitsFor is closed once the place is granted; it is nil if there is nothing to wait for.
func (q *Queue) ensurePlace() (waitsFor <-chan struct{}) {
	if q.options.Room == nil {
		return nil
	}
	place := q.place.Load()
	switch needed := q.needsEngine(); {
	case !needed && place != nil:
		q.dropHeadStart()
		q.leavePlace()
		return nil
	case !needed:
		return nil
	case place == nil:
		place = q.options.Room.Ask(true)
		q.place.Store(place)
	}
	if place.IsGranted() {
		return nil
	}
	return place.Granted()
}

func (q *Queue) leavePlace() { q.place.Swap(nil).Leave() }

// Heard tells the room that the engine of this queue is still at work. An observer may call it.
func (q *Queue) Heard() { q.place.Load().Heard() }

// needsEngine says whether operations are due now or wait for others to arrive, or pools are to be settled.
func (q *Queue) needsEngine() bool {
	q.mu.Lock()
	at, ok := q.nextBatch()
	due := ok && !at.After(q.now())
	q.mu.Unlock()
	return due || q.hasUnsettled() || len(q.listGathering()) > 0
}

// Close ends what the queue does in the background, such as readings, and waits until that has ended. Run calls Close
// at its end. A queue that never runs must be closed before its journal is closed. Closing again does nothing. The
// queue must not run afterwards.
func (q *Queue) Close() {
	q.dropHeadStart()
	q.saveChanges()
	q.mu.Lock() // no reading begins while it is held, or later
	q.endLifetime()
	q.leave()
	q.known.foreseen = false // no reading follows that could confirm snap
	q.mu.Unlock()
	q.background.Wait()
}

// takeDue returns the operations that are to be carried out now. From here on they count as running, and their pools as
// busy. It returns none while the stack is still being read for them: what arrives until then is carried out along with
// them, because nothing can be decided before that reading ends.
func (q *Queue) takeDue() []*entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	if at, ok := q.nextBatch(); !ok || at.After(q.now()) || q.headStart.reading.UnderWay() != nil {
		return nil
	}
	now := q.now()
	due := slices.DeleteFunc(slices.Clone(q.ledger.open), func(e *entry) bool {
		at, ok := q.dueAt(e)
		return !ok || at.After(now)
	})
	due = inDoubtFirst(due)
	clear(q.projections)
	for _, e := range due {
		e.prior, e.op.State = e.op.State, Running
		q.worker.busy[e.op.Intent.Pool] = now
	}
	return due
}

// inDoubtFirst returns the operations that are to be carried out first. If an update whose end is not known may have
// carried out some of them, it returns the whole group of that update and nothing else; otherwise it returns all. That
// update may still be running, and the group must wait for its end. By itself, the group needs an update again, as it
// did the first time, and the new update waits for the running one. Together with other operations, it could seem that
// no update is needed, and nothing would wait.
func inDoubtFirst(entries []*entry) []*entry {
	first := slices.IndexFunc(entries, func(e *entry) bool { return len(e.op.Updates) > 0 })
	if first < 0 {
		return entries
	}
	updates := entries[first].op.Updates
	return slices.DeleteFunc(entries, func(e *entry) bool { return !slices.Equal(e.op.Updates, updates) })
}

// nextBatch returns when operations are carried out next; ok is false if there are none. q.mu must be held.
func (q *Queue) nextBatch() (at time.Time, ok bool) {
	var first, last time.Time // when the first and the last operation that waits for others was accepted
	for _, e := range q.ledger.open {
		due, waits := q.dueAt(e)
		switch {
		case !waits:
		case e.op.State == Accepted && !due.After(q.now()):
			if first.IsZero() {
				first = due
			}
			last = scale.Later(last, due)
		case !ok || due.Before(at):
			at, ok = due, true
		}
	}
	if together := q.gatherUntil(first, last); !first.IsZero() && (!ok || together.Before(at)) {
		at, ok = together, true
	}
	return scale.Later(at, q.worker.retryAt), ok
}

// gatherUntil returns the time at which to carry out a batch whose first and last operations were accepted at first and
// last. While operations arrive in quick succession, it pays to wait a little for the rest, which would otherwise need
// an update of their own.
func (q *Queue) gatherUntil(first, last time.Time) time.Time {
	gather := q.options.Gather
	at, calm, end := first.Add(gather), last.Add(gather/calmAfter), first.Add(mostGathers*gather)
	if calm.After(end) {
		calm = end
	}
	return scale.Later(at, calm)
}

// due returns when the operation may be carried out; ok is false if it may not be carried out now or later.
func (e *entry) due() (at time.Time, ok bool) {
	switch {
	case !e.durable || e.cancelling:
		return at, false
	case e.op.State == Accepted:
		return e.op.AcceptedAt, true
	case e.op.State == Deferred:
		return scale.Later(e.op.AcceptedAt, e.op.NotBefore), true
	}
	return at, false
}

// maintain does the chores for which there is time when nothing is to be carried out. Chores that concern the whole
// team are done by the queue that is on duty.
func (q *Queue) maintain(onDuty bool) {
	now := q.now()
	news := false
	if at, ok := q.nextGlance(); !ok || !at.After(now) {
		news = q.glances.look(now)
	}
	q.mu.Lock()
	if news || !q.chores.pollAt.After(now) {
		q.chores.pollAt = now.Add(q.unhurried(q.options.Poll))
		q.startReadFor(now, true)
	}
	if onDuty {
		q.proveWhenIdle(now)
	}
	prune, save := onDuty && !q.chores.pruneAt.After(now), len(q.ledger.unsaved) > 0 && !q.chores.saveAt.After(now)
	if prune {
		q.chores.pruneAt = now.Add(pruneEvery)
	}
	q.mu.Unlock()
	if save {
		q.saveChanges()
	}
	if onDuty {
		q.askForLevels(now)
	}
	if prune {
		if err := q.journal.Prune(now); err != nil {
			q.tell(JournalFailed{Err: err})
		}
	}
}

// idleTime returns how long there is nothing to do. If waits is set, work that changes the stack does not count: Run
// wakes up once the stack has been read for that work, or once there is room for an engine. Nor does such work count if
// this queue is not on duty.
func (q *Queue) idleTime(onDuty, waits bool) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	next, waits := q.chores.pollAt, waits || !onDuty
	if onDuty && q.chores.pruneAt.Before(next) {
		next = q.chores.pruneAt
	}
	if q.shift.lease != nil && !onDuty && q.shift.retryAt.Before(next) {
		next = q.shift.retryAt
	}
	if len(q.ledger.unsaved) > 0 && q.chores.saveAt.Before(next) {
		next = q.chores.saveAt
	}
	if at, ok := q.nextBatch(); ok && at.Before(next) && !waits {
		next = at
	}
	if q.knowsUnsettled() && q.settling.at.Before(next) && !waits {
		next = q.settling.at
	}
	if soon := q.now().Add(holdCheck); onDuty && q.waitsForHold() && soon.Before(next) {
		next = soon
	}
	if onDuty && !q.proofs.proving && q.isIdle() && q.proofs.proveAt.Before(next) {
		next = q.proofs.proveAt
	}
	if at, ok := q.nextGlance(); ok && at.Before(next) {
		next = at
	}
	if at, ok := q.nextBoundary(q.now()); ok && onDuty && at.Before(next) {
		next = at
	}
	return max(next.Sub(q.now()), 0)
}

// carryOut carries out operations: all together or, if an update of all of them fails, each pool by itself, so that the
// failure of one pool does not stop the others.
func (q *Queue) carryOut(ctx context.Context, batch []*entry) {
	pools := poolsOf(batch)
	if !q.carryOutTogether(ctx, batch, len(pools) > 1) {
		return
	}
	for _, pool := range pools {
		group := slices.DeleteFunc(slices.Clone(batch), func(e *entry) bool { return e.op.Intent.Pool != pool })
		if ctx.Err() != nil || q.isPostponed() {
			q.reopen(group)
		} else {
			q.carryOutTogether(ctx, group, false)
		}
	}
}

// freePools notes that the pools of the operations are no longer busy. That must happen before anybody hears that the
// operations are done. q.mu must be held.
func (q *Queue) freePools(entries []*entry) {
	clear(q.projections)
	for _, e := range entries {
		delete(q.worker.busy, e.op.Intent.Pool)
	}
}

// isPostponed says whether the last batch was postponed, because the stack could not be changed.
func (q *Queue) isPostponed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.worker.failures > 0
}

// carryOutTogether carries out operations together. If splittable is set and the update failed, split says whether each
// pool should be tried by itself.
func (q *Queue) carryOutTogether(ctx context.Context, group []*entry, splittable bool) (split bool) {
	defer q.dropHeadStart()
	b := q.beginBatch(ctx, group)
	if b == nil {
		return false
	}
	q.tell(BatchStarted{ID: b.id, Operations: b.operations})
	for _, e := range group {
		if e.origin.IsValid() {
			q.headStart.span.AddLink(trace.Link{SpanContext: e.origin})
		}
	}
	early := q.headStart.reading
	q.headStart.reading = nil
	report, err := q.scaler.CarryOut(trace.ContextWithSpan(ctx, q.headStart.span), scaler.Order{Intents: b.intents, ID: b.id, Check: b.check, Keep: splittable, Resumed: true, Ahead: early, Once: true})
	split = q.conclude(ctx, b, report, err, splittable)
	span.End(q.headStart.span, err)
	if scale.IsA[*carriedOutError](err) {
		err = nil
	}
	operations := q.copyOperations(group)
	postponed := report == nil && err != nil && waits(err) && !slices.ContainsFunc(operations, func(op Operation) bool { return op.State == Done })
	q.tell(BatchDone{ID: b.id, Operations: operations, Report: report, Duration: q.now().Sub(q.headStart.began), Err: err, Postponed: postponed})
	return split
}

// beginBatch gives the operations the id that their update is to have, and brings the id to disk before anything is
// done. Otherwise nobody could tell after a crash whether the operations were carried out. It returns nil if the
// journal fails, or if another member of the team has begun any of them.
func (q *Queue) beginBatch(ctx context.Context, group []*entry) *batch {
	q.makeHeadStart(ctx, group)
	b := &batch{entries: group, id: cmp.Or(q.headStart.change.ID, scale.NewUpdateID()), earlier: group[0].op.Updates, stack: q.scaler.Stack}
	b.stillOurs = func() error { return q.ensureOurs(b) }
	q.mu.Lock()
	for _, e := range group {
		e.op.StartedAt = q.now()
		e.op.Updates, e.op.Update = append(slices.Clone(e.op.Updates), b.id), b.id
		b.operations, b.intents = append(b.operations, e.op), append(b.intents, e.op.Intent)
	}
	q.mu.Unlock()
	if err := q.writeBatch(b); scale.IsA[*TakenError](err) {
		q.forgetUpdate(b)
		q.giveAway(b)
		return nil
	} else if err != nil {
		q.tell(JournalFailed{Err: err})
		q.forgetUpdate(b)
		q.postpone(group, err)
		return nil
	}
	return b
}

// forgetUpdate removes the batch's id from the Updates of its operations: its update is known not to have begun, or to
// have changed nothing.
func (q *Queue) forgetUpdate(b *batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range b.entries {
		e.op.Updates = slices.DeleteFunc(slices.Clone(e.op.Updates), func(id string) bool { return id == b.id })
	}
}

func (q *Queue) writeBatch(b *batch) error {
	defer q.saving.take()()
	return q.write(b.operations)
}
