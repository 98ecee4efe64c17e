package queue

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// ledger has the operations that a queue has accepted, and says which of them the journal has. Each operation is in one
// of three places: in open, in unsaved, or in the journal alone. The queue's mu guards it.
type ledger struct {
	// open are the operations that are not done, oldest first.
	open []*entry
	// unsaved are done operations that the journal has not taken yet, by id. They are saved in the order in which they
	// ended, at the latest together with the next operation that ends. So no end is on disk before an earlier end.
	unsaved map[string]ending
	// ended counts the operations that have ended.
	ended int
	// savesSoon says that a save is about to begin, which will write all of unsaved.
	savesSoon bool
	// last is the time in the newest id.
	last time.Time
}

// ending is a done operation; at is how many had ended before it, and entry is the entry that it had while it was open.
type ending struct {
	op    Operation
	at    int
	entry *entry
}

// waitingAgain returns an operation that is not done. If its state was Running, it becomes Deferred or Accepted. If the
// clock was set back after the operation was accepted, its times are moved back by as much, so that it does not wait
// for longer than intended.
func waitingAgain(op Operation, now time.Time) Operation {
	if ahead := op.AcceptedAt.Sub(now); ahead > 0 {
		op.AcceptedAt = op.AcceptedAt.Add(-ahead)
		if !op.NotBefore.IsZero() {
			op.NotBefore = op.NotBefore.Add(-ahead)
		}
	}
	if op.State == Running {
		op.State = Accepted
		if !op.NotBefore.IsZero() {
			op.State = Deferred
		}
	}
	return op
}

// merge adds or replaces the operations that the journal has as open. It returns the ids of operations that are open
// here, but not in the journal.
func (l *ledger) merge(operations []Operation, now time.Time) (missing []string) {
	known := make(map[string]*entry, len(l.open))
	for _, e := range l.open {
		known[e.op.ID] = e
	}
	isOpen := make(map[string]bool, len(operations))
	for _, op := range operations {
		isOpen[op.ID] = true
		l.take(known[op.ID], op, now)
	}
	for _, e := range l.open {
		if e.durable && !isOpen[e.op.ID] && e.op.State != Done {
			missing = append(missing, e.op.ID)
		}
	}
	return missing
}

// put adds or replaces an operation that the journal has as open, and returns its entry.
func (l *ledger) put(op Operation, now time.Time) *entry {
	return l.take(l.find(op.ID), op, now)
}

// take is put for an operation whose entry is known; e is nil if there is none yet.
func (l *ledger) take(e *entry, op Operation, now time.Time) *entry {
	op = waitingAgain(op, now)
	l.last = scale.Later(l.last, op.AcceptedAt)
	if e == nil {
		e = newEntry(op)
		at, _ := slices.BinarySearchFunc(l.open, op.ID, func(e *entry, id string) int { return cmp.Compare(e.op.ID, id) })
		l.open = slices.Insert(l.open, at, e)
	}
	e.op, e.durable, e.begun = op, true, op.Update
	return e
}

// nextID makes the id of an operation. Ids sort in the order in which the operations were accepted, even if two are
// accepted at the same moment, or if the clock was set back.
func (l *ledger) nextID(now time.Time) string {
	l.last = scale.Later(now, l.last.Add(time.Microsecond))
	return newOperationID(l.last)
}

// begunBy returns, for each operation, the [Operation.Update] that the journal is known to have.
func (l *ledger) begunBy(operations []Operation) []string {
	open := map[string]*entry{}
	for _, e := range l.open {
		open[e.op.ID] = e
	}
	out := make([]string, len(operations))
	for i, op := range operations {
		if e := open[op.ID]; e != nil {
			out[i] = e.begun
		} else if end, ok := l.unsaved[op.ID]; ok {
			out[i] = end.entry.begun
		}
	}
	return out
}

