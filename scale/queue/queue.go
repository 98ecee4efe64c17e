package queue

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/scaler"

	"github.com/pulumiscale/pulumiscale/scale"

	"go.opentelemetry.io/otel/trace"
)

// Queue accepts intents for one stack and has them carried out by a [scaler.Scaler], one update at a time. What is
// accepted while an update runs, for whatever pools, goes into the next one. What it has accepted is in its [Journal]
// and outlives the process.
//
// It is safe for concurrent use. One [Queue.Run] must be under way for accepted operations to be carried out.
type Queue struct {
	options Options
	scaler  *scaler.Scaler
	journal Journal
	// reading ends with Run, and ends the reads that are under way with it. background counts these and what else goes
	// on in the background; Close waits for all of it.
	reading     context.Context
	stopReading context.CancelFunc
	background  sync.WaitGroup
	// reaching lets one at a time read the history beyond what is known, so that this never takes all turns, and saving
	// one change to the journal.
	reaching, saving turn
	// work holds what requests have under way: see [Queue.Occupy].
	work chan struct{}
	// wake tells Run that there may be something to do.
	wake chan struct{}
	// telling lets one event at a time through to the observer.
	telling sync.Mutex
	// ahead is what Run has prepared. Run alone reads and writes it.
	ahead ahead
	// glances belong to Run alone, too.
	glances glances

	mu sync.Mutex
	// open are the operations that are not done, oldest first.
	open []*entry
	// busy holds, by pool, when the batch that is being carried out began.
	busy map[string]time.Time
	// projections are those of pools, as far as they are known. A new operation is added to its pool's projection; any
	// other change clears them.
	projections map[string]scale.Projection
	// unsaved are done operations that the journal has not taken yet, by id. They are brought to it in the order in
	// which they ended, at the latest with the end of any other operation. So no end is on disk before those that came
	// before it.
	unsaved map[string]ending
	// ended counts the operations that have ended.
	ended int
	// savesSoon says that they will be saved at once.
	savesSoon bool
	// last is the time in the newest id.
	last time.Time
	// retryAt is when an update may be tried again after failures in a row.
	retryAt  time.Time
	failures int
	// pollAt, pruneAt and saveAt are when the stack is read, when the journal is pruned, and when unsaved operations
	// are saved again.
	pollAt, pruneAt, saveAt time.Time
	settling                settling
	// held are the holds that were in force when they were last looked at, at heldSeen.
	held     scale.Holds
	heldSeen time.Time

	known
	proved
	writable writable
}

// Options say how a queue works. Scaler and Journal are required; a zero elsewhere stands for the default.
type Options struct {
	Scaler  *scaler.Scaler
	Journal Journal
	// Observe is told what goes on in the queue. The scaler's own Observe is told what goes on in the scaler. Observe
	// must not call the queue. Default: nobody.
	Observe scale.Observe
	// Freshness is how old what is known of the stack may be for a signal to be turned away because of it. A count or a
	// delta is never turned away because of what was read before it came. Default: 1 s.
	Freshness time.Duration
	// Poll is how often the stack is read while nothing happens, to notice other people's updates. Default: 30 s.
	Poll time.Duration
	// Gather is how long an accepted operation waits for others that arrive at the same moment. It waits up to twice as
	// long while more arrive, each within a quarter of it. Default: 100 ms, about what the engine needs to start
	// meanwhile.
	Gather time.Duration
	// RetryDelay is the wait after a batch that could not be carried out because the stack was locked or out of reach;
	// it doubles with each failure in a row, up to MaxRetryDelay. Pools that could not be settled, which nobody waits
	// for, are tried again after five times as long. Defaults: 1 s and 1 min.
	RetryDelay, MaxRetryDelay time.Duration
	// RepeatDelay is the wait before an alert that goes on firing is decided afresh after two failures of its
	// operations in a row; it doubles with each further one, up to MaxRepeatDelay. Defaults: 15 s and 15 min.
	RepeatDelay, MaxRepeatDelay time.Duration
	// GiveUpAfter is the age at which an operation that cannot be carried out for such a reason fails. Default: 1 h.
	GiveUpAfter time.Duration
	// MaxOpen is how many operations may be open at once. Default: 50,000.
	MaxOpen int
}

const (
	// readTimeout ends a reading of the stack that hangs, and pruneEvery is how often the journal is pruned.
	readTimeout = 2 * time.Minute
	pruneEvery  = 10 * time.Minute
	// mostGathers and calmAfter are the factor of two and the quarter of [Options.Gather].
	mostGathers = 2
	calmAfter   = 4
)

// entry is an open operation.
type entry struct {
	op Operation
	// durable says that the journal has it.
	durable bool
	// cancelling says that its cancellation is being brought to the journal: it must not be begun or closed meanwhile.
	cancelling bool
	// heldAt is when the operation was last seen to wait for the end of a hold; zero if it never was.
	heldAt time.Time
	// prior is the operation's state before it was last begun.
	prior State
	// origin is the span of the call that submitted the operation; zero if there is no trace, or after a restart.
	origin trace.SpanContext
	// done is closed once the operation is done and the journal has been told.
	done chan struct{}
}

