package queue

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// proofs holds what a queue knows of pending changes, and when it looks for them again. The queue's mu guards it.
type proofs struct {
	// proof is the last one; nil if none has been made yet.
	proof *scale.Proof
	// proveAt is when the queue next looks whether a proof is needed. unproved is how many tries in a row could not
	// make one.
	proveAt  time.Time
	unproved int
	// proving says that a proof is being made.
	proving bool
}

// mostProveDelay is the longest wait before the next try to make a proof that could not be made, for example because
// the program does not run.
const mostProveDelay = 10 * time.Minute

// proveTimeout ends a proof that hangs. Previews of large stacks take minutes.
const proveTimeout = 15 * time.Minute

// isIdle says whether the stack is known and nothing is to be carried out now; q.mu must be held.
func (q *Queue) isIdle() bool {
	return q.known.isUsable() && !q.known.outdated && !q.ledger.waits(Accepted, Running)
}

// proveWhenIdle has a proof made in idle time, so that no alert has to wait for a proof. q.mu must be held.
func (q *Queue) proveWhenIdle(now time.Time) {
	if q.proofs.proving || q.proofs.proveAt.After(now) || !q.isIdle() {
		return
	}
	q.proofs.proving, q.proofs.proveAt = true, now.Add(q.unhurried(q.options.Poll))
	snap := *q.known.snap
	q.background.Go(func() {
		ctx, cancel := context.WithTimeout(q.lifetime, proveTimeout)
		defer cancel()
		proof, err := q.proveAll(ctx, &snap)
		if q.lifetime.Err() == nil { // else nobody asks any more
			q.noteProof(proof, err)
			return
		}
		q.mu.Lock()
		defer q.mu.Unlock()
		q.proofs.proving = false
	})
}

// proveAll makes a proof, once there is room for the engine that it may need.
func (q *Queue) proveAll(ctx context.Context, snap *scale.Snapshot) (*scale.Proof, error) {
	place, err := q.options.Room.Enter(ctx, false)
	if err != nil {
		return nil, err
	}
	defer place.Leave()
	return q.scaler.ProveAll(ctx, snap)
}

// noteProof keeps a proof that was made in idle time, and tells the observer if it is news.
func (q *Queue) noteProof(proof *scale.Proof, err error) {
	q.mu.Lock()
	told := scale.Proved{Err: err}
	news := err != nil && q.proofs.unproved == 0
	switch {
	case err != nil:
		q.proofs.proveAt = q.now().Add(min(q.options.Poll<<min(q.proofs.unproved, 10), mostProveDelay))
		q.proofs.unproved++
	case q.known.snap != nil: // scaling may have been switched off meanwhile, and there is nothing to prove any more
		told.Pending = q.known.snap.PendingBy(proof)
		news = q.proofs.unproved > 0 || !reflect.DeepEqual(told.Pending, q.known.snap.PendingBy(q.proofs.proof))
		q.proofs.proof, q.proofs.unproved = proof, 0
		q.noteSizes(proof)
		clear(q.projections)
	}
	q.proofs.proving = false
	q.mu.Unlock()
	if news {
		q.tell(told)
	}
	q.wakeUp()
}

// noteSizes adds the sizes that a proof has found to what is known of the stack. It changes a copy, because others may
// be reading the original. q.mu must be held.
func (q *Queue) noteSizes(proof *scale.Proof) {
	if proof == nil || q.known.snap == nil {
		return
	}
	snap := *q.known.snap
	snap.Sizes = maps.Clone(snap.Sizes)
	if snap.TakeSizes(proof) {
		q.known.snap = &snap
	}
}

// refreshPending looks again at the pending changes of the intents' pools, if any are known, so that nobody is turned
// away because of a change that is no longer pending.
func (q *Queue) refreshPending(intents []scale.Intent) {
	q.mu.Lock()
	snap, proof := q.known.snap, q.proofs.proof
	q.mu.Unlock()
	if snap == nil || !slices.ContainsFunc(intents, func(i scale.Intent) bool { return len(proof.Pending(i.Pool)) > 0 }) {
		return
	}
	now, err := q.scaler.Stack.Proof(snap)
	if err != nil {
		now = nil // if something is wrong, carrying the intents out will show it
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.known.snap == snap && q.proofs.proof == proof {
		q.proofs.proof = now
	}
}
