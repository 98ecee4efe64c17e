package queue

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/room"
)

// known is what a queue knows of its stack. The queue's mu guards it.
type known struct {
	// snap is the last reading of the stack, nil before the first, and began is when that reading began. news is closed
	// when there is a newer reading.
	snap  *scale.Snapshot
	began time.Time
	news  chan struct{}
	// outdated says that an update of ours has ended since snap was read. foreseen says that snap is nevertheless what
	// a reading should find, because that update did what it was to do. A foreseen snap is good enough to accept
	// intents, which are decided again, but not to turn them away.
	outdated, foreseen bool
	// updates counts the updates of ours that have ended.
	updates int
	// remarks are the [scale.Program.Remarks] that were told last.
	remarks []string
	// failures is how often in a row the stack could not be read.
	failures int
	// readErr says why the stack could not be read the last time. rulesErr says why the rules in force are not the ones
	// in the stack's output.
	readErr, rulesErr error
}

// isCurrent says whether what is known of the stack is at least as new as since.
func (k *known) isCurrent(since time.Time) bool {
	return k.isUsable() && !k.outdated && !k.began.Before(since)
}

// isUnread says whether the stack has not been read yet, and no try to do so has failed.
func (k *known) isUnread() bool { return k.snap == nil && k.readErr == nil }

// isUsable says whether intents may be accepted on what is known.
func (k *known) isUsable() bool {
	return k.snap != nil && (!k.outdated || k.foreseen) && k.readErr == nil
}