// ending is a done operation; at is how many had ended before it.
type ending struct {
	op Operation
	at int
}

// New makes a queue that goes on with what its journal says is not done.
func New(options Options) (*Queue, error) {
	if options.Observe == nil {
		options.Observe = scale.Unobserved
	}
	options.Freshness = cmp.Or(options.Freshness, time.Second)
	options.Poll = cmp.Or(options.Poll, 30*time.Second)
	options.Gather = cmp.Or(options.Gather, 100*time.Millisecond)
	options.RetryDelay = cmp.Or(options.RetryDelay, time.Second)
	options.MaxRetryDelay = cmp.Or(options.MaxRetryDelay, time.Minute)
	options.RepeatDelay = cmp.Or(options.RepeatDelay, 15*time.Second)
	options.MaxRepeatDelay = cmp.Or(options.MaxRepeatDelay, 15*time.Minute)
	options.GiveUpAfter = cmp.Or(options.GiveUpAfter, time.Hour)
	options.MaxOpen = cmp.Or(options.MaxOpen, 50_000)
	q := &Queue{
		options: options, scaler: options.Scaler, reaching: make(turn, 1), saving: make(turn, 1),
		work: make(chan struct{}, MostWork), wake: make(chan struct{}, 1),
		busy: map[string]time.Time{}, projections: map[string]scale.Projection{}, unsaved: map[string]ending{},
		known: known{news: make(chan struct{})}, writable: writable{doubt: make(chan struct{}, 1)},
	}
	q.journal = watchedJournal{Journal: options.Journal, wrote: q.wrote}
	// Not at once: after a long stop, or with a clock that is ahead for a moment, what has ended could not be looked up
	// any more.
	q.pruneAt = q.now().Add(pruneEvery)
	q.glances.stack, _ = q.scaler.Stack.(glanced)
	q.reading, q.stopReading = context.WithCancel(context.Background())
	open, err := q.journal.Open()
	if err != nil {
		return nil, err
	}
	for _, op := range open {
		// The clock may have been set back since: nothing shall wait for longer than it was meant to.
		if ahead := op.AcceptedAt.Sub(q.now()); ahead > 0 {
			op.AcceptedAt = op.AcceptedAt.Add(-ahead)
			if !op.NotBefore.IsZero() {
				op.NotBefore = op.NotBefore.Add(-ahead)
			}
		}
		if op.State == Running { // the process died over it
			op.State = Accepted
			if !op.NotBefore.IsZero() {
				op.State = Deferred
			}
		}
		q.open = append(q.open, newEntry(op))
		q.last = scale.Later(q.last, op.AcceptedAt)
	}
	for _, e := range q.open {
		e.durable = true
	}
	return q, nil
}

func newEntry(op Operation) *entry { return &entry{op: op, done: make(chan struct{})} }

func (q *Queue) now() time.Time { return q.scaler.Now() }

func (q *Queue) tell(events ...scale.Event) {
	q.telling.Lock()
	defer q.telling.Unlock()
	for _, e := range events {
		q.options.Observe(e)
	}
}

// turn lets one at a time through: it is a channel with room for one. Unlike that for a mutex, the wait for it can end
// with a context, and a test's clock goes on meanwhile.
type turn chan struct{}

// take waits for the turn, and returns what gives it back.
func (t turn) take() (giveBack func()) {
	t <- struct{}{}
	return func() { <-t }
}

func (q *Queue) wakeUp() {
	select {
	case q.wake <- struct{}{}:
	default: // it is awake
	}
}

// nextID makes the id of an operation; q.mu must be held. Ids sort as the operations were accepted, even at one moment
// or when the clock was set back.
func (q *Queue) nextID(now time.Time) string {
	q.last = scale.Later(now, q.last.Add(time.Microsecond))
	return newOperationID(q.last)
}

// find is the open operation with an id, or nil; q.mu must be held.
func (q *Queue) find(id string) *entry {
	if i := slices.IndexFunc(q.open, func(e *entry) bool { return e.op.ID == id }); i >= 0 {
		return q.open[i]
	}
	return nil
}

// drop takes entries out of the open operations; q.mu must be held.
func (q *Queue) drop(entries ...*entry) {
	gone := make(map[*entry]bool, len(entries))
	for _, e := range entries {
		gone[e] = true
	}
	q.open = slices.DeleteFunc(q.open, func(e *entry) bool { return gone[e] })
}

// FullError says that too many operations wait already, and nothing was accepted. Trying again later helps.
type FullError struct{ Max int }

func (e *FullError) Error() string {
	return fmt.Sprintf("%d operations wait to be carried out: no more are accepted now", e.Max)
}
