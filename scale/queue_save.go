package scale

// finish brings operations that are done to the journal, takes them out of the queue, and tells those who wait.
func (q *Queue) finish(entries ...*entry) {
	q.save(entries...)
	q.mu.Lock()
	q.drop(entries...)
	q.mu.Unlock()
	for _, e := range entries {
		close(e.done)
	}
}

// save brings to the journal how the operations stand now, and what it did not take before. Of one that is not done and that it does not
// take, it still says that it is open, and that is enough.
func (q *Queue) save(entries ...*entry) {
	q.saving.Lock() // so that what is written last is the latest
	defer q.saving.Unlock()
	changed := q.copies(entries)
	q.mu.Lock()
	ops := changed
	for _, op := range q.unsaved {
		ops = append(ops, op)
	}
	q.mu.Unlock()
	if len(ops) == 0 {
		return
	}
	err := q.journal.Update(ops)
	q.mu.Lock()
	for _, op := range ops {
		if err == nil {
			delete(q.unsaved, op.ID)
		} else if op.State == Done {
			q.unsaved[op.ID] = op
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
