package notify

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/notice"
)

const (
	// firstRetry and lastRetry are the shortest and the longest wait before another try, give or take half.
	firstRetry = time.Second
	lastRetry  = 15 * time.Minute
	// keepFor is the age at which a notice is given up. hopelessTries is the number of tries after which a notice is
	// given up if the listener's answer says that it will never accept the message.
	keepFor       = 24 * time.Hour
	hopelessTries = 3
	// mostWaiting is how many notices wait for one listener at most: the oldest is given up for a new one.
	mostWaiting = 1000
)

// listener brings letters to one listener: one at a time, in order for each pool. If the letter of a pool waits for a
// further try, the letters of other pools do not wait for it.
type listener struct {
	Setting
	kind   kind
	vault  *vault
	client *http.Client
	outbox Outbox
	log    *slog.Logger
	now    func() time.Time
	// lasting returns the troubles that last.
	lasting func() []notice.Notice
	// wake tells run that there may be something to do.
	wake chan struct{}

	// mu guards what follows. The vault, the outbox, the log and lasting are not called while it is held. Only run
	// removes letters, except that add removes the oldest ones if there are too many.
	mu    sync.Mutex
	lanes map[string]*lane
	// done are the keys of letters that are still to be removed from the outbox.
	done []string
	// pausedUntil is until when nothing at all is sent to the listener.
	pausedUntil time.Time
	// resendAt is when the listener is told again of the troubles that last.
	resendAt time.Time
	status   board.Listener
}

// lane has the letters of one pool, oldest first.
type lane struct {
	letters []*letter
	// dueAt is when the first letter may be tried, and waits makes the waits between the tries.
	dueAt time.Time
	waits *backoff.ExponentialBackOff
}

func newLane() *lane {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval, waits.MaxInterval, waits.Multiplier = firstRetry, lastRetry, 2
	return &lane{waits: waits}
}

// add puts letters into their lanes. If too many letters then wait, the oldest are given up.
func (l *listener) add(letters ...*letter) {
	l.mu.Lock()
	for _, letter := range letters {
		pool := letter.Notice.Pool
		if l.lanes[pool] == nil {
			l.lanes[pool] = newLane()
		}
		l.lanes[pool].letters = append(l.lanes[pool].letters, letter)
		l.status.Waiting++
	}
	dropped := 0
	for l.status.Waiting > mostWaiting {
		l.dropOldest()
		dropped++
	}
	l.mu.Unlock()
	if dropped > 0 {
		l.log.Error("notifications were dropped: too many wait for this listener", "listener", l.Name, "notices", dropped)
	}
	l.wakeUp()
}

// dropOldest gives up the oldest letter. l.mu must be held.
func (l *listener) dropOldest() {
	var oldest string
	for pool, lane := range l.lanes {
		if first := l.lanes[oldest]; first == nil || lane.letters[0].number < first.letters[0].number {
			oldest = pool
		}
	}
	l.status.Lost++
	l.remove(oldest, l.lanes[oldest].letters[0])
}

// remove removes a letter, which was told or given up, from its lane. It does nothing if the letter is no longer in the
// lane. l.mu must be held.
func (l *listener) remove(pool string, gone *letter) {
	lane := l.lanes[pool]
	if lane == nil {
		return
	}
	at := slices.Index(lane.letters, gone)
	if at < 0 {
		return
	}
	lane.letters = slices.Delete(lane.letters, at, at+1)
	lane.waits.Reset()
	lane.dueAt = time.Time{}
	if len(lane.letters) == 0 {
		delete(l.lanes, pool)
	}
	l.done = append(l.done, gone.key)
	l.status.Waiting--
}

func (l *listener) wakeUp() {
	select {
	case l.wake <- struct{}{}:
	default: // it is awake
	}
}

// run delivers letters until ctx ends.
func (l *listener) run(ctx context.Context) {
	l.mu.Lock()
	l.resendAt = l.now().Add(resendEvery)
	l.mu.Unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		l.forgetDone()
		if l.isResendDue() {
			l.resend(ctx)
			continue
		}
		next, wait := l.next()
		if next != nil {
			l.deliver(ctx, next)
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-l.wake:
		case <-timer.C:
		}
	}
}

// longestSleep is how long run sleeps at most, because somebody may set the clock.
const longestSleep = time.Minute

// next returns the oldest letter that is due or, if none is, how long to wait. Letters that are too old are given up.
func (l *listener) next() (*letter, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.giveUpOld(now)
	wait := longestSleep
	if l.kind.resends {
		wait = min(wait, max(l.resendAt.Sub(now), 0))
	}
	if pause := l.pausedUntil.Sub(now); pause > 0 {
		return nil, min(pause, longestSleep)
	}
	if l.status.Stopped {
		return nil, longestSleep
	}
	var next *letter
	for _, lane := range l.lanes {
		if left := lane.dueAt.Sub(now); left > 0 && left <= 2*lastRetry { // beyond that, the clock was set back
			wait = min(wait, left)
			continue
		}
		if first := lane.letters[0]; next == nil || first.number < next.number {
			next = first
		}
	}
	return next, wait
}

