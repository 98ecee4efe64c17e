package queue

import (
	"cmp"
	"errors"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// How long the queue waits before it tries something again. How long a command waits is in scale/scaler.

// seenShare is how many times as often, at the longest wait, a stack is tried that a look without an engine saw to be
// locked.
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
