package scale

import "time"

// triesAgain says whether an intent whose pool and key an operation has already is to be decided afresh, once the time for that has come.
//
// An event that a sender tells of once, or with a key of the request's own, has been dealt with, whatever came of it: that it comes twice is a retry of
// a message. A sender that tells of an alert for as long as it fires means that it still fires, and if nothing came of that, it is time to try again.
func (i Intent) triesAgain(first Operation) bool {
	return i.Signal != nil && i.Signal.Repeats && first.cameToNothing()
}

// cameToNothing says that the operation is done, that nothing was scaled for it, and that this is not what was meant to become of it. What
// another signal was preferred to counts as done with that one, and what somebody has cancelled is not to be done.
func (o Operation) cameToNothing() bool {
	if o.State != Done {
		return false
	}
	switch o.Result {
	case FinalScaled, FinalUnverified, FinalCancelled, FinalSuperseded, Final(NoChange), Final(Cleared):
		return false
	}
	return true
}

// failed says that the operation came to nothing although nothing held it off.
func (o Operation) failed() bool {
	return o.cameToNothing() && o.Result != Final(CoolingDown) && o.Result != Final(Paused) && o.Result != Final(Held)
}

// failures is how many operations of the same event have failed, this one included.
func (o Operation) failures() int {
	if o.failed() {
		return o.Failures + 1
	}
	return o.Failures
}

// mayRepeat is when an operation that came to nothing may be tried again. After its first failure the alert's next repeat may, for senders take
// their time; each further one doubles the wait. All that it follows from is in the journal.
func (q *Queue) mayRepeat(first Operation) time.Time {
	if !first.failed() || first.failures() < 2 {
		return time.Time{}
	}
	ended := first.EndedAt
	if now := q.now(); ended.After(now) { // the clock was set back
		ended = now
	}
	return ended.Add(doubled(q.options.RepeatDelay, first.failures()-2, q.options.MaxRepeatDelay))
}

// doubled is a delay doubled so many times, up to the longest.
func doubled(delay time.Duration, times int, longest time.Duration) time.Duration {
	for range min(times, 32) {
		delay = min(2*delay, longest)
	}
	return delay
}
