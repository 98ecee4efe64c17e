package queue

import (
	"slices"
)

// retireDone takes operations that are done out of the queue, brings them to the journal, and tells those who wait.
func (q *Queue) retireDone(entries ...*entry) {
	if len(entries) == 0 {
		return
	}
	q.mu.Lock()
	q.ledger.retire(entries)
	q.mu.Unlock()
	q.saveChanges()
	q.announceDone(entries)
}

// retireDoneSoon is retireDone without the wait for the journal. It is for operations that gave way to others that are
// in the journal: after a crash they do so again.
func (q *Queue) retireDoneSoon(entries ...*entry) {
	if len(entries) == 0 {
		return
	}
	q.mu.Lock()
	q.ledger.retire(entries)
	if !q.ledger.savesSoon && q.lifetime.Err() == nil {
		q.ledger.savesSoon = true
		q.background.Go(func() { q.saveChanges() })
	}
	q.mu.Unlock()
	q.announceDone(entries)
}

// announceDone tells those who wait that operations are done.
func (q *Queue) announceDone(entries []*entry) {
	for _, e := range entries {
		q.mu.Lock()
		taken, op := e.taken, e.op
		e.taken = false
		if !taken {
			close(e.done)
		}
		q.mu.Unlock()
		if !taken {
			q.tell(Changed{op})
		}
	}
}

// saveChanges brings to the journal how operations that are not done stand now, and all operations that are done and
// that it has not taken yet. If it does not take one that is not done, it still has that one as open, and that is
// enough.
func (q *Queue) saveChanges(entries ...*entry) {
	defer q.saving.take()() // so that what is written last is the latest
	q.mu.Lock()
	var changed []Operation
	for _, e := range entries {
		if e.op.State != Done { // it may have given way to another since
			changed = append(changed, e.op)
		}
	}
	ops := slices.Concat(changed, q.ledger.endings())
	q.ledger.savesSoon = false
	q.mu.Unlock()
	if len(ops) == 0 {
		return
	}
	_, err := q.writeUntaken(ops)
	q.mu.Lock()
	q.chores.saveAt = q.now().Add(q.options.MaxRetryDelay)
	q.mu.Unlock()
	if err != nil {
		q.tell(JournalFailed{Err: err})
	}
	for _, op := range changed {
		q.tell(Changed{op})
	}
}

// copyOperations are the operations as they stand now.
func (q *Queue) copyOperations(entries []*entry) []Operation {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := make([]Operation, len(entries))
	for i, e := range entries {
		out[i] = e.op
	}
	return out
}
