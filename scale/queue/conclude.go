package queue

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaler"
)

// batch is the operations that are carried out together.
type batch struct {
	entries    []*entry
	operations []Operation
	intents    []scale.Intent
	id         string
	// earlier are the ids of updates that may have carried out the operations already.
	earlier []string
	stack   scale.Stack
	// stillOurs makes sure that nobody else has begun the batch meanwhile; if somebody has, the error is a
	// [*TakenError].
	stillOurs func() error
	// base is the stack as it was last read for the batch.
	base *scale.Snapshot
}

// carriedOutError says that an update of an earlier process has carried out a batch.
type carriedOutError struct {
	by scale.Update
	// updates is the history that contains that update.
	updates []scale.Update
}

func (e *carriedOutError) Error() string {
	return "it has been carried out already, by the update " + e.by.ID
}

// check looks in the history for an update that has carried out the batch already: the process that began that update
// may have died before it could note the update's end. If there is such an update, the error is a [*carriedOutError].
// If somebody else has begun the batch meanwhile, the error is a [*TakenError]. The scaler calls check after each
// reading, because the update may still have been running at an earlier reading.
func (b *batch) check(ctx context.Context, snap *scale.Snapshot) error {
	b.base = snap
	if err := b.stillOurs(); err != nil {
		return err
	}
	if len(b.earlier) == 0 {
		return nil
	}
	updates := snap.Updates
	by := slices.IndexFunc(updates, b.isCarriedOutBy)
	if by < 0 && !snap.Complete {
		all, err := scaler.EveryUpdate(ctx, b.stack, snap.Rules)
		if err != nil {
			return err
		}
		updates, by = all, slices.IndexFunc(all, b.isCarriedOutBy)
	}
	if by < 0 {
		return nil
	}
	return &carriedOutError{by: updates[by], updates: updates}
}

func (b *batch) isCarriedOutBy(u scale.Update) bool {
	return u.Succeeded && slices.Contains(b.earlier, u.ID)
}

// conclude closes the operations of a batch, or has them tried again, depending on what the scaler returned. split says
// whether each pool is to be tried by itself.
func (q *Queue) conclude(ctx context.Context, b *batch, report *scale.Report, err error, splittable bool) (split bool) {
	if already, ok := errors.AsType[*carriedOutError](err); ok {
		q.mu.Lock()
		q.shift.behind = q.options.Team != nil
		q.mu.Unlock()
		q.applyReport(b, b.carriedOut(already), nil)
		return false
	}
	if report == nil && scale.IsA[*TakenError](err) {
		q.giveAway(b)
		return false
	}
	if report == nil && err != nil && waits(err) {
		q.noteSwitchedOff(err)
		q.forgetUpdate(b)
		q.postpone(b.entries, err)
		return false
	}
	if report == nil && ctx.Err() != nil && !begun(err) {
		q.reopen(b.entries)
		return false
	}
	if failed, ok := errors.AsType[*scale.EngineError](err); ok && report == nil && failed.CutOff && !failed.Interrupted {
		q.noteFailedUpdate()
		q.postpone(b.entries, err) // keeping the update's id, because the update may turn out to have succeeded
		return false
	}
	if report == nil {
		q.noteFailedUpdate()
	}
	q.mu.Lock()
	q.worker.failures, q.worker.retryAt = 0, time.Time{}
	q.mu.Unlock()
	if report != nil {
		q.applyReport(b, report, err)
		return false
	}
	if splittable && scale.MayBeOnePools(err) {
		return true // keeping the update's id, because the update may have succeeded although the engine failed
	}
	q.failAll(b.entries, err)
	return false
}

// waits says whether the cause of an error may go away by itself: somebody else has the stack's lock, the backend is
// out of reach, the program's output has no valid rules, scaling is switched off, or something on this machine has gone
// wrong since the server started. None of these errors comes from an update that began.
func waits(err error) bool {
	switch scale.KindOf(err) {
	case scale.KindRules, scale.KindSetup, scale.KindDestroyed:
		return true
	}
	return scale.IsTransient(err) || scale.IsA[*JournalError](err)
}

