package queue

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/room"
	"github.com/pulumiscale/pulumiscale/scale/scaler"
)

// Queue accepts intents for one stack and has them carried out by a [scaler.Scaler], one update at a time. What is
// accepted while an update runs, for any pools, goes into the next update. What the queue has accepted is in its
// [Journal] and outlives the process.
//
// A queue is safe for concurrent use. It carries out accepted operations only while one [Queue.Run] is under way.
type Queue struct {
	options Options
	scaler  *scaler.Scaler
	journal Journal
	// lifetime ends in Close, which Run calls at its end: the readings under way are ended then. background counts
	// everything that runs in the background, such as these readings. Close waits for all of it.
	lifetime    context.Context
	endLifetime context.CancelFunc
	background  sync.WaitGroup
	// reaching lets one goroutine at a time read history that is older than the known part, so that such readings never
	// take all places in work. saving lets one goroutine at a time write changes of operations to the journal.
	reaching, saving turn
	// hearing lets one goroutine at a time bring into the ledger what other members of the team have done.
	hearing turn
	// work holds one element for each piece of work that a request has under way: see [Queue.Occupy].
	work chan struct{}
	// wake tells Run that there may be something to do.
	wake chan struct{}
	// telling lets one event at a time through to the observer.
	telling sync.Mutex
	// headStart and glances belong to Run: nobody else reads or writes them.
	headStart headStart
	glances   glances
	shift     shift
	// leave ends what joinTeam has begun: afterwards this queue hears nothing of its team.
	leave func()
	// place is the place for an engine that Run has in the room, or waits for; nil if it needs none. Run alone sets it.
	place atomic.Pointer[room.Place]

	// mu guards all that follows.
	mu     sync.Mutex
	ledger ledger
	// projections keeps the projections that have been made, by pool. A new operation is added to its pool's
	// projection; any other change clears all projections.
	projections map[string]scale.Projection
	holds       seenHolds
	worker      worker
	chores      chores
	settling    settling
	asks        asks
	// wishes says, by pool, what became of the last count that the pool's metrics wanted.
	wishes   map[string]wish
	known    known
	past     past
	readings readings
	proofs   proofs
	writable writable
}

// Options say how a queue works. Scaler and Journal are required. If another field is zero, its default applies.
type Options struct {
	Scaler  *scaler.Scaler
	Journal Journal
	// Observe is told what goes on in the queue. The scaler's own Observe is told what goes on in the scaler. Observe
	// must not call the queue. Default: nobody.
	Observe scale.Observe
	// Freshness is the greatest age of a reading of the stack that may turn a signal away. A count or a delta is turned
	// away only by a reading that began after the request came. Default: 1 s.
	Freshness time.Duration
	// Poll is how often the stack is read while nothing happens, to notice other people's updates. Default: 30 s.
	Poll time.Duration
	// Gather is how long an accepted operation waits for others that arrive at the same moment. While more arrive, each
	// within a quarter of Gather after the previous one, it waits up to twice as long. Default: 100 ms, about as long
	// as the engine takes to start in the meantime.
	Gather time.Duration
	// RetryDelay is the wait after a batch that could not be carried out because the stack was locked or out of reach.
	// It doubles with each failure in a row, up to MaxRetryDelay, or up to an eighth of MaxRetryDelay if the lock was
	// seen in the backend without starting an engine. Pools that could not be settled are tried again after five times
	// as long, because nobody waits for them. Defaults: 1 s and 1 min.
	RetryDelay, MaxRetryDelay time.Duration
	// RepeatDelay is the wait before an alert that goes on firing is decided afresh after its operations have failed
	// twice in a row. It doubles with each further failure, up to MaxRepeatDelay. Defaults: 15 s and 15 min.
	RepeatDelay, MaxRepeatDelay time.Duration
	// GiveUpAfter is the age at which an operation fails if it still cannot be carried out, such as because the stack
	// is locked or out of reach. Default: 1 h.
	GiveUpAfter time.Duration
	// MaxOpen is how many operations may be open at once. Default: 50,000.
	MaxOpen int
	// Team lets other replicas serve the stack together with this queue. They share the journal. Default: this queue
	// serves the stack alone.
	Team Team
	// Room gives places to engines, of this queue and of other queues. Default: there is room for all.
	Room *room.Room
	// Unhurried returns the factor, at least 1, by which the queue lengthens the waits before it repeats what nobody
	// asks for, such as reading the stack. It is for many stacks that share a budget. If it is set, the stack is first
	// read when somebody needs it, or at the latest after one such wait. Default: no wait is longer, and the stack is
	// read at once.
	Unhurried func() float64
}

