package queue

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Team is what a queue needs to serve its stack together with others, which share its journal. Each of them accepts
// operations. One at a time works on the stack: it carries out what is accepted, and closes what has become pointless.
// scale/cluster implements Team. It is safe for concurrent use.
type Team interface {
	// Acquire waits until this queue is to work on the stack. The error is the error of ctx, or says that the team has
	// ended.
	Acquire(ctx context.Context) (Lease, error)
	// Follow calls each with every operation that others have added or changed, in their order, one at a time. It
	// begins with what others do after it has returned, and may tell an operation twice. After stop, no further call of
	// each begins.
	Follow(each func(Operation)) (stop func())
	// Replace replaces operations in the journal. begun has, for each operation, the [Operation.Update] that the
	// journal is thought to have. If the journal has a different one, or has the operation as done, somebody else has
	// begun or ended that operation. Then the error is a [*TakenError], and at most the operations before that one are
	// replaced. Any other error is a [*JournalError]. If the journal already has an operation as given, it is not
	// written again.
	Replace(operations []Operation, begun []string) error
	// Serve answers what others ask of whoever works on the stack, until stop is called.
	Serve(answer func(question []byte) []byte) (stop func(), err error)
	// Ask asks whoever works on the stack. The error is a [*scale.UnavailableError] if nobody answers.
	Ask(ctx context.Context, question []byte) (answer []byte, err error)
	// Tell sends a text to all members, this one too; it may be lost. Listen calls each with every such text, until
	// stop is called.
	Tell(text []byte) error
	Listen(each func(text []byte)) (stop func(), err error)
	// Worker returns the name of whoever works on the stack, as far as is known; empty if nobody does.
	Worker() string
}

// Lease says that this queue works on the stack. It does not keep others from changing the stack. Pulumi's lock does,
// and under that lock the queue checks whether somebody else was faster.
type Lease interface {
	// Lost is closed once somebody else may work on the stack. What runs is finished, and nothing else is begun.
	Lost() <-chan struct{}
	// Yield is closed when another member should work on the stack instead. There is no hurry.
	Yield() <-chan struct{}
	// Release gives the lease back. It may be called again, and after the lease was lost.
	Release()
}

// TakenError says which operations were not replaced, because somebody else has begun or ended them.
type TakenError struct{ IDs []string }

func (e *TakenError) Error() string {
	return "somebody else has begun or ended operations meanwhile: " + strings.Join(e.IDs, ", ")
}

// shift is this queue's part in its team. Run alone reads and writes it, except for the fields that the queue's mu
// guards.
type shift struct {
	// lease is nil while others work on the stack.
	lease Lease
	// acquired delivers the next lease; nil while none is waited for.
	acquired chan Lease
	// stopServing ends the answering of what others ask.
	stopServing func()
	// retryAt is when the next try to take over is made, if the last one failed.
	retryAt time.Time
	// onDuty says that this queue works on the stack: it is in no team, or has the lease and knows all that is open.
	// The queue's mu guards it.
	onDuty bool
	// behind says that others have scaled, so that the configuration file here may have old counts. The queue's mu
	// guards it.
	behind bool
	// forgotten holds, by the name of each machine that is gone for good, when a person said so. The queue's mu guards
	// it.
	forgotten map[string]time.Time
}

// isOnDuty says whether this queue works on the stack.
func (q *Queue) isOnDuty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.shift.onDuty
}

// joinTeam begins to follow what other members of the team do, until leave is called. The caller must read the open
// operations afterwards.
func (q *Queue) joinTeam() (leave func(), err error) {
	if q.options.Team == nil {
		q.shift.onDuty = true
		return func() {}, nil
	}
	forgo, err := q.options.Team.Listen(q.hearTold)
	if err != nil {
		return nil, err
	}
	stop := q.options.Team.Follow(q.hear)
	return func() { stop(); forgo() }, nil
}

// changeShift takes over the stack if this queue has got the stack's lease, and leaves it to others if the lease is
// lost or is to be given up. Run alone calls it, while nothing is under way.
func (q *Queue) changeShift(ctx context.Context) {
	s := &q.shift
	switch {
	case q.options.Team == nil:
	case s.lease != nil && (isClosed(s.lease.Lost()) || isClosed(s.lease.Yield())):
		q.leaveDuty()
	case s.lease != nil:
		if !q.isOnDuty() && !s.retryAt.After(q.now()) {
			q.takeOver()
		}
	case s.acquired == nil:
		s.acquired = make(chan Lease, 1)
		acquired := s.acquired
		q.background.Go(func() {
			if lease, err := q.options.Team.Acquire(ctx); err == nil {
				acquired <- lease
				q.wakeUp()
			}
		})
	default:
		select {
		case s.lease = <-s.acquired:
			s.acquired = nil
			q.takeOver()
		default:
		}
	}
}

