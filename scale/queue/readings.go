package queue

import (
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// mostReadings is how many readings may be under way at once. Each reading runs processes of the CLI, and the more of
// them there are, the longer they take. There may be two, so that a reading that hangs does not keep the next one from
// beginning.
const mostReadings = 2

// readings are the readings of the stack that are under way, and the reading that waits for one of these to end.
// Everybody who wants to know the stack joins a reading. The queue's mu guards it.
type readings struct {
	// newest is the reading under way that began last; nil if there is none. underWay counts all readings under way.
	newest   *reading
	underWay int
	// next is the reading that begins when one under way ends; nil if none waits.
	next *reading
}

// reading is a reading of the stack for all who wait for it.
type reading struct {
	// began is when the reading began, and updates is how many updates of ours had ended by then.
	began   time.Time
	updates int
	// unhurried says that nobody waited for the reading when it began.
	unhurried bool
	// done is closed after err is set.
	done chan struct{}
	err  error
}

// join returns a reading whose result is at least as new as since. updates is how many updates of ours have ended: the
// reading begins after all of them. If begins is set, the caller must begin that reading.
func (r *readings) join(since time.Time, updates int) (_ *reading, begins bool) {
	if n := r.newest; n != nil && n.updates == updates && !n.began.Before(since) {
		return n, false
	}
	if r.next != nil {
		return r.next, false
	}
	made := &reading{done: make(chan struct{})}
	if r.underWay == mostReadings {
		r.next = made
		return made, false
	}
	return made, true
}

// begin notes that a reading begins now.
func (r *readings) begin(begun *reading, now time.Time, updates int) {
	begun.began, begun.updates = now, updates
	r.newest = begun
	r.underWay++
}

// end notes that a reading has ended. It returns the reading that waited for a place, which the caller must begin or
// give up; nil if none waited.
func (r *readings) end(ended *reading) (next *reading) {
	if r.newest == ended {
		r.newest = nil
	}
	r.underWay--
	next, r.next = r.next, nil
	return next
}

// giveUp ends a reading that never began.
func (r *reading) giveUp() {
	r.err = &scale.UnavailableError{Problem: "the stack is no longer read", Detail: "the server is being stopped"}
	close(r.done)
}