// giveUpOld gives up letters that are too old. l.mu must be held.
func (l *listener) giveUpOld(now time.Time) {
	for pool, lane := range l.lanes {
		for _, letter := range slices.Clone(lane.letters) {
			if now.Sub(letter.Put) < keepFor {
				break
			}
			l.status.Lost++
			l.remove(pool, letter)
		}
	}
}

// deliver tries once to bring a letter to the listener. If the try fails, the letter stays in its lane for a further
// try, unless further tries are hopeless.
func (l *listener) deliver(ctx context.Context, one *letter) {
	if n := one.Notice; n.Kind.IsTrouble() && l.kind.resends {
		l.mu.Lock()
		l.resendAt = l.now().Add(resendEvery)
		l.mu.Unlock()
	}
	err := l.try(ctx, []notice.Notice{one.Notice}, one.Notice.ID)
	if ctx.Err() != nil {
		return // the letter stays in the outbox
	}
	pool := one.Notice.Pool
	one.tries++
	if l.note(err) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.status.Told++
		l.remove(pool, one)
		return
	}
	failed, _ := errors.AsType[*sendError](err)
	l.mu.Lock()
	lost := failed != nil && failed.hopeless() && one.tries >= hopelessTries
	if lost {
		l.status.Lost++
		l.remove(pool, one)
	} else if lane := l.lanes[pool]; lane != nil {
		lane.dueAt = l.now().Add(lane.waits.NextBackOff())
	}
	l.mu.Unlock()
	if lost {
		l.log.Error("a notification was dropped: the listener does not accept it", "listener", l.Name, "notice", one.Notice.ID, "pool", pool, "reason", err.Error())
	}
}

// try sends notices once. The error is a [*sendError] if a message was made and did not arrive. Any other error says
// why no message could be made.
func (l *listener) try(ctx context.Context, notices []notice.Notice, id string) error {
	open, err := l.vault.open(ctx, l.Setting)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.status.Host = open.url.Host
	l.mu.Unlock()
	m, err := l.kind.write(mail{notices: notices, wants: l.events(), id: id, at: l.now(), access: open})
	if err != nil || m.body == nil {
		return err
	}
	return send(ctx, l.client, open, m, l.now)
}

// note puts the result of a try into the status, and says whether the message arrived.
func (l *listener) note(err error) bool {
	now := l.now()
	l.mu.Lock()
	before := l.status.Problem
	if err == nil {
		l.status.Problem, l.status.ProblemAt, l.status.ToldAt = "", nil, new(now.UTC())
		l.pausedUntil = time.Time{}
		l.mu.Unlock()
		if before != "" {
			l.log.Info("a listener can be notified again", "listener", l.Name)
		}
		return true
	}
	l.status.Problem, l.status.ProblemAt = err.Error(), new(now.UTC())
	failed, answered := errors.AsType[*sendError](err)
	gone := answered && failed.gone()
	switch {
	case gone:
		l.status.Stopped = true
	case !answered: // nothing was sent, for example because the address is not known
		l.pausedUntil = now.Add(unreadable)
	case failed.after > 0:
		l.pausedUntil = now.Add(failed.after)
	}
	l.mu.Unlock()
	switch {
	case gone:
		l.log.Error("the listener's address no longer exists (410): nothing more is sent until it is corrected and the server is reloaded", "listener", l.Name, "reason", err.Error())
	case before != err.Error():
		l.log.Warn("a listener cannot be notified; it is tried again", "listener", l.Name, "reason", err.Error())
	}
	if answered && failed.refused() {
		l.vault.renew()
	}
	return false
}

// isResendDue says whether the listener is to be told again now of the troubles that last.
func (l *listener) isResendDue() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	return l.kind.resends && !l.status.Stopped && !l.resendAt.After(now) && !l.pausedUntil.After(now)
}

// resend tells the listener again of the troubles that last. If that fails, the next resend tells of the same troubles.
func (l *listener) resend(ctx context.Context) {
	l.mu.Lock()
	l.resendAt = l.now().Add(resendEvery)
	l.mu.Unlock()
	lasting := slices.DeleteFunc(l.lasting(), func(n notice.Notice) bool { return !l.wants(n) })
	if len(lasting) == 0 {
		return
	}
	if err := l.try(ctx, lasting, ""); ctx.Err() == nil {
		l.note(err)
	}
}

// forgetDone removes letters that were told, or given up, from the outbox. If they cannot be removed, it tries again
// later. If the process ends before they are removed, they are told once more after the restart.
func (l *listener) forgetDone() {
	l.mu.Lock()
	keys := l.done
	l.done = nil
	l.mu.Unlock()
	if len(keys) == 0 {
		return
	}
	records := map[string][]byte{}
	for _, key := range keys {
		records[key] = nil
	}
	if l.outbox.PutOutbox(records) != nil {
		l.mu.Lock()
		l.done = append(l.done, keys...)
		l.mu.Unlock()
	}
}

// reload has the listener tried again at once, even if it was gone or had asked for a pause.
func (l *listener) reload() {
	l.mu.Lock()
	l.status.Stopped, l.pausedUntil = false, time.Time{}
	for _, lane := range l.lanes {
		lane.dueAt = time.Time{}
	}
	l.mu.Unlock()
	l.wakeUp()
}

func (l *listener) snapshot() board.Listener {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

func (one *letter) encode() ([]byte, error) { return json.Marshal(one) }