// begun says whether an error may come from an update that has begun.
func begun(err error) bool {
	engine, ok := errors.AsType[*scale.EngineError](err)
	return ok && engine.Operation == "update" || scale.IsA[*scale.TargetError](err) || scale.IsA[*scale.OvertakenError](err)
}

// carriedOut makes the report of a batch that an update has carried out already. For the report, the intents are
// decided again, on the stack as it was before that update.
func (b *batch) carriedOut(already *carriedOutError) *scale.Report {
	by, updates := already.by, already.updates
	then := &scale.Snapshot{Rules: maps.Clone(b.base.Rules)}
	for name, rule := range then.Rules {
		rule.Current = nil // it is the size after the update
		then.Rules[name] = rule
	}
	if at := slices.IndexFunc(updates, func(u scale.Update) bool { return u.ID == by.ID }); at >= 0 {
		then.Updates = updates[at+1:]
	}
	// The decisions were made before the update began. The backend keeps the update's start in whole seconds, so one
	// second is added.
	report := &scale.Report{Plan: scale.Plan{Decisions: scale.MakePlan(then, b.intents, by.Start.Add(time.Second)).Decisions}}
	for _, pool := range by.Pools {
		report.Results = append(report.Results, scale.MoveResult{Move: b.moved(pool, already)})
		of := func(d scale.Decision) bool { return d.Intent.Pool == pool }
		if slices.ContainsFunc(report.Decisions, func(d scale.Decision) bool { return of(d) && d.Outcome == scale.Scale }) {
			continue
		}
		for i, d := range report.Decisions { // the rules have changed since, or the history does not reach so far back
			if of(d) {
				report.Decisions[i].Outcome = scale.Scale
			}
		}
	}
	return report
}

// moved returns how the update that has carried out the batch moved the count of a pool.
func (b *batch) moved(pool string, already *carriedOutError) scale.Move {
	for _, s := range scale.Scalings(already.updates, pool) {
		if s.ID == already.by.ID {
			return scale.Move{Pool: pool, From: &s.From, To: s.To}
		}
	}
	m := scale.Move{Pool: pool}
	if to := already.by.Count(pool); to != nil {
		m.To = *to
	}
	return m
}

// applyReport closes the operations as the report says, or defers them again.
func (q *Queue) applyReport(b *batch, report *scale.Report, err error) {
	now := q.now()
	stays := present(report)
	updated := len(report.Results) > 0
	var after aftermath
	if updated {
		after = q.lookAfterUpdate()
		switch {
		case !b.didAsDecided(report, err):
			after = after.ifCertain()
		case after.snap == nil:
			after.snap = b.foreseen(report, err, now)
		}
	}
	q.mu.Lock()
	if updated {
		q.noteUpdate(after)
	}
	q.freePools(b.entries)
	var closed, deferred []*entry
	for i, e := range b.entries {
		if e.conclude(report, report.Decisions[i], stays, err, q.isDeferring(e), now) {
			closed = append(closed, e)
		} else {
			deferred = append(deferred, e)
		}
	}
	if len(deferred) > 0 {
		closed = append(closed, q.closePointless(nil)...)
		deferred = slices.DeleteFunc(deferred, func(e *entry) bool { return e.op.State == Done })
	}
	q.mu.Unlock()
	q.retireDone(closed...)
	q.saveChanges(deferred...)
}

// didAsDecided says whether the batch's update has done what was decided for it, and nothing is in doubt.
func (b *batch) didAsDecided(report *scale.Report, err error) bool {
	unverified := slices.ContainsFunc(report.Results, func(r scale.MoveResult) bool { return r.Unverified != "" })
	return err == nil && !unverified && report.Change.ID == b.id
}

// isDeferring says whether an operation that meets a cooldown is deferred; q.mu must be held.
func (q *Queue) isDeferring(e *entry) bool {
	if e.op.Intent.Signal == nil {
		return false
	}
	if q.known.snap == nil {
		return e.prior == Deferred
	}
	return q.known.snap.Rules[e.op.Intent.Pool].OnCooldown == scale.Defer
}

