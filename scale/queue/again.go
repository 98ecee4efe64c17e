package queue

import (
	"cmp"
	"errors"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// How long the queue waits before it tries something again: an alert whose operations keep failing (repeatAt) and what
// could not be carried out (retryDelay). settle.go has the wait before pools are brought back, levels.go that before the
// queue asks again for what schedules and metrics want. A command waits as withRetries in scale/scaler says, and so does
// the server for what it only reads or previews. The longest waits are [Options].MaxRetryDelay and MaxRepeatDelay.

// triesAgain says whether an intent is to be decided afresh although an operation has its pool and key already, once
// the time for that has come.
//
// An event that a sender tells of once, or with a key of the request's own, has been dealt with, whatever came of it: if
// it comes twice, a message was sent again. A sender that repeats an alert means that the alert still fires. If its
// operation came to nothing, it is time to try again. The same holds if the alert's value has changed and the strategy
// computes the count from the value: another count may be wanted now.
func (q *Queue) triesAgain(i scale.Intent, first Operation) bool {
	if i.Signal == nil || !i.Signal.Repeats {
		return false
	}
	isOver := first.State == Deferred || first.State == Done && first.Result != FinalCancelled
	return first.cameToNothing() || isOver && q.hasOtherValue(i, first)
}

// hasOtherValue says whether an alert comes again with another value of its metric, of which the pool's rule may make
// another count.
func (q *Queue) hasOtherValue(i scale.Intent, first Operation) bool {
	now, before := i.Signal, first.Intent.Signal
	if before == nil || now.Cleared || now.Value == nil || before.Value == nil || *now.Value == *before.Value ||
		now.Delta != nil || now.Count != nil {
		return false
	}
	rule, ok := q.Rules()[i.Pool]
	return ok && rule.FollowsValue(now.Alert)
}

// cameToNothing says whether the operation is done, and nothing was scaled for it although something should have been.
// An operation to which another signal was preferred is done with that one, and a cancelled one is not to be done.
func (o Operation) cameToNothing() bool {
	if o.State != Done {
		return false
	}
	switch o.Result {
	case FinalScaled, FinalUnverified, FinalCancelled, FinalSuperseded, Final(scale.NoChange), Final(scale.Cleared):
		return false
	}
	return true
}

// failed says whether the operation came to nothing although no cooldown, pause or hold was in the way.
func (o Operation) failed() bool {
	return o.cameToNothing() && o.Result != Final(scale.CoolingDown) && o.Result != Final(scale.Paused) && o.Result != Final(scale.Held)
}

// failures is how many operations of the same event have failed, this one included.
func (o Operation) failures() int {
	if o.failed() {
		return o.Failures + 1
	}
	return o.Failures
}

// repeatAt is when an operation that came to nothing may be tried again. After the first failure the alert's next repeat
// is tried at once, because senders take their time. The second failure starts the wait, and each further one doubles it.
// All that this is computed from is in the journal.
func (q *Queue) repeatAt(first Operation) time.Time {
	if !first.failed() || first.failures() < 2 {
		return time.Time{}
	}
	ended := first.EndedAt
	if now := q.now(); ended.After(now) { // the clock was set back
		ended = now
	}
	return ended.Add(doubled(q.options.RepeatDelay, first.failures()-2, q.options.MaxRepeatDelay))
}

// seenShare shortens the wait for a lock that was seen in the backend's folder, to MaxRetryDelay/seenShare at most:
// looking at the folder again costs nothing.
const seenShare = 8

// retryDelay is the wait before operations that could not be carried out because of err are tried again. q.mu must be
// held.
func (q *Queue) retryDelay(err error) time.Duration {
	delay := q.backoff(q.worker.failures)
	if locked, ok := errors.AsType[*scale.LockedError](err); ok && locked.Seen {
		delay = min(delay, cmp.Or(q.options.MaxRetryDelay/seenShare, q.options.RetryDelay))
	}
	return delay
}

// backoff is the wait after a failure that so many failures in a row came before.
func (q *Queue) backoff(failures int) time.Duration {
	return doubled(q.options.RetryDelay, failures, q.options.MaxRetryDelay)
}

// doubled is the delay doubled so many times, but not more than longest.
func doubled(delay time.Duration, times int, longest time.Duration) time.Duration {
	for range min(times, 32) {
		delay = min(2*delay, longest)
	}
	return delay
}