// ensureFresh makes sure that what is known of the stack is at least as new as since, and returns the snapshot.
// Concurrent callers share one reading. If an update of ours ends meanwhile, its result may make that reading
// unnecessary. Callers use the returned snapshot: if somebody destroys the stack, the queue may have none a moment
// later. The error is an [*scale.UnavailableError], a [*scale.RulesError] if no rules were ever valid, or the error of
// ctx.
func (q *Queue) ensureFresh(ctx context.Context, since time.Time) (*scale.Snapshot, error) {
	var failed error
	for {
		q.mu.Lock()
		if q.known.isCurrent(since) {
			snap := q.known.snap
			q.mu.Unlock()
			return snap, nil
		}
		if failed != nil {
			q.mu.Unlock()
			return nil, failed
		}
		r, news := q.startRead(since), q.known.news
		q.mu.Unlock()
		select {
		case <-r.done:
			failed = r.err
		case <-news:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// EnsureRead reads the stack if it has never been read. It returns only the error of ctx; if the stack cannot be read,
// [Queue.Ready] says why.
func (q *Queue) EnsureRead(ctx context.Context) error {
	q.mu.Lock()
	if !q.known.isUnread() {
		q.mu.Unlock()
		return nil
	}
	r := q.startRead(time.Time{})
	q.mu.Unlock()
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// startRead returns the reading under way, unless that reading began before since. Otherwise it begins a new reading
// or, if too many are under way, returns the one that waits to begin. q.mu must be held.
func (q *Queue) startRead(since time.Time) *reading {
	return q.startReadFor(since, false)
}

// startReadFor is startRead; unhurried says that nobody waits for the reading. q.mu must be held.
func (q *Queue) startReadFor(since time.Time, unhurried bool) *reading {
	r, begins := q.readings.join(since, q.known.updates)
	switch {
	case begins && q.lifetime.Err() != nil:
		r.giveUp()
	case begins:
		r.unhurried = unhurried
		q.beginRead(r)
	}
	return r
}

// beginRead begins a reading. q.mu must be held.
func (q *Queue) beginRead(r *reading) {
	q.readings.begin(r, q.now(), q.known.updates)
	q.background.Go(func() {
		ctx, cancel := context.WithTimeout(q.lifetime, readTimeout)
		defer cancel()
		if r.unhurried {
			ctx = room.Unhurried(ctx)
		}
		snap, err := q.scaler.Stack.Read(ctx)
		q.finishRead(r, snap, err)
	})
}

// finishRead notes what a reading found, and begins the next reading if one waits.
func (q *Queue) finishRead(r *reading, snap *scale.Snapshot, err error) {
	var news []scale.Event
	q.mu.Lock()
	if err != nil {
		r.err = unavailable(err)
	}
	// If an update of ours has ended meanwhile, or if a later reading was faster, what this one found is outdated.
	if r.updates == q.known.updates && !r.began.Before(q.known.began) {
		news = q.noteReading(r, snap, err)
	}
	if next := q.readings.end(r); next != nil {
		if q.lifetime.Err() != nil {
			next.giveUp()
		} else {
			q.beginRead(next)
		}
	}
	outcome := r.err
	if outcome == nil {
		outcome = q.known.rulesErr
	}
	noRules := q.known.snap == nil
	cutOff := err != nil && q.lifetime.Err() != nil // by the queue's own end, which says nothing of the stack
	q.mu.Unlock()
	if !cutOff {
		q.tell(Refreshed{Err: outcome, NoRules: noRules})
	}
	for _, event := range news {
		q.tell(event)
	}
	close(r.done)
	q.wakeUp()
}

// noteReading notes what a reading found, and returns the events that are to be told about it. q.mu must be held.
func (q *Queue) noteReading(r *reading, snap *scale.Snapshot, err error) (news []scale.Event) {
	deployed := snap != nil && (q.known.snap == nil || q.known.snap.Head != snap.Head)
	before, wasOff := q.known.snap, scale.IsOff(q.known.readErr)
	if r.err = q.known.take(r.began, snap, err); r.err == nil {
		q.noteNews(before)
		q.followCounts(q.known.snap)
		if remarks := q.known.snap.Remarks(q.scaler.Stack.ConfigFile()); !slices.Equal(remarks, q.known.remarks) {
			q.known.remarks = remarks
			news = append(news, scale.Remarked{Remarks: remarks})
		}
	}
	if off := scale.IsOff(q.known.readErr); off && !wasOff {
		news = append(news, scale.SwitchedOff{Err: q.known.readErr})
	} else if wasOff && !off {
		news = append(news, scale.SwitchedOn{})
	}
	clear(q.projections)
	if r.err == nil && hasNewDeploy(before, q.known.snap) {
		clear(q.asks) // the deploy may have removed what kept a pool from its level
	}
	q.chores.pollAt = q.now().Add(q.pollAgain(r.err))
	if deployed || q.proofs.unproved == 0 { // the next try of a proof that could not be made has its own time
		q.proofs.proveAt = time.Time{}
	}
	return news
}

// pollAgain returns how long after a reading the next one begins. A reading that failed is repeated sooner.
func (q *Queue) pollAgain(err error) time.Duration {
	wait := q.unhurried(q.options.Poll)
	if err == nil {
		q.known.failures = 0
		return wait
	}
	wait = min(wait, q.options.Poll<<min(q.known.failures, 10))
	q.known.failures++
	return wait
}

// hasNewDeploy says whether somebody has updated the stack between two readings.
func hasNewDeploy(before, now *scale.Snapshot) bool {
	head := func(s *scale.Snapshot) string {
		if s == nil || s.Deploy == nil {
			return ""
		}
		return s.Deploy.Head
	}
	return head(before) != head(now)
}

func (k *known) take(began time.Time, snap *scale.Snapshot, err error) error {
	malformed, ok := errors.AsType[*scale.RulesError](err)
	switch {
	case err == nil:
		k.snap, k.began, k.outdated, k.readErr, k.rulesErr = snap, began, false, nil, snap.RulesErr
		close(k.news)
		k.news = make(chan struct{})
		return nil
	case ok:
		k.rulesErr = err
		if malformed.Gone {
			k.snap = nil // what was read before is no longer true
		}
		if k.snap == nil {
			k.readErr = err
			return err
		}
		k.began, k.outdated, k.readErr = began, false, nil
		return nil
	}
	k.readErr = unavailable(err)
	if scale.IsOff(k.readErr) {
		k.snap = nil
	}
	return k.readErr
}

// noteSwitchedOff notes that scaling is switched off if the error says so, without waiting for the next reading to find
// that.
func (q *Queue) noteSwitchedOff(err error) {
	q.mu.Lock()
	news := scale.IsOff(err) && !scale.IsOff(q.known.readErr)
	if news {
		_ = q.known.take(q.now(), nil, err)
		clear(q.projections)
	}
	q.mu.Unlock()
	if news {
		q.tell(scale.SwitchedOff{Err: err})
	}
}

// unavailable returns err if callers know its kind; otherwise it returns a [*scale.UnavailableError] with the text of
// err.
func unavailable(err error) error {
	switch scale.KindOf(err) {
	case scale.KindUnavailable, scale.KindRules, scale.KindDestroyed:
		return err
	}
	return &scale.UnavailableError{Problem: "the stack cannot be read", Detail: err.Error()}
}

// aftermath is how the stack is after an update of ours that has just ended, as far as that is known without a reading.
type aftermath struct {
	at time.Time
	// snap is what a reading should find at that moment; nil if that cannot be said. certain says that a reading would
	// find exactly snap, because the backend shows that nobody else has written.
	snap    *scale.Snapshot
	certain bool
}

// lookAfterUpdate returns how the stack is after an update of ours. It looks at the backend, so q.mu must not be held.
func (q *Queue) lookAfterUpdate() aftermath {
	a := aftermath{at: q.now()}
	a.snap, a.certain = q.scaler.Expected()
	return a
}

// ifCertain returns the aftermath, without its snap if that snap is not certain.
func (a aftermath) ifCertain() aftermath {
	if !a.certain {
		a.snap = nil
	}
	return a
}

// noteUpdate notes that an update of ours has ended. From then on, earlier readings are outdated. q.mu must be held. If
// a has a snap, the update's operations must no longer be [Running] when q.mu is released.
func (q *Queue) noteUpdate(a aftermath) {
	q.known.updates++
	clear(q.projections)
	if a.certain {
		_ = q.known.take(a.at, a.snap, nil) // there is nothing that could fail
		q.chores.pollAt = q.now().Add(q.unhurried(q.options.Poll))
		return
	}
	q.known.outdated, q.known.foreseen = true, a.snap != nil
	if a.snap != nil {
		q.known.snap, q.known.rulesErr = a.snap, nil
	}
	q.chores.pollAt = time.Time{}
}

// noteFailedUpdate notes that an update of ours, if one was begun, has ended and may not have done what it was to do.
// It notes how the stack is now only if that is certain.
func (q *Queue) noteFailedUpdate() {
	after := q.lookAfterUpdate().ifCertain()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.noteUpdate(after)
}

// glanced is a stack whose backend can be looked at without a process. Glance returns a text, which changes if an
// update, whoever made it, may have ended since the last glance. The text is empty if the backend does not show such
// ends.
type glanced interface{ Glance() string }

// glanceEvery is how often an idle queue glances at the backend.
const glanceEvery = 500 * time.Millisecond

// glances is what the queue saw at its last glance, and when. Run alone reads and writes it.
type glances struct {
	stack glanced
	seen  string
	at    time.Time
}

// look glances at the backend, and says whether the text has changed since the last glance.
func (g *glances) look(now time.Time) (news bool) {
	if g.stack == nil {
		return false
	}
	seen := g.stack.Glance()
	news = seen != g.seen && g.seen != ""
	g.seen, g.at = seen, now
	return news
}

// nextGlance returns when to glance again; ok is false if the backend shows nothing.
func (q *Queue) nextGlance() (at time.Time, ok bool) {
	return q.glances.at.Add(q.unhurried(glanceEvery)), q.glances.seen != ""
}
