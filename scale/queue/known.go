package queue

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// known is what a queue knows of its stack. The queue's mu guards it.
type known struct {
	// snap is what was read last, nil before that, and began is when that reading began. news is closed when there is
	// another one.
	snap  *scale.Snapshot
	began time.Time
	news  chan struct{}
	// outdated says that an update of ours ended after that. foreseen says that snap is nevertheless what a reading
	// should find, because the update did what it was to do. That is good enough to accept intents, which are decided
	// again, and not to turn them away.
	outdated, foreseen bool
	// updates counts the updates of ours that have ended.
	updates int
	// flight is the reading under way that began last; nil if there is none. flights counts all that are under way.
	// next is the reading that begins when one of them ends; nil if none waits.
	flight  *flight
	flights int
	next    *flight
	// remarks are those of [scale.Program.Remarks] that were told last.
	remarks []string
	// readErr says why the stack could not be read the last time. rulesErr says why other rules than those of the
	// stack's output are in force.
	readErr, rulesErr error
}

// flight is a reading of the stack for all who wait for it.
type flight struct {
	began   time.Time
	updates int
	// done is closed after err is set.
	done chan struct{}
	err  error
}

// current says whether the stack is known as it was at a moment or after it.
func (k *known) current(since time.Time) bool {
	return k.usable() && !k.outdated && !k.began.Before(since)
}

// usable says whether intents may be accepted on what is known.
func (k *known) usable() bool {
	return k.snap != nil && (!k.outdated || k.foreseen) && k.readErr == nil
}

