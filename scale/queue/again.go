package queue

import (
	"cmp"
	"errors"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// This file says how long the queue waits before it tries something again: repeatAt for an alert whose operations keep
// failing, retryDelay for operations that could not be carried out. settle.go has the wait before pools are settled
// again, and levels.go has the wait before the queue asks again for what schedules and metrics want. withRetries in
// scale/scaler has the waits of a command, and of the server when it only reads or previews. The longest waits are
// [Options].MaxRetryDelay and MaxRepeatDelay.

// triesAgain says whether an intent is to be decided afresh although an operation has the intent's pool and key
// already. [Queue.repeatAt] returns the earliest time for that.
//
// If a sender reports an event only once, or if the request has a key of its own, the event is not tried again,
// whatever came of it: a second message with the key is the first message, sent again. If a sender repeats an alert,
// the alert still fires. The alert is tried again if its operation came to nothing: see [Operation.cameToNothing]. The
// same holds if the alert's value has changed and the strategy computes the count from the value: a different count may
// be wanted now.
func (q *Queue) triesAgain(i scale.Intent, first Operation) bool {
	if i.Signal == nil || !i.Signal.Repeats {
		return false
	}
	isOver := first.State == Deferred || first.State == Done && first.Result != FinalCancelled
	return first.cameToNothing() || isOver && q.hasOtherValue(i, first)
}

// hasOtherValue says whether an alert repeats with a different value of its metric, from which the pool's rule may
// compute a different count.
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
// A superseded operation does not count, because the signal that superseded it takes care of the pool. A cancelled
// operation does not count either, because nobody wants it any more.
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

// failures returns how many operations of the same event have failed, this one included.
func (o Operation) failures() int {
	if o.failed() {
		return o.Failures + 1
	}
	return o.Failures
}

// repeatAt returns when an operation that came to nothing may be tried again; zero means at once. After the first
// failure there is no wait, because senders leave some time between repeats. After the second failure there is a wait,
// which each further failure doubles. Everything that the time is computed from is in the journal.
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

// seenShare shortens the wait for a lock that was seen in the backend's folder: the wait is at most
// MaxRetryDelay/seenShare, because looking at the folder again costs nothing.
const seenShare = 8

// retryDelay returns the wait before operations that could not be carried out because of err are tried again. q.mu must
// be held.
func (q *Queue) retryDelay(err error) time.Duration {
	delay := q.backoff(q.worker.failures)
	if locked, ok := errors.AsType[*scale.LockedError](err); ok && locked.Seen {
		delay = min(delay, cmp.Or(q.options.MaxRetryDelay/seenShare, q.options.RetryDelay))
	}
	return delay
}

// backoff returns the wait after a failure; failures is how many failures in a row came before it.
func (q *Queue) backoff(failures int) time.Duration {
	return doubled(q.options.RetryDelay, failures, q.options.MaxRetryDelay)
}

// doubled returns the delay, doubled the given number of times, but not beyond longest.
func doubled(delay time.Duration, times int, longest time.Duration) time.Duration {
	for range min(times, 32) {
		delay = min(2*delay, longest)
	}
	return delay
}
