package scale

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// batch is the operations that are carried out together.
type batch struct {
	entries    []*entry
	operations []Operation
	intents    []Intent
	id         string
	// earlier are the ids of updates that may have carried them out already.
	earlier []string
	stack   Stack
	// base is the stack as it was last read for the batch.
	base *Snapshot
}

// carriedOutError says that an update of an earlier process has carried out a batch.
type carriedOutError struct {
	by Update
	// updates are the history in which that update stands.
	updates []Update
}

func (e *carriedOutError) Error() string {
	return "it has been carried out already, by the update " + e.by.ID
}

// check looks in the history for an update that has carried out the batch already, because the process that began it
// died. It is asked after each reading: at the last one, that update may still have been running.
func (b *batch) check(ctx context.Context, snap *Snapshot) error {
	b.base = snap
	if len(b.earlier) == 0 {
		return nil
	}
	updates := snap.Updates
	by := slices.IndexFunc(updates, b.isCarriedOutBy)
	if by < 0 && !snap.Complete {
		all, err := everyUpdate(ctx, b.stack, snap.Rules)
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

func (b *batch) isCarriedOutBy(u Update) bool { return u.Succeeded && slices.Contains(b.earlier, u.ID) }

// conclude takes what the scaler returned and makes of it what became of the operations. It says whether each pool is
// to be tried by itself.
func (q *Queue) conclude(ctx context.Context, b *batch, report *Report, err error, splittable bool) (split bool) {
	if already, ok := errors.AsType[*carriedOutError](err); ok {
		q.settle(b, b.carriedOut(already), nil)
		return false
	}
	if report == nil && err != nil && waits(err) {
		q.switchOff(err)
		q.forget(b)
		q.postpone(b.entries, err)
		return false
	}
	if report == nil && ctx.Err() != nil && !begun(err) {
		q.reopen(b.entries)
		return false
	}
	if failed, ok := errors.AsType[*EngineError](err); ok && report == nil && failed.CutOff && !failed.Interrupted {
		q.updateEnded()
		q.postpone(b.entries, err) // with the update's id, because it may turn out to have succeeded
		return false
	}
	if report == nil {
		q.updateEnded()
	}
	q.mu.Lock()
	q.failures, q.retryAt = 0, time.Time{}
	q.mu.Unlock()
	if report != nil {
		q.settle(b, report, err)
		return false
	}
	if splittable && splits(err) {
		return true // with the update's id, because it may have succeeded although the engine failed
	}
	q.fail(b.entries, err)
	return false
}

// waits says whether an error may go away by itself. That is so if somebody else holds the stack, the backend is out of
// reach, the program's output holds no valid rules, scaling is switched off, or something is amiss on this machine that
// was not when the server started. None of these comes from an update that began.
func waits(err error) bool {
	var malformed *RulesError
	var setup *SetupError
	var overtaken *OvertakenError
	return !errors.As(err, &overtaken) && (passing(err) || errors.As(err, &malformed) || errors.As(err, &setup) || IsOff(err))
}

// begun says whether an error may be that of an update that has been begun.
func begun(err error) bool {
	var engine *EngineError
	var target *TargetError
	var overtaken *OvertakenError
	return errors.As(err, &engine) && engine.Operation == "update" || errors.As(err, &target) || errors.As(err, &overtaken)
}

// splits says whether an error may be the fault of one pool alone.
func splits(err error) bool {
	var engine *EngineError
	var target *TargetError
	return errors.As(err, &engine) && !engine.Interrupted || errors.As(err, &target)
}

// carriedOut is the report of a batch that an update has carried out already. Its decisions are made again on the stack
// as it was before that update.
func (b *batch) carriedOut(already *carriedOutError) *Report {
	by, updates := already.by, already.updates
	then := &Snapshot{Rules: maps.Clone(b.base.Rules)}
	for name, rule := range then.Rules {
		rule.Current = nil // it is what the update made it
		then.Rules[name] = rule
	}
	if at := slices.IndexFunc(updates, func(u Update) bool { return u.ID == by.ID }); at >= 0 {
		then.Updates = updates[at+1:]
	}
	// It was decided before the update began, of which the backend knows the second.
	report := &Report{Plan: Plan{Decisions: plan(then, b.intents, by.Start.Add(time.Second)).Decisions}}
	for _, pool := range by.Pools {
		report.Results = append(report.Results, MoveResult{Move: b.moved(pool, already)})
		of := func(d Decision) bool { return d.Intent.Pool == pool }
		if slices.ContainsFunc(report.Decisions, func(d Decision) bool { return of(d) && d.Outcome == Scale }) {
			continue
		}
		for i, d := range report.Decisions { // the rules have changed since, or the history does not reach so far back
			if of(d) {
				report.Decisions[i].Outcome = Scale
			}
		}
	}
	return report
}

// moved is what an update that has carried out the batch did to a pool.
func (b *batch) moved(pool string, already *carriedOutError) Move {
	for _, s := range Scalings(already.updates, pool) {
		if s.ID == already.by.ID {
			return Move{Pool: pool, From: &s.From, To: s.To}
		}
	}
	m := Move{Pool: pool}
	if to := countOf(already.by.Values[pool]); to != nil {
		m.To = *to
	}
	return m
}

// settle closes the operations as the report says, or defers them again.
func (q *Queue) settle(b *batch, report *Report, err error) {
	now := q.now()
	stays := present(report)
	updated := len(report.Results) > 0
	var after afterwards
	if updated {
		after = q.afterwards()
		after.foreseen = b.foreseen(report, err, now)
	}
	q.mu.Lock()
	if updated {
		q.updated(after)
	}
	q.free(b.entries)
	var closed, deferred []*entry
	for i, e := range b.entries {
		if e.settle(report, report.Decisions[i], stays, err, q.defers(e), now) {
			closed = append(closed, e)
		} else {
			deferred = append(deferred, e)
		}
	}
	if len(deferred) > 0 {
		closed = append(closed, q.leftBehind(nil)...)
		deferred = slices.DeleteFunc(deferred, func(e *entry) bool { return e.op.State == Done })
	}
	q.mu.Unlock()
	q.finish(closed...)
	q.save(deferred...)
}

// defers says whether an operation that meets a cooldown is deferred; q.mu must be held.
func (q *Queue) defers(e *entry) bool {
	if e.op.Intent.Signal == nil {
		return false
	}
	if q.snap == nil {
		return e.prior == Deferred
	}
	return q.snap.Rules[e.op.Intent.Pool].OnCooldown == Defer
}

// present are the counts that the decisions on each pool began from: that of its signals or, if it has none, that of
// the first count or delta.
func present(report *Report) map[string]*int {
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

// settle writes into the operation what was decided and done, and says whether it is done.
func (e *entry) settle(report *Report, d Decision, stays map[string]*int, err error, defers bool, now time.Time) bool {
	op := &e.op
	if d.Outcome == Held { // it waits until the hold ends
		op.State, op.Updates = e.prior, nil
		return false
	}
	op.Decision, op.From, op.To, op.Error, op.Updates = d, d.From, nil, "", nil
	if d.Outcome == CoolingDown && defers {
		op.State, op.NotBefore = Deferred, latest(d.Until, now.Add(time.Second))
		return false
	}
	op.State, op.Result, op.EndedAt = Done, Final(d.Outcome), now
	switch d.Outcome {
	case NoChange:
		op.To = &d.To
	case Scale:
		op.To = &d.To
		at := slices.IndexFunc(report.Results, func(r MoveResult) bool { return r.Pool == op.Intent.Pool })
		switch {
		case at < 0:
			op.Result, op.From, op.To = Final(NoChange), stays[op.Intent.Pool], stays[op.Intent.Pool]
			op.Decision = d.end(NoChange, "it and other requests for the pool cancel each other out")
		case report.Results[at].Unverified != "":
			op.Result, op.Error = FinalUnverified, report.Results[at].Unverified
		default:
			op.Result = FinalScaled
			if err != nil {
				op.Error = err.Error()
			}
		}
		if at >= 0 && report.Results[at].Found != nil {
			op.Decision.Reason = joined(op.Decision.Reason, OtherSize(report.Results[at].Move, *report.Results[at].Found))
		}
	}
	return true
}

// joined are two reasons as one; the first may be empty.
func joined(first, second string) string {
	if first == "" {
		return second
	}
	return first + "; " + second
}

// fail closes operations whose update, or anything before it, has failed.
func (q *Queue) fail(entries []*entry, err error) {
	result := FinalFailed
	if _, ok := errors.AsType[*OvertakenError](err); ok {
		result = FinalUnverified // an update of ours was done, and may not fit the stack
	}
	q.mu.Lock()
	q.free(entries)
	for _, e := range entries {
		e.close(q.now(), result, e.op.Decision.Reason)
		e.op.Error = err.Error()
	}
	q.mu.Unlock()
	q.finish(entries...)
}

// postpone has the operations tried again after a while, unless they have been for too long.
func (q *Queue) postpone(entries []*entry, err error) {
	now := q.now()
	q.mu.Lock()
	q.retryAt = now.Add(q.retryDelay(err))
	q.failures++
	postponed := Postponed{Until: q.retryAt, Attempt: q.failures, Err: err}
	var given, kept []*entry
	for _, e := range entries {
		if now.Sub(latest(latest(e.op.AcceptedAt, e.op.NotBefore), e.heldAt)) >= q.options.GiveUpAfter {
			given = append(given, e)
			continue
		}
		e.op.Error = err.Error()
		kept = append(kept, e)
	}
	q.mu.Unlock()
	q.tell(postponed)
	q.fail(given, err)
	q.reopen(kept)
}

// reopen makes operations that were begun wait again.
func (q *Queue) reopen(entries []*entry) {
	q.mu.Lock()
	q.free(entries)
	for _, e := range entries {
		e.op.State = e.prior
	}
	q.mu.Unlock()
	q.save(entries...)
}
