package queue

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// proved is what a queue knows to be pending. The queue's mu guards it.
type proved struct {
	// proof is the last one; nil if none has been made yet.
	proof *scale.Proof
	// proveAt is when it is next looked whether a proof is needed. unproved is how often in a row none could be made.
	proveAt  time.Time
	unproved int
	// proving says that a proof is being made.
	proving bool
}

// mostProveDelay is the longest wait before the next try to make a proof that could not be made, such as that of a
// program that does not run.
const mostProveDelay = 10 * time.Minute

// proveTimeout ends a proof that hangs. Previews of large stacks take minutes.
const proveTimeout = 15 * time.Minute

// idle says whether nothing is to be carried out now; q.mu must be held.
func (q *Queue) idle() bool {
	return q.usable() && !q.outdated && !slices.ContainsFunc(q.open, func(e *entry) bool { return e.op.State == Accepted || e.op.State == Running })
}

// proveWhenIdle has a proof made of what is pending while there is time for that, so that no alarm waits for it. q.mu
// must be held.
func (q *Queue) proveWhenIdle(now time.Time) {
	if q.proving || q.proveAt.After(now) || !q.idle() {
		return
	}
	q.proving, q.proveAt = true, now.Add(q.options.Poll)
	snap := *q.snap
	q.background.Go(func() {
		ctx, cancel := context.WithTimeout(q.reading, proveTimeout)
		defer cancel()
		proof, err := q.scaler.ProveAll(ctx, &snap)
		if q.reading.Err() == nil { // else nobody asks any more
			q.takeProof(proof, err)
			return
		}
		q.mu.Lock()
		defer q.mu.Unlock()
		q.proving = false
	})
}

// takeProof takes in what a proof that was made in idle time has found.
func (q *Queue) takeProof(proof *scale.Proof, err error) {
	q.mu.Lock()
	told := scale.Proved{Err: err}
	news := err != nil && q.unproved == 0
	switch {
	case err != nil:
		q.proveAt = q.now().Add(min(q.options.Poll<<min(q.unproved, 10), mostProveDelay))
		q.unproved++
	case q.snap != nil: // scaling may have been switched off meanwhile, and there is nothing to prove any more
		told.Pending = q.snap.PendingBy(proof)
		news = q.unproved > 0 || !reflect.DeepEqual(told.Pending, q.snap.PendingBy(q.proof))
		q.proof, q.unproved = proof, 0
		q.takeSizes(proof)
		clear(q.projections)
	}
	q.proving = false
	q.mu.Unlock()
	if news {
		q.tell(told)
	}
	q.wakeUp()
}

// takeSizes notes the sizes that a proof has found in what is known of the stack, which others may be reading; q.mu
// must be held.
func (q *Queue) takeSizes(proof *scale.Proof) {
	if proof == nil || q.snap == nil {
		return
	}
	snap := *q.snap
	snap.Sizes = maps.Clone(snap.Sizes)
	if snap.TakeSizes(proof) {
		q.snap = &snap
	}
}

// lookAtPending looks once more at what is known to be pending for the pools of intents, so that nobody is turned away
// because of what has been put right meanwhile.
func (q *Queue) lookAtPending(intents []scale.Intent) {
	q.mu.Lock()
	snap, proof := q.snap, q.proof
	q.mu.Unlock()
	if snap == nil || !slices.ContainsFunc(intents, func(i scale.Intent) bool { return len(proof.Pending(i.Pool)) > 0 }) {
		return
	}
	now, err := q.scaler.Stack.Proof(snap)
	if err != nil {
		now = nil // the attempt will tell
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.snap == snap && q.proof == proof {
		q.proof = now
	}
}