// begun notes that the journal now has the [Operation.Update] of each given operation.
func (l *ledger) begun(operations []Operation) {
	by := map[string]string{}
	for _, op := range operations {
		by[op.ID] = op.Update
	}
	for _, e := range l.open {
		if update, ok := by[e.op.ID]; ok {
			e.begun = update
		}
	}
}

// find returns the entry of the open operation with an id, or nil.
func (l *ledger) find(id string) *entry {
	if i := slices.IndexFunc(l.open, func(e *entry) bool { return e.op.ID == id }); i >= 0 {
		return l.open[i]
	}
	return nil
}

// latest returns the operation with an id as it stands now. ok is false if the journal has its latest state.
func (l *ledger) latest(id string) (op Operation, ok bool) {
	if e := l.find(id); e != nil {
		return e.op, true
	}
	end, ok := l.unsaved[id]
	return end.op, ok
}

// operations lists the operations that are not done and are on disk, oldest first.
func (l *ledger) operations() []Operation {
	var out []Operation
	for _, e := range l.open {
		if e.durable && e.op.State != Done {
			out = append(out, e.op)
		}
	}
	return out
}

// waits says whether any operation is in one of the states.
func (l *ledger) waits(states ...State) bool {
	return slices.ContainsFunc(l.open, func(e *entry) bool { return slices.Contains(states, e.op.State) })
}

// drop takes entries out of the open operations.
func (l *ledger) drop(entries ...*entry) {
	gone := make(map[*entry]bool, len(entries))
	for _, e := range entries {
		gone[e] = true
	}
	l.open = slices.DeleteFunc(l.open, func(e *entry) bool { return gone[e] })
}

// retire moves done operations from open to unsaved.
func (l *ledger) retire(entries []*entry) {
	l.drop(entries...)
	for _, e := range entries {
		l.unsaved[e.op.ID] = ending{op: e.op, at: l.ended, entry: e}
		l.ended++
	}
}

// endings lists the done operations that the journal has not taken yet, in the order in which they ended.
func (l *ledger) endings() []Operation {
	ends := slices.SortedFunc(maps.Values(l.unsaved), func(a, b ending) int { return cmp.Compare(a.at, b.at) })
	ops := make([]Operation, len(ends))
	for i, end := range ends {
		ops[i] = end.op
	}
	return ops
}

// saved notes that the journal has taken operations. The done ones are no longer unsaved.
func (l *ledger) saved(operations []Operation) {
	for _, op := range operations {
		if op.State == Done {
			delete(l.unsaved, op.ID)
		}
	}
}

// doneUnsaved lists the done operations that the journal may still have as open: those of a pool, or of all pools if
// pool is empty.
func (l *ledger) doneUnsaved(pool string) []Operation {
	out := l.endings()
	for _, e := range l.open {
		if e.durable && e.op.State == Done {
			out = append(out, e.op)
		}
	}
	return slices.DeleteFunc(out, func(op Operation) bool { return pool != "" && op.Intent.Pool != pool })
}

// retireDone takes done operations out of the queue, writes them to the journal, and tells those who wait for them.
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

// retireDoneSoon is retireDone without the wait for the journal. It is for superseded operations. The operations that
// superseded them are in the journal, and supersede them again after a crash.
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

// announceDone tells those who wait for the operations, and the observer, that the operations are done.
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

// saveChanges writes to the journal those of the given operations that are not done, as they stand now, and all done
// operations that the journal has not taken yet. If it cannot write an operation that is not done, nothing is lost: the
// journal still has that operation as open.
func (q *Queue) saveChanges(entries ...*entry) {
	defer q.saving.take()() // so that what is written last is the latest
	q.mu.Lock()
	var changed []Operation
	for _, e := range entries {
		if e.op.State != Done { // it may have been superseded since
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

// copyOperations returns the entries' operations as they stand now.
func (q *Queue) copyOperations(entries []*entry) []Operation {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := make([]Operation, len(entries))
	for i, e := range entries {
		out[i] = e.op
	}
	return out
}
