package queue

import (
	"cmp"
	"errors"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// How long the queue waits before it tries something again: what could not be carried out, a pool that it settles, and
// an alert that keeps failing. A command waits as scale/scaler says (withRetries), and so does the server for what it
// only reads or previews. The longest wait is the command line's: mostRetryDelay in cmd/serve.go.

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
