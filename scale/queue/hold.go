package queue

import (
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

const (
	// holdCheck is how often the queue looks, while something waits for the end of a hold, whether another process has
	// ended the hold early.
	holdCheck = 2 * time.Second
	// holdFreshness is how long a look that found no holds need not be repeated, because many alerts may come at once.
	// Before anything is carried out, the holds are looked at in any case. If there were holds, they are looked at
	// again for each request, so that nobody is turned away because of a hold that has ended.
	holdFreshness = 100 * time.Millisecond
)

// seenHolds are the holds that were in force when they were last looked at. The queue's mu guards them.
type seenHolds struct {
	inForce scale.Holds
	at      time.Time
}

// Hold places a hold. An update that runs is finished; accepted operations wait until the hold ends. The error is a
// [*scale.SetupError].
func (q *Queue) Hold(hold scale.Hold) error {
	return q.changeHolds(func(holds scale.Holds) scale.Holds { return holds.With(hold) })
}

// Release ends the hold on a pool, or the hold on the stack if pool is empty. It does nothing if there is no such hold.
func (q *Queue) Release(pool string) error {
	return q.changeHolds(func(holds scale.Holds) scale.Holds { return holds.Without(pool) })
}

// Holds returns the holds in force. The error is a [*scale.SetupError].
func (q *Queue) Holds() (scale.Holds, error) {
	holds, err := q.scaler.CurrentHolds()
	return holds.InForce(q.now()), err
}

func (q *Queue) changeHolds(change func(scale.Holds) scale.Holds) error {
	if q.scaler.Holds == nil {
		return &scale.SetupError{Problem: "there is nowhere to keep holds"}
	}
	now := q.now()
	if err := q.scaler.Holds.ChangeHolds(func(holds scale.Holds) scale.Holds { return change(holds.InForce(now)) }); err != nil {
		return err
	}
	err := q.lookAtHolds()
	q.wakeUp()
	return err
}

// lookAtHolds reads the holds in force, which another process may have changed. After an error, the holds that were
// read before still count.
func (q *Queue) lookAtHolds() error {
	holds, err := q.Holds()
	if err != nil {
		return err
	}
	q.mu.Lock()
	before := q.holds.inForce
	q.holds.inForce, q.holds.at = holds, q.now()
	q.mu.Unlock()
	if !slices.EqualFunc(before, holds, func(a, b scale.Hold) bool { return a.Pool == b.Pool && a.Until.Equal(b.Until) }) {
		q.tell(HoldsChanged{Before: before, Now: holds})
	}
	return nil
}

// ensureHolds looks at the holds, unless a look less than holdFreshness ago found none.
func (q *Queue) ensureHolds() error {
	q.mu.Lock()
	age := q.now().Sub(q.holds.at)
	free := len(q.holds.inForce) == 0 && age >= 0 && age < holdFreshness
	q.mu.Unlock()
	if free {
		return nil
	}
	return q.lookAtHolds()
}

// dueAt returns when an operation may be carried out: when [entry.due] says, or when the hold on its pool ends if that
// is later. If the pool is held, dueAt notes in the entry that the operation waits for the hold. q.mu must be held.
func (q *Queue) dueAt(e *entry) (at time.Time, ok bool) {
	at, ok = e.due()
	now := q.now()
	if hold := q.holds.inForce.On(e.op.Intent.Pool, now); hold != nil {
		e.heldAt, at = now, scale.Later(at, hold.Until)
	}
	return at, ok
}

// waitsForHold says whether something waits for the end of a hold. q.mu must be held.
func (q *Queue) waitsForHold() bool {
	return len(q.holds.inForce) > 0 && (len(q.ledger.open) > 0 || q.known.snap != nil && len(q.known.snap.Unsettled) > 0)
}
