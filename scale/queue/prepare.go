package queue

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/scaler"

	"github.com/pulumiscale/pulumiscale/scale"

	"go.opentelemetry.io/otel/trace"

	"github.com/pulumiscale/pulumiscale/scale/span"
)

// ahead is what has been begun for operations that are about to be carried out, before it is decided what to do for
// them.
type ahead struct {
	// span is that of the carrying out, which began at began; nil if nothing has been begun.
	span  trace.Span
	began time.Time
	// reading is the reading of the stack; nil if somebody else is at work in the directory, or once the scaler has it.
	reading *scaler.Reading
	// change is the one for which the engine was started, at started. end ends that engine if no such update is made;
	// nil if there is none.
	change  scale.Change
	started time.Time
	end     func()
}

// prepare begins what operations that wait, or are about to be carried out, need in any case: the reading of the stack.
// It does so while the queue waits for others that arrive at the same moment. It also has the engine started for the
// update that they are likely to need, if it is known well enough what that will do, and starts another one if more of
// them need another update. It decides nothing: an update that turns out to be another one starts its own engine.
func (q *Queue) prepare(ctx context.Context, waiting []*entry) {
	if len(waiting) == 0 {
		q.unprepare()
		return
	}
	q.mu.Lock()
	snap, known, read := q.snap, q.usable() && q.failures == 0, q.usable() && !q.outdated
	intents := make([]scale.Intent, len(waiting))
	for i, e := range waiting {
		intents[i] = e.op.Intent
		read = read && len(e.op.Updates) == 0 // else the history tells whether it has been carried out
	}
	q.mu.Unlock()
	if q.ahead.span == nil {
		ctx, q.ahead.span = span.Begin(ctx, "carry out", trace.WithNewRoot())
		var since *scale.Snapshot
		if read {
			since = snap
		}
		q.ahead.began, q.ahead.reading = q.now(), q.scaler.ReadAhead(ctx, since)
	}
	now := q.now()
	if !known || len(snap.Unsettled) > 0 || q.ahead.end != nil && now.Before(q.ahead.another(q.options.Gather/calmAfter)) {
		return
	}
	p := scale.MakePlan(snap, intents, now)
	p.Change.ID = cmp.Or(q.ahead.change.ID, scale.NewUpdateID())
	if len(p.Moves) == 0 || reflect.DeepEqual(p.Change, q.ahead.change) {
		return
	}
	if q.ahead.end != nil {
		q.ahead.end()
		p.Change.ID = scale.NewUpdateID()
	}
	q.ahead.change, q.ahead.started, q.ahead.end = p.Change, now, q.scaler.Stack.Prepare(p.Change)
}

// another is when another engine may be started in place of the one that waits. Each costs as much as a whole reading.
// So the waits between them grow while more and more operations arrive.
func (a *ahead) another(first time.Duration) time.Time {
	return a.started.Add(first + a.started.Sub(a.began))
}

// unprepare ends what was prepared and not needed.
func (q *Queue) unprepare() {
	if q.ahead.end != nil {
		q.ahead.end()
	}
	if q.ahead.reading != nil {
		q.background.Go(q.ahead.reading.Release)
	}
	if q.ahead.span != nil {
		q.ahead.span.End()
	}
	q.ahead = ahead{}
}

// gathering are the operations that wait for others that arrive at the same moment.
func (q *Queue) gathering() []*entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	if q.retryAt.After(now) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(q.open), func(e *entry) bool {
		due, ok := q.dueAt(e)
		return !ok || due.After(now)
	})
}
