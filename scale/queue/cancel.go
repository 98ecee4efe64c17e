package queue

import (
	"fmt"
	"slices"
)

// NotCancelledError says why an operation was not cancelled: it is under way, may have been carried out, or is done.
type NotCancelledError struct {
	Operation Operation
	// Reason is for people.
	Reason string
}

func (e *NotCancelledError) Error() string {
	return fmt.Sprintf("operation %s of pool %s cannot be cancelled: %s", e.Operation.ID, e.Operation.Intent.Pool, e.Reason)
}

// cancelledReason is why a cancelled operation was not carried out.
const cancelledReason = "somebody cancelled it"

// Cancel closes an operation that has not begun, and returns the closed operation. When it returns, the end is on disk.
// It does nothing if the operation was cancelled before. The error is an [*UnknownOperationError], a
// [*NotCancelledError], or a [*JournalError], after which nothing has changed. If another member of the team works on
// the stack, Cancel asks that member to do it; then the error may also be a [*scale.UnavailableError].
func (q *Queue) Cancel(id string) (Operation, error) {
	if q.isOnDuty() {
		return q.cancelHere(id)
	}
	return q.cancelElsewhere(id)
}

// cancelHere is Cancel for the queue that works on the stack.
func (q *Queue) cancelHere(id string) (Operation, error) {
	defer q.saving.take()() // nothing is written about the operation meanwhile
	q.mu.Lock()
	e := q.ledger.find(id)
	if e == nil || !e.durable {
		q.mu.Unlock()
		op, err := q.Operation(id)
		if err != nil {
			return op, err
		}
		return op, cancelled(op)
	}
	if err := e.cancellable(); err != nil {
		q.mu.Unlock()
		return e.op, err
	}
	closed := entry{op: e.op}
	closed.op.Decision.Intent = e.op.Intent
	closed.close(q.now(), FinalCancelled, cancelledReason)
	e.cancelling = true // so it is not begun
	ends := q.ledger.endings()
	q.mu.Unlock()

	taken, err := q.writeUntaken(append(slices.Clone(ends), closed.op))
	isTaken := slices.Contains(taken, id)
	q.mu.Lock()
	e.cancelling = false
	clear(q.projections)
	if err == nil && !isTaken {
		e.op = closed.op
		q.ledger.drop(e)
		q.ledger.ended++
	}
	q.mu.Unlock()
	q.wakeUp()
	if err != nil {
		q.tell(JournalFailed{Err: err})
		return Operation{}, err
	}
	if isTaken {
		op, err := q.Operation(id)
		if err == nil {
			err = &NotCancelledError{Operation: op, Reason: "another replica has begun it meanwhile"}
		}
		return op, err
	}
	q.announceDone([]*entry{e})
	return closed.op, nil
}

// cancellable says why an open operation cannot be cancelled; nil if it can. q.mu must be held.
func (e *entry) cancellable() error {
	switch {
	case e.op.State == Done:
		return cancelled(e.op)
	case e.op.State == Running:
		return &NotCancelledError{Operation: e.op, Reason: "it is being carried out"}
	case len(e.op.Updates) > 0:
		return &NotCancelledError{Operation: e.op, Reason: "an update that was cut off may have carried it out, which is found out first"}
	case e.cancelling:
		return &NotCancelledError{Operation: e.op, Reason: "it is being cancelled"}
	}
	return nil
}

// cancelled returns nil if a done operation was cancelled; otherwise it returns a [*NotCancelledError].
func cancelled(op Operation) error {
	if op.State == Done && op.Result == FinalCancelled {
		return nil
	}
	return &NotCancelledError{Operation: op, Reason: fmt.Sprintf("it is done: %s", op.Result)}
}
