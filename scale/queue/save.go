package queue

import (
	"cmp"
	"maps"
	"slices"
)

// finish takes operations that are done out of the queue, brings them to the journal, and tells those who wait.
func (q *Queue) finish(entries ...*entry) {
	if len(entries) == 0 {
		return
	}
	q.mu.Lock()
	q.retire(entries)
	q.mu.Unlock()
	q.save()
	q.finished(entries)
}

// finishSoon is finish without the wait for the journal. It is for operations that gave way to others that are in the
// journal: after a crash they do so again.
func (q *Queue) finishSoon(entries ...*entry) {
	if len(entries) == 0 {
		return
	}
	q.mu.Lock()
	q.retire(entries)
	if !q.savesSoon && q.reading.Err() == nil {
		q.savesSoon = true
		q.background.Go(func() { q.save() })
	}
	q.mu.Unlock()
	q.finished(entries)
}

// retire takes done operations out of the queue, to be saved; q.mu must be held.
func (q *Queue) retire(entries []*entry) {
	q.drop(entries...)
	for _, e := range entries {
		q.unsaved[e.op.ID] = ending{op: e.op, at: q.ended}
		q.ended++
	}
}

func (q *Queue) finished(entries []*entry) {
	for _, e := range entries {
		close(e.done)
		q.tell(Changed{e.op}) // nothing changes it any more
	}
}

// save brings to the journal how operations that are not done stand now, and all operations that are done and that it
// has not taken yet. If it does not take one that is not done, it still has that one as open, and that is enough.
func (q *Queue) save(entries ...*entry) {
	defer q.saving.take()() // so that what is written last is the latest
	q.mu.Lock()
	var changed []Operation
	for _, e := range entries {
		if e.op.State != Done { // it may have given way to another since
			changed = append(changed, e.op)
		}
	}
	ops := slices.Concat(changed, q.endings())
	q.savesSoon = false
	q.mu.Unlock()
	if len(ops) == 0 {
		return
	}
	err := q.journal.Update(ops)
	q.mu.Lock()
	for _, op := range ops {
		if err == nil && op.State == Done {
			delete(q.unsaved, op.ID)
		}
	}
	q.saveAt = q.now().Add(q.options.MaxRetryDelay)
	q.mu.Unlock()
	if err != nil {
		q.tell(JournalFailed{Err: err})
	}
	for _, op := range changed {
		q.tell(Changed{op})
	}
}

// endings are the done operations that the journal has not taken yet, in the order in which they ended; q.mu must be
// held.
func (q *Queue) endings() []Operation {
	ends := slices.SortedFunc(maps.Values(q.unsaved), func(a, b ending) int { return cmp.Compare(a.at, b.at) })
	ops := make([]Operation, len(ends))
	for i, end := range ends {
		ops[i] = end.op
	}
	return ops
}

// copies are the operations as they stand now.
func (q *Queue) copies(entries []*entry) []Operation {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := make([]Operation, len(entries))
	for i, e := range entries {
		out[i] = e.op
	}
	return out
}