// unhurried returns a wait, multiplied by the factor of [Options.Unhurried].
func (q *Queue) unhurried(wait time.Duration) time.Duration {
	if q.options.Unhurried == nil {
		return wait
	}
	return time.Duration(float64(wait) * max(q.options.Unhurried(), 1))
}

const (
	// readTimeout ends a reading of the stack that hangs, and pruneEvery is how often the journal is pruned.
	readTimeout = 2 * time.Minute
	pruneEvery  = 10 * time.Minute
	// mostGathers and calmAfter are the two factors in the comment on [Options.Gather]: "twice as long" and "a
	// quarter".
	mostGathers = 2
	calmAfter   = 4
)

// worker is what a queue knows of its updates. The queue's mu guards it.
type worker struct {
	// busy holds, by pool, when the batch that is being carried out began.
	busy map[string]time.Time
	// retryAt is when an update may be tried again after failures. failures counts failures in a row.
	retryAt  time.Time
	failures int
}

// chores are the times at which Run next does what nobody asks for. The queue's mu guards them.
type chores struct {
	// pollAt, pruneAt and saveAt are when the stack is read, when the journal is pruned, and when unsaved operations
	// are saved again.
	pollAt, pruneAt, saveAt time.Time
}

// entry is an open operation.
type entry struct {
	op Operation
	// durable says that the journal has the operation.
	durable bool
	// begun is the [Operation.Update] that the journal has, as far as is known. taken says that the end of the
	// operation could not be saved, because another member of the team had begun or ended it.
	begun string
	taken bool
	// cancelling says that the operation's cancellation is being written to the journal: the operation must not be
	// begun or closed meanwhile.
	cancelling bool
	// heldAt is when the operation was last seen to wait for the end of a hold; zero if it never was.
	heldAt time.Time
	// prior is the operation's state before it was last begun.
	prior State
	// origin is the span of the call that submitted the operation; zero if there is no trace, or after a restart.
	origin trace.SpanContext
	// done is closed once the operation is done. Usually the queue has tried by then to write that to the journal.
	done chan struct{}
}

// New makes a queue, which goes on with the operations that its journal has as not done. The error says why the journal
// could not be read, or why the team could not be joined.
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
		options: options, scaler: options.Scaler, reaching: make(turn, 1), saving: make(turn, 1), hearing: make(turn, 1),
		work: make(chan struct{}, MostWork), wake: make(chan struct{}, 1),
		worker: worker{busy: map[string]time.Time{}}, projections: map[string]scale.Projection{}, asks: asks{}, wishes: map[string]wish{},
		known: known{news: make(chan struct{})}, writable: writable{doubt: make(chan struct{}, 1)},
	}
	q.journal = watchedJournal{Journal: options.Journal, wrote: q.noteWrite}
	// The first pruning does not come at once: after a long stop, or with a clock that is ahead for a moment, it would
	// remove operations that somebody may still look up.
	q.chores.pruneAt = q.now().Add(pruneEvery)
	if options.Unhurried != nil { // not all stacks at one moment
		q.chores.pollAt = q.now().Add(time.Duration(rand.Float64() * float64(q.unhurried(options.Poll))))
	}
	q.glances.stack, _ = q.scaler.Stack.(glanced)
	q.lifetime, q.endLifetime = context.WithCancel(context.Background())
	q.ledger = ledger{unsaved: map[string]ending{}}
	var err error
	if q.leave, err = q.joinTeam(); err != nil {
		return nil, err
	}
	if err := q.reopenLedger(); err != nil {
		q.leave()
		return nil, err
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

// turn lets one goroutine through at a time: it is a channel of capacity one. Unlike the wait for a mutex, the wait for
// a turn can be ended by a context, and does not stop the fake clock of a test.
type turn chan struct{}

// take waits for the turn, and returns the function that gives it back.
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

// FullError says that too many operations wait already, and nothing was accepted. Trying again later helps.
type FullError struct{ Max int }

func (e *FullError) Error() string {
	return fmt.Sprintf("%d operations wait to be carried out: no more are accepted now", e.Max)
}
