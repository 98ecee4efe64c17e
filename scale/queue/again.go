package queue

import (
	"cmp"
	"errors"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// triesAgain says whether an intent is to be decided afresh although an operation has its pool and key already, once
// the time for that has come.
//
// An event that a sender tells of once, or with a key of the request's own, has been dealt with, whatever came of it.
// If it comes twice, a message was sent again. A sender that tells of an alert for as long as it fires means that it
// still fires. If nothing came of that, it is time to try again. So it is if its value is another one by now, under a
// strategy that goes by the value: it may want more.
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

// cameToNothing says that the operation is done, that nothing was scaled for it, and that this is not what was meant to
// become of it. If another signal was preferred to it, it counts as done with that one. If somebody has cancelled it,
// it is not to be done.
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

// failed says that the operation came to nothing although nothing held it off.
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

// repeatAt is when an operation that came to nothing may be tried again. After its first failure the alert's next
// repeat may try at once, because senders take their time; each further failure doubles the wait. The journal holds all
// that this is computed from.
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

// How long the queue waits before it tries something again: what could not be carried out, a pool that it settles, and
// an alert that keeps failing. A command waits as scale/scaler says (withRetries), and so does the server for what it
// only reads or previews. The longest wait is the command line's: mostRetryDelay in cmd/serving.

// seenShare shortens the wait for a lock that was seen in the backend's folder: to look at it again costs nothing, so
// the wait is at most MaxRetryDelay/seenShare.
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

// backoff is the wait after so many failures in a row before the present one.
func (q *Queue) backoff(failures int) time.Duration {
	return doubled(q.options.RetryDelay, failures, q.options.MaxRetryDelay)
}

// doubled is a delay that is doubled so many times, up to the longest.
func doubled(delay time.Duration, times int, longest time.Duration) time.Duration {
	for range min(times, 32) {
		delay = min(2*delay, longest)
	}
	return delay
}
