package queue

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// The members of a team also talk to each other outside the journal. All members are told who holds the stack's lock,
// and which machine is gone. The member that works on the stack is asked to cancel or close operations.

// told is what the members of a team tell each other. Fields are added, never renamed.
type told struct {
	// Locked are the holders of the stack's lock.
	Locked []scale.LockHolder `json:"locked,omitempty"`
	// Forget is a machine that is gone for good. A person said so at the time At.
	Forget string    `json:"forget,omitempty"`
	At     time.Time `json:"at,omitzero"`
}

// unlocker is a stack whose lock can be removed. RemoveDeadLock removes the lock if an engine of ours left it behind on
// this machine when it died; RemoveLock removes it in any case.
type unlocker interface {
	RemoveDeadLock(ctx context.Context, holders []scale.LockHolder, observe scale.Observe)
	RemoveLock(ctx context.Context, holders []scale.LockHolder, observe scale.Observe)
}

// forgetFor is how long a machine counts as gone after a person has said so. During that time, locks that it has left
// behind are removed.
const forgetFor = time.Hour

// Forget tells all members of the team that a machine is gone for good. If an engine on that machine took the stack's
// lock before now, the lock is removed, now or within the next hour. The machine must really be gone: otherwise the
// engine goes on there without the lock. The error is a [*scale.UsageError] if there is no team, or a [*JournalError].
func (q *Queue) Forget(host string) error {
	if q.options.Team == nil {
		return &scale.UsageError{Field: "host", Problem: "cannot be forgotten: this is a single server, not a cluster"}
	}
	text, err := json.Marshal(told{Forget: host, At: q.now()})
	if err != nil {
		return &JournalError{Err: err}
	}
	return q.options.Team.Tell(text)
}

// isForgotten says whether a person has said that the machine of each holder is gone: after the lock was taken, and at
// most forgetFor ago. q.mu must be held.
func (q *Queue) isForgotten(holders []scale.LockHolder) bool {
	return !slices.ContainsFunc(holders, func(h scale.LockHolder) bool {
		at, ok := q.shift.forgotten[h.Host]
		return !ok || !h.Since.Before(at) || q.now().Sub(at) > forgetFor
	})
}

// tellOfLock tells the team who holds the lock that is in the way. If an engine left the lock behind when it died, only
// the machine on which it died can know that. If the holders are forgotten, tellOfLock has the lock removed.
func (q *Queue) tellOfLock(err error) {
	locked, ok := errors.AsType[*scale.LockedError](err)
	if !ok || q.options.Team == nil || locked.Removed || len(locked.Holders) == 0 {
		return
	}
	if text, err := json.Marshal(told{Locked: locked.Holders}); err == nil {
		_ = q.options.Team.Tell(text) // it is told again at the next try
	}
	stack, ok := q.scaler.Stack.(unlocker)
	q.mu.Lock()
	defer q.mu.Unlock()
	if ok && q.isForgotten(locked.Holders) && q.lifetime.Err() == nil {
		q.background.Go(func() {
			stack.RemoveLock(q.lifetime, locked.Holders, func(e scale.Event) { q.tell(e) })
			q.tryAtOnce()
		})
	}
}

// tryAtOnce ends the waits after failures: operations and settlings are tried again now.
func (q *Queue) tryAtOnce() {
	q.mu.Lock()
	q.worker.retryAt, q.settling.at = time.Time{}, time.Time{}
	q.mu.Unlock()
	q.wakeUp()
}

