package queue

import (
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