// present returns, by pool, the count that the decisions on the pool started from: the From of its first signal or, if
// it has no signal, its first From that is known.
func present(report *scale.Report) map[string]*int {
	from, signals := map[string]*int{}, map[string]bool{}
	for _, d := range report.Decisions {
		pool := d.Intent.Pool
		isSignal := d.Intent.Signal != nil
		if !signals[pool] && (isSignal || from[pool] == nil) {
			from[pool], signals[pool] = d.From, isSignal
		}
	}
	return from
}

// conclude writes into the operation what was decided and done, and says whether the operation is done.
func (e *entry) conclude(report *scale.Report, d scale.Decision, stays map[string]*int, err error, defers bool, now time.Time) bool {
	op := &e.op
	if d.Outcome == scale.Held { // it waits until the hold ends
		op.State, op.Updates = e.prior, nil
		return false
	}
	op.Decision, op.From, op.To, op.Error, op.Updates = d, d.From, nil, "", nil
	if d.Outcome == scale.CoolingDown && defers {
		op.State, op.NotBefore = Deferred, scale.Later(d.Until, now.Add(time.Second))
		return false
	}
	op.State, op.Result, op.EndedAt = Done, Final(d.Outcome), now
	switch d.Outcome {
	case scale.NoChange:
		op.To = &d.To
	case scale.Scale:
		op.To = &d.To
		at := slices.IndexFunc(report.Results, func(r scale.MoveResult) bool { return r.Pool == op.Intent.Pool })
		switch {
		case at < 0:
			op.Result, op.From, op.To = Final(scale.NoChange), stays[op.Intent.Pool], stays[op.Intent.Pool]
			op.Decision = d.WithOutcome(scale.NoChange, "it and other requests for the pool cancel each other out")
		case report.Results[at].Unverified != "":
			op.Result, op.Error = FinalUnverified, report.Results[at].Unverified
		default:
			op.Result = FinalScaled
			if err != nil {
				op.Error = err.Error()
			}
		}
		if at >= 0 && report.Results[at].Found != nil {
			op.Decision.Reason = joined(op.Decision.Reason, scale.OtherSize(report.Results[at].Move, *report.Results[at].Found))
		}
	}
	return true
}

// joined returns two reasons as one text; the first may be empty.
func joined(first, second string) string {
	if first == "" {
		return second
	}
	return first + "; " + second
}

// failAll closes operations after their update, or a step before it, has failed. Their result is FinalFailed, or
// FinalUnverified if their update was overtaken.
func (q *Queue) failAll(entries []*entry, err error) {
	result := FinalFailed
	if scale.IsA[*scale.OvertakenError](err) {
		result = FinalUnverified // our update was done, but its counts may not fit the stack
	}
	q.mu.Lock()
	q.freePools(entries)
	for _, e := range entries {
		e.close(q.now(), result, e.op.Decision.Reason)
		e.op.Error = err.Error()
	}
	q.mu.Unlock()
	q.retireDone(entries...)
}

// postpone has the operations tried again after a wait. Operations that have waited for GiveUpAfter fail instead.
func (q *Queue) postpone(entries []*entry, err error) {
	now := q.now()
	q.mu.Lock()
	q.worker.retryAt = now.Add(q.retryDelay(err))
	q.worker.failures++
	postponed := Postponed{Until: q.worker.retryAt, Attempt: q.worker.failures, Err: err}
	var given, kept []*entry
	for _, e := range entries {
		if now.Sub(scale.Later(scale.Later(e.op.AcceptedAt, e.op.NotBefore), e.heldAt)) >= q.options.GiveUpAfter {
			e.op.GivenUp = true
			given = append(given, e)
			continue
		}
		e.op.Error = err.Error()
		kept = append(kept, e)
	}
	q.mu.Unlock()
	q.tell(postponed)
	q.tellOfLock(err)
	q.failAll(given, err)
	q.reopen(kept)
}

// reopen makes operations that were begun wait again.
func (q *Queue) reopen(entries []*entry) {
	q.mu.Lock()
	q.freePools(entries)
	for _, e := range entries {
		e.op.State = e.prior
	}
	q.mu.Unlock()
	q.saveChanges(entries...)
}