// hearTold acts on a message that a member of the team has sent to all members.
func (q *Queue) hearTold(text []byte) {
	var t told
	stack, ok := q.scaler.Stack.(unlocker)
	if !ok || json.Unmarshal(text, &t) != nil {
		return
	}
	if t.Forget != "" {
		q.mu.Lock()
		if q.shift.forgotten == nil {
			q.shift.forgotten = map[string]time.Time{}
		}
		q.shift.forgotten[t.Forget] = t.At
		q.mu.Unlock()
		q.tryAtOnce()
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.lifetime.Err() == nil {
		q.background.Go(func() {
			stack.RemoveDeadLock(q.lifetime, t.Locked, func(e scale.Event) { q.tell(e) })
		})
	}
}

// question is what others may ask of whoever works on the stack. Fields are added, never renamed.
type question struct {
	// Cancel is the id of an operation to cancel.
	Cancel string `json:"cancel,omitempty"`
	// Cleared are the ends of alerts, each as the intent of an operation.
	Cleared []Operation `json:"cleared,omitempty"`
}

// reply is the answer to a question. Fields are added, never renamed.
type reply struct {
	Operation *Operation `json:"operation,omitempty"`
	// Refused says why the operation is not cancelled, Unknown that there is no such operation, and Failed what went
	// wrong.
	Refused string `json:"refused,omitempty"`
	Unknown bool   `json:"unknown,omitempty"`
	Failed  string `json:"failed,omitempty"`
}

// answerOthers answers a question of another member of the team.
func (q *Queue) answerOthers(text []byte) []byte {
	var asked question
	var r reply
	switch err := json.Unmarshal(text, &asked); {
	case err == nil && asked.Cancel != "":
		r = q.cancelFor(asked.Cancel)
	case err == nil && len(asked.Cleared) > 0:
		var cleared []scale.Intent
		for _, op := range asked.Cleared {
			cleared = append(cleared, op.Intent)
		}
		q.mu.Lock()
		left := q.closePointless(cleared)
		q.mu.Unlock()
		q.retireDone(left...)
	default:
		r.Failed = "the question is not understood: the replicas may have different versions"
	}
	out, err := json.Marshal(r)
	if err != nil {
		return nil // whoever asked cannot read an empty answer, and says so
	}
	return out
}

// cancelFor cancels an operation for another member of the team.
func (q *Queue) cancelFor(id string) (r reply) {
	if err := q.reopenLedger(); err != nil { // that member may have accepted it a moment ago
		return reply{Failed: err.Error()}
	}
	op, err := q.cancelHere(id)
	refused, isRefused := errors.AsType[*NotCancelledError](err)
	switch {
	case isRefused:
		r.Refused, r.Operation = refused.Reason, &refused.Operation
	case scale.IsA[*UnknownOperationError](err):
		r.Unknown = true
	case err != nil:
		r.Failed = err.Error()
	default:
		r.Operation = &op
	}
	return r
}

// ask sends a question to whoever works on the stack, and returns the reply.
func (q *Queue) ask(what question) (r reply, err error) {
	ctx, cancel := context.WithTimeout(q.lifetime, askTimeout)
	defer cancel()
	text, err := json.Marshal(what)
	if err != nil {
		return r, &JournalError{Err: err}
	}
	answer, err := q.options.Team.Ask(ctx, text)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(answer, &r); err != nil {
		return r, &JournalError{Err: err}
	}
	if r.Failed != "" {
		return r, &JournalError{Err: errors.New(r.Failed)}
	}
	return r, nil
}

// tellCleared asks whoever works on the stack to close the deferred operations of alerts that have cleared.
func (q *Queue) tellCleared(cleared []scale.Intent) error {
	var asked question
	remembered := true
	q.mu.Lock()
	for _, intent := range cleared {
		if slices.ContainsFunc(q.ledger.open, func(e *entry) bool {
			s := e.op.Intent.Signal
			return e.op.State == Deferred && e.op.Intent.Pool == intent.Pool && s != nil && !s.Cleared && s.IsOfAlert(*intent.Signal)
		}) {
			_, ok := scale.HeardOf(intent, q.now())
			remembered = remembered && ok
			asked.Cleared = append(asked.Cleared, Operation{Intent: intent, State: Deferred})
		}
	}
	q.mu.Unlock()
	if len(asked.Cleared) == 0 {
		return nil
	}
	if _, err := q.ask(asked); err != nil && !remembered { // else whoever works on the stack finds it in the journal
		return err
	}
	return nil
}

// askTimeout is how long another member of the team may take to answer.
const askTimeout = 10 * time.Second

// cancelElsewhere has an operation cancelled by whoever works on the stack.
func (q *Queue) cancelElsewhere(id string) (Operation, error) {
	r, err := q.ask(question{Cancel: id})
	switch {
	case err != nil:
		return Operation{}, err
	case r.Unknown:
		return Operation{}, &UnknownOperationError{ID: id}
	case r.Operation == nil:
		return Operation{}, &JournalError{Err: errors.New("the answer of the other replica says nothing")}
	case r.Refused != "":
		return *r.Operation, &NotCancelledError{Operation: *r.Operation, Reason: r.Refused}
	}
	q.hear(*r.Operation)
	return *r.Operation, nil
}