// fresh makes sure that the stack is known as it was at a moment, or after it. Those who call it at the same time share
// one reading. The end of an update may make that reading unnecessary. It returns what is known then, which may be gone
// a moment later if somebody destroys the stack. The error is an [*scale.UnavailableError], a [*scale.RulesError] if no
// rules were ever valid, or that of ctx.
func (q *Queue) fresh(ctx context.Context, since time.Time) (*scale.Snapshot, error) {
	var failed error
	for {
		q.mu.Lock()
		if q.current(since) {
			snap := q.snap
			q.mu.Unlock()
			return snap, nil
		}
		if failed != nil {
			q.mu.Unlock()
			return nil, failed
		}
		f, news := q.read(since), q.news
		q.mu.Unlock()
		select {
		case <-f.done:
			failed = f.err
		case <-news:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// mostFlights is how many readings may be under way at once. Each is processes of the CLI, and the more of them there
// are, the longer they take. One that hangs does not keep the next one from being begun.
const mostFlights = 2

// read joins the reading under way, unless that began too early. Otherwise it begins one, or joins those who wait for
// one to begin. q.mu must be held.
func (q *Queue) read(since time.Time) *flight {
	if f := q.flight; f != nil && f.updates == q.updates && !f.began.Before(since) {
		return f
	}
	if q.next != nil {
		return q.next
	}
	f := &flight{done: make(chan struct{})}
	switch {
	case q.reading.Err() != nil:
		f.abandon()
	case q.flights == mostFlights:
		q.next = f
	default:
		q.depart(f)
	}
	return f
}

// abandon ends a reading that never began.
func (f *flight) abandon() {
	f.err = &scale.UnavailableError{Problem: "the stack is no longer read", Detail: "the server is being stopped"}
	close(f.done)
}

// depart begins a reading. q.mu must be held.
func (q *Queue) depart(f *flight) {
	f.began, f.updates = q.now(), q.updates
	q.flight = f
	q.flights++
	q.background.Go(func() {
		ctx, cancel := context.WithTimeout(q.reading, readTimeout)
		defer cancel()
		snap, err := q.scaler.Stack.Read(ctx)
		q.landed(f, snap, err)
	})
}

// landed takes in what a reading found.
func (q *Queue) landed(f *flight, snap *scale.Snapshot, err error) {
	var news []scale.Event
	q.mu.Lock()
	if err != nil {
		f.err = unavailable(err)
	}
	// An update of ours may have ended meanwhile, and a later reading may have been faster.
	if f.updates == q.updates && !f.began.Before(q.began) {
		news = q.takeIn(f, snap, err)
	}
	if q.flight == f {
		q.flight = nil
	}
	q.flights--
	if next := q.next; next != nil {
		q.next = nil
		if q.reading.Err() != nil {
			next.abandon()
		} else {
			q.depart(next)
		}
	}
	outcome := f.err
	if outcome == nil {
		outcome = q.rulesErr
	}
	q.mu.Unlock()
	q.tell(Refreshed{Err: outcome})
	for _, event := range news {
		q.tell(event)
	}
	close(f.done)
	q.wakeUp()
}

// takeIn takes in what a reading found, and returns what is to be told of it. q.mu must be held.
func (q *Queue) takeIn(f *flight, snap *scale.Snapshot, err error) (news []scale.Event) {
	deployed := snap != nil && (q.snap == nil || q.snap.Head != snap.Head)
	before, wasOff := q.snap, scale.IsOff(q.readErr)
	if f.err = q.take(f, snap, err); f.err == nil {
		q.noteNews(before)
		if remarks := q.snap.Remarks(q.scaler.Stack.ConfigFile()); !slices.Equal(remarks, q.remarks) {
			q.remarks = remarks
			news = append(news, scale.Remarked{Remarks: remarks})
		}
	}
	if off := scale.IsOff(q.readErr); off && !wasOff {
		news = append(news, scale.SwitchedOff{Err: q.readErr})
	} else if wasOff && !off {
		news = append(news, scale.SwitchedOn{})
	}
	clear(q.projections)
	q.pollAt = q.now().Add(q.options.Poll)
	if deployed || q.unproved == 0 { // a proof that cannot be made has its own time
		q.proveAt = time.Time{}
	}
	return news
}

func (k *known) take(f *flight, snap *scale.Snapshot, err error) error {
	var malformed *scale.RulesError
	switch {
	case err == nil:
		k.snap, k.began, k.outdated, k.readErr, k.rulesErr = snap, f.began, false, nil, snap.RulesErr
		close(k.news)
		k.news = make(chan struct{})
		return nil
	case errors.As(err, &malformed):
		k.rulesErr = err
		if malformed.Gone {
			k.snap = nil // what it says is not so any more
		}
		if k.snap == nil {
			k.readErr = err
			return err
		}
		k.began, k.outdated, k.readErr = f.began, false, nil
		return nil
	}
	k.readErr = unavailable(err)
	if scale.IsOff(k.readErr) {
		k.snap = nil
	}
	return k.readErr
}

// switchOff takes in that scaling turned out to be switched off, if an error says so, before the next reading finds
// that too.
func (q *Queue) switchOff(err error) {
	q.mu.Lock()
	news := scale.IsOff(err) && !scale.IsOff(q.readErr)
	if news {
		_ = q.take(&flight{began: q.now()}, nil, err)
		clear(q.projections)
	}
	q.mu.Unlock()
	if news {
		q.tell(scale.SwitchedOff{Err: err})
	}
}

// unavailable turns what kept the stack from being read into an error that callers know.
func unavailable(err error) error {
	var already *scale.UnavailableError
	var malformed *scale.RulesError
	if errors.As(err, &already) || errors.As(err, &malformed) || scale.IsOff(err) {
		return err
	}
	return &scale.UnavailableError{Problem: "the stack cannot be read", Detail: err.Error()}
}

// afterwards is how the stack is after an update of ours that has just ended, as far as that is known without a
// reading.
type afterwards struct {
	at time.Time
	// snap is what a reading should find at that moment; nil if that cannot be said. certain says that it would find
	// just that, because the backend shows that nobody else has written.
	snap    *scale.Snapshot
	certain bool
}

// afterwards looks at the backend, so q.mu must not be held.
func (q *Queue) afterwards() afterwards {
	a := afterwards{at: q.now()}
	a.snap, a.certain = q.scaler.Stack.Expected()
	return a
}

// ifCertain leaves out what is not certain.
func (a afterwards) ifCertain() afterwards {
	if !a.certain {
		a.snap = nil
	}
	return a
}

// updated takes in that an update of ours has ended: nothing that was read before is good enough any more. q.mu must be
// held. If it is known what the stack is like now, the update's operations must no longer be running when q.mu is
// released.
func (q *Queue) updated(a afterwards) {
	q.updates++
	clear(q.projections)
	if a.certain {
		_ = q.take(&flight{began: a.at}, a.snap, nil) // there is nothing that could fail
		q.pollAt = q.now().Add(q.options.Poll)
		return
	}
	q.outdated, q.foreseen = true, a.snap != nil
	if a.snap != nil {
		q.snap, q.rulesErr = a.snap, nil
	}
	q.pollAt = time.Time{}
}

// updateEnded takes in that an update of ours, if one was begun, has ended, and has not done what it was to do. So only
// what is certain is known of what it leaves.
func (q *Queue) updateEnded() {
	after := q.afterwards().ifCertain()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.updated(after)
}