// changes returns the channels that are closed when changeShift has to leave the stack to others; nil while this queue
// has no lease.
func (s *shift) changes() (lost, yield <-chan struct{}) {
	if s.lease == nil {
		return nil, nil
	}
	return s.lease.Lost(), s.lease.Yield()
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// takeOver makes this queue the one that works on the stack, once it knows all that is open and answers others.
func (q *Queue) takeOver() {
	s := &q.shift
	err := q.reopenLedger()
	if err == nil {
		s.stopServing, err = q.options.Team.Serve(q.answerOthers)
	}
	if err != nil {
		s.retryAt = q.now().Add(q.options.RetryDelay)
		q.tell(JournalFailed{Err: err})
		return
	}
	q.mu.Lock()
	s.onDuty, s.behind = true, true
	q.worker = worker{busy: map[string]time.Time{}}
	clear(q.projections)
	q.known.outdated, q.known.foreseen = true, false // whoever worked on it has left it in a state that was not seen here
	q.chores.pollAt, q.chores.pruneAt = time.Time{}, q.now().Add(pruneEvery)
	left := q.closePointless(nil)
	q.mu.Unlock()
	q.retireDone(left...)
	q.tell(DutyChanged{OnDuty: true})
}

// leaveDuty leaves the stack to others.
func (q *Queue) leaveDuty() {
	s := &q.shift
	q.dropHeadStart()
	q.leavePlace()
	q.saveChanges()
	q.mu.Lock()
	was := s.onDuty
	s.onDuty = q.options.Team == nil
	clear(q.projections)
	q.mu.Unlock()
	if s.stopServing != nil {
		s.stopServing()
		s.stopServing = nil
	}
	if s.lease != nil {
		s.lease.Release()
		s.lease = nil
	}
	if was && q.options.Team != nil {
		q.tell(DutyChanged{})
	}
}

// leaveTeam ends this queue's part in its team. Run calls it at its end, when nobody waits for a lease any more.
func (q *Queue) leaveTeam() {
	if q.options.Team == nil {
		return
	}
	q.leaveDuty()
	if q.shift.acquired == nil {
		return
	}
	select {
	case lease := <-q.shift.acquired: // at the last moment
		lease.Release()
	default:
	}
}

// reopenLedger brings into the ledger what the journal has as open. What others tell meanwhile is brought in after
// that.
func (q *Queue) reopenLedger() error {
	defer q.hearing.take()()
	open, err := q.journal.Open()
	if err != nil {
		return err
	}
	q.mu.Lock()
	missing := q.ledger.merge(open, q.now())
	q.mu.Unlock()
	for _, id := range missing {
		op, err := q.journal.Get(id)
		if err != nil && !scale.IsA[*UnknownOperationError](err) {
			return err
		}
		if err == nil {
			q.takeIn(op)
		}
	}
	return nil
}

// hear brings into the ledger what another member of the team has done with an operation. It may take long, because it
// may write to the journal.
func (q *Queue) hear(op Operation) {
	giveBack := q.hearing.take()
	isNew := q.takeIn(op)
	giveBack()
	q.mu.Lock()
	var left []*entry
	if isNew && q.shift.onDuty {
		var cleared []scale.Intent
		if op.Intent.Signal != nil && op.Intent.Signal.Cleared {
			cleared = []scale.Intent{op.Intent}
		}
		left = q.closePointless(cleared)
	}
	q.mu.Unlock()
	q.retireDone(left...)
	q.tell(Heard{op})
	q.wakeUp()
}

// takeIn brings into the ledger how an operation of another member stands, and says whether the operation was unknown.
func (q *Queue) takeIn(op Operation) (isNew bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.ledger.find(op.ID)
	_, ended := q.ledger.unsaved[op.ID]
	switch {
	case ended, e != nil && (e.cancelling || e.op.State == Done || q.shift.onDuty && e.op.State == Running): // this queue decides
		return false
	case op.State == Done && e != nil:
		e.op = op
		q.ledger.drop(e)
		q.ledger.ended++
		close(e.done)
	case op.State == Done:
	default:
		isNew = e == nil
		if e = q.ledger.put(op, q.now()); !q.shift.onDuty {
			e.op.State = op.State // the member that works on the stack knows the state
		}
	}
	clear(q.projections)
	if op.State == Done && op.Update != "" && !q.shift.onDuty {
		q.known.updates++ // a reading that is under way may not show the update
		q.known.outdated, q.known.foreseen = true, false
		q.chores.pollAt, q.shift.behind = time.Time{}, true
	}
	return isNew
}

// write brings operations to the journal as they are now. In a team, the error is a [*TakenError] if somebody else has
// begun or ended any of them meanwhile. q.saving must be held.
func (q *Queue) write(operations []Operation) error {
	if q.options.Team == nil {
		if err := q.journal.Update(operations); err != nil {
			return err
		}
	} else {
		q.mu.Lock()
		begun := q.ledger.begunBy(operations)
		q.mu.Unlock()
		err := q.options.Team.Replace(operations, begun)
		if scale.IsA[*TakenError](err) {
			return err
		}
		q.noteWrite(err)
		if err != nil {
			return err
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ledger.saved(operations)
	if q.options.Team != nil {
		q.ledger.begun(operations)
	}
	return nil
}

// writeUntaken writes the operations that nobody else has begun or ended. It leaves the rest to the others, and returns
// the ids of the rest.
func (q *Queue) writeUntaken(operations []Operation) (taken []string, err error) {
	for len(operations) > 0 {
		err := q.write(operations)
		others, ok := errors.AsType[*TakenError](err)
		if !ok {
			return taken, err
		}
		for _, id := range others.IDs {
			if err := q.takeBack(id); err != nil {
				return taken, err
			}
		}
		taken = append(taken, others.IDs...)
		operations = slices.DeleteFunc(slices.Clone(operations), func(op Operation) bool { return slices.Contains(others.IDs, op.ID) })
	}
	return taken, nil
}

// takeBack replaces what is known here of an operation by what the journal has, because somebody else has begun or
// ended the operation.
func (q *Queue) takeBack(id string) error {
	op, err := q.journal.Get(id)
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(q.projections)
	e := q.ledger.find(id)
	if end, ok := q.ledger.unsaved[id]; ok {
		delete(q.ledger.unsaved, id)
		e = end.entry
		e.taken = !isClosed(e.done) // else it has been announced already
		if op.State != Done {
			if !e.taken {
				e.done = make(chan struct{})
			}
			q.ledger.open = append(q.ledger.open, e)
		}
	}
	switch {
	case e == nil:
	case op.State == Done:
		e.op = op
		q.ledger.drop(e)
		if !isClosed(e.done) {
			close(e.done)
		}
	default:
		q.ledger.put(op, q.now())
	}
	return nil
}

// ensureOurs makes sure that nobody else has begun a batch that is under way; if somebody has, the error is a
// [*TakenError]. If this process was stopped for a while, another member may have taken over.
func (q *Queue) ensureOurs(b *batch) error {
	if q.options.Team == nil {
		return nil
	}
	defer q.saving.take()()
	return q.write(b.operations)
}

// giveAway leaves a batch's operations to somebody else, who has begun them.
func (q *Queue) giveAway(b *batch) {
	q.mu.Lock()
	q.freePools(b.entries)
	for _, e := range b.entries {
		e.op.State = e.prior
	}
	q.mu.Unlock()
	if err := q.reopenLedger(); err != nil {
		q.tell(JournalFailed{Err: err})
		q.mu.Lock()
		q.worker.retryAt = q.now().Add(q.retryDelay(err))
		q.mu.Unlock()
	}
}

// followCounts writes into the configuration file here the counts to which others have scaled, once a reading has found
// these counts. It does not wait. q.mu must be held.
func (q *Queue) followCounts(snap *scale.Snapshot) {
	if !q.shift.behind || q.lifetime.Err() != nil {
		return
	}
	q.shift.behind = false
	q.background.Go(func() {
		if err := q.scaler.FollowCounts(q.lifetime, snap); err != nil && q.lifetime.Err() == nil {
			q.mu.Lock()
			q.shift.behind = true // the next reading tries again
			q.mu.Unlock()
		}
	})
}

// closeCleared closes deferred operations whose alert has cleared, as another member of the team has heard.
func (q *Queue) closeCleared() {
	if q.options.Team == nil {
		return
	}
	q.mu.Lock()
	var waiting []*entry
	for _, e := range q.ledger.open {
		if at, ok := q.dueAt(e); ok && e.op.State == Deferred && e.op.Intent.Signal != nil && !e.op.Intent.Signal.Cleared && !at.After(q.now()) {
			waiting = append(waiting, e)
		}
	}
	q.mu.Unlock()
	var over []*entry
	for _, e := range waiting {
		if why, err := q.overtakenBy(e.op.Intent); err == nil && why != "" {
			over = append(over, e)
		}
	}
	if len(over) == 0 {
		return
	}
	q.mu.Lock()
	over = slices.DeleteFunc(over, func(e *entry) bool { return e.op.State != Deferred || e.cancelling })
	for _, e := range over {
		e.close(q.now(), FinalCancelled, "the alert has cleared")
	}
	q.mu.Unlock()
	q.retireDone(over...)
}
