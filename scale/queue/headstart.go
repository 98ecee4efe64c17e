package queue

import (
	"cmp"
	"context"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaler"
	"github.com/pulumiscale/pulumiscale/scale/span"
)

// headStart is what has been begun for operations that are about to be carried out, before it is decided what to do for
// them.
type headStart struct {
	// span is the trace span in which the operations are carried out; nil if nothing has been begun. began is when the
	// head start began.
	span  trace.Span
	began time.Time
	// reading is the reading of the stack; nil if the directory's lock could not be taken, or once the scaler has taken
	// the reading.
	reading *scaler.Reading
	// change is the change for which an engine was started, at the time started. end ends that engine if the change is
	// not made after all; end is nil if there is no engine.
	change  scale.Change
	started time.Time
	end     func()
}

// makeHeadStart begins the reading of the stack, which waiting operations need in any case, while the queue still waits
// for more operations. If enough is known of the stack, it also starts an engine for the update that the operations are
// likely to need. If later operations make a different update likely, it starts a new engine for that update. It
// decides nothing: if a different update is decided on in the end, that update starts its own engine.
func (q *Queue) makeHeadStart(ctx context.Context, waiting []*entry) {
	if len(waiting) == 0 {
		q.dropHeadStart()
		return
	}
	q.mu.Lock()
	snap, known, read := q.known.snap, q.known.isUsable() && q.worker.failures == 0, q.known.isUsable() && !q.known.outdated
	intents := make([]scale.Intent, len(waiting))
	for i, e := range waiting {
		intents[i] = e.op.Intent
		read = read && len(e.op.Updates) == 0 // else only the history tells whether the operation has been carried out
	}
	q.mu.Unlock()
	if q.headStart.span == nil {
		ctx, q.headStart.span = span.Begin(ctx, "carry out", trace.WithNewRoot())
		var since *scale.Snapshot
		if read {
			since = snap
		}
		q.headStart.began, q.headStart.reading = q.now(), q.scaler.ReadAhead(ctx, since)
	}
	now := q.now()
	if !known || len(snap.Unsettled) > 0 || q.headStart.end != nil && now.Before(q.headStart.another(q.options.Gather/calmAfter)) {
		return
	}
	p := scale.MakePlan(snap.WithMetrics(q.scaler.Metrics), intents, now)
	p.Change.ID = cmp.Or(q.headStart.change.ID, scale.NewUpdateID())
	if len(p.Moves) == 0 || reflect.DeepEqual(p.Change, q.headStart.change) {
		return
	}
	if q.headStart.end != nil {
		q.headStart.end()
		p.Change.ID = scale.NewUpdateID()
	}
	q.headStart.change, q.headStart.started, q.headStart.end = p.Change, now, q.scaler.Prepare(p.Change)
}

// another returns the earliest time at which a new engine may be started in place of the one that waits. Each start
// costs as much as a whole reading, so the waits between two starts grow while more and more operations arrive.
func (h *headStart) another(first time.Duration) time.Time {
	return h.started.Add(first + h.started.Sub(h.began))
}

// dropHeadStart ends the head start: its engine, its reading and its span.
func (q *Queue) dropHeadStart() {
	if q.headStart.end != nil {
		q.headStart.end()
	}
	if q.headStart.reading != nil {
		q.background.Go(q.headStart.reading.Release)
	}
	if q.headStart.span != nil {
		q.headStart.span.End()
	}
	q.headStart = headStart{}
}

// listGathering lists the operations that wait for others that arrive at the same moment.
func (q *Queue) listGathering() []*entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	if q.worker.retryAt.After(now) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(q.ledger.open), func(e *entry) bool {
		due, ok := q.dueAt(e)
		return !ok || due.After(now)
	})
}

// foreseen returns what a reading should find after the batch's update, as far as decisions on pools depend on it: the
// last reading before the update, changed by what the report says was done. It returns nil if this is not certain:
// something failed, another update came in between, a pool is unsettled or unverified, or there are no valid rules.
func (b *batch) foreseen(report *scale.Report, err error, now time.Time) *scale.Snapshot {
	change := report.Change
	if !b.didAsDecided(report, err) || b.base == nil || b.base.RulesErr != nil || len(b.base.Unsettled)+len(b.base.Unverified) > 0 || change.Head != b.base.Head {
		return nil
	}
	snap := *b.base
	snap.Rules, snap.File, snap.Head = maps.Clone(snap.Rules), maps.Clone(snap.File), report.Head
	snap.Output, snap.Stamp, snap.Written = report.Output, scale.Stamp{}, time.Time{}
	values := map[string]*string{}
	for name := range snap.Rules {
		values[name] = snap.Configured(name)
	}
	for _, r := range report.Results {
		text := strconv.Itoa(r.To)
		values[r.Pool], snap.File[r.Pool] = &text, &text
		rule := snap.Rules[r.Pool]
		if rule.Current != nil {
			rule.Current = r.Current
		}
		snap.Rules[r.Pool] = rule
	}
	snap.Updates = append([]scale.Update{{
		Kind: scale.UpdateUpdate, Succeeded: true, Start: now.Add(-report.Duration), End: now, Message: change.Message,
		ID: change.ID, Pools: change.Pools, Values: values,
	}}, snap.Updates...)
	return &snap
}
