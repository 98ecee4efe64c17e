package scale

import "slices"

// ahead is the update for which the engine has been started before it is decided: its mark, and what ends the engine where it is not made.
type ahead struct {
	id  string
	end func()
}

// prepare has the engine started for the update that operations which wait, or are about to be carried out, are likely to need, if it is
// known well enough what that will do: then its start takes place while others that arrive at the same moment are waited for and the stack
// is read. Nothing is decided by it: an update that turns out to be another one starts its own engine.
func (q *Queue) prepare(waiting []*entry) {
	if len(waiting) == 0 {
		q.unprepare()
	}
	if len(waiting) == 0 || q.ahead.end != nil {
		return
	}
	q.mu.Lock()
	snap, known := q.snap, q.usable() && q.failures == 0
	intents := make([]Intent, len(waiting))
	for i, e := range waiting {
		intents[i] = e.op.Intent
	}
	q.mu.Unlock()
	if !known || len(snap.Unsettled) > 0 {
		return
	}
	if p := plan(snap, intents, q.now()); len(p.Moves) > 0 {
		p.Change.ID = NewUpdateID()
		q.ahead = ahead{id: p.Change.ID, end: q.scaler.Stack.Prepare(p.Change)}
	}
}

// unprepare ends what was prepared and not needed.
func (q *Queue) unprepare() {
	if q.ahead.end != nil {
		q.ahead.end()
	}
	q.ahead = ahead{}
}

// gathering are the operations that wait for others which arrive at the same moment.
func (q *Queue) gathering() []*entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	if q.retryAt.After(now) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(q.open), func(e *entry) bool {
		due, ok := e.due()
		return !ok || due.After(now)
	})
}
