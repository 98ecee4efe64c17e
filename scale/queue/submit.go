package queue

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/span"
)

// Submission is the answer to an intent.
type Submission struct {
	// Decision is the decision on the intent, made with what is known now. It is made again when the operation is
	// carried out.
	Decision scale.Decision
	// Accepted says that the intent has become an operation, which is on disk and will be carried out. If it is false
	// although Operation is set and no duplicate, that operation is done: a different signal of the same call is
	// deferred in its place.
	Accepted bool
	// Duplicate says that the intent's pool and key have been seen before: Operation is the earlier operation, as it
	// stands now.
	Duplicate bool
	// Operation is the accepted intent; zero if the intent was not accepted and is no duplicate.
	Operation Operation
	// Previous is the earlier operation of the same event, if the intent was decided afresh in spite of that operation;
	// otherwise nil.
	Previous *Operation
	// answered says that there is nothing more to decide.
	answered bool
}

// Submit returns an answer for each intent, in the same order, and accepts the intents for which there is something to
// do. When it returns, what it accepted is on disk. After an error, nothing was accepted.
//
// It accepts no duplicates, and no signal of an alert that has cleared meanwhile. It accepts no intent that the rule
// pauses or refuses. In the cooldown it accepts no count and no delta, and accepts a signal only if the rule defers it.
// While an update of the pool runs, a count or a delta is accepted and waits. A signal then counts as in the cooldown,
// with no Until. If the rule has no cooldown that the update could start, the signal is deferred until the update ends.
//
// An intent for an unknown pool is refused with an [*scale.UnknownPoolError] in its decision; if no intent has a known
// pool, Submit returns that error. Other errors are a [*scale.UsageError], an [*scale.UnavailableError] or
// [*scale.RulesError] if the stack cannot be read, a [*JournalError], a [*FullError], or the error of ctx.
func (q *Queue) Submit(ctx context.Context, intents []scale.Intent) (_ []Submission, err error) {
	defer span.In(&ctx, "accept")(&err)
	if len(intents) == 0 {
		return nil, nil
	}
	if err := scale.ValidateIntents(intents); err != nil {
		return nil, err
	}
	subs, err := q.answerKnown(intents)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(subs, func(s Submission) bool { return !s.answered }) {
		d, err := q.decide(ctx, intents, subs)
		if err != nil {
			return nil, err
		}
		if err := q.keepAccepted(ctx, d); err != nil {
			return nil, err
		}
		subs = d.subs
	}
	for _, s := range subs {
		q.tell(Submitted{s})
	}
	return subs, nil
}

// answerKnown answers the intents that have been accepted before, and the signals of alerts of which something later is
// known.
func (q *Queue) answerKnown(intents []scale.Intent) ([]Submission, error) {
	subs := make([]Submission, len(intents))
	for i, intent := range intents {
		first, isKnown, err := q.findFirst(intent)
		if err != nil {
			return nil, err
		}
		if isKnown && !q.triesAgain(intent, first) {
			subs[i] = Submission{Decision: first.Decision, Duplicate: true, Operation: first, answered: true}
			continue
		}
		over, err := q.overtakenBy(intent)
		if err != nil {
			return nil, err
		}
		if isKnown {
			subs[i].Previous = &first
		}
		switch until := q.repeatAt(first); {
		case over != "":
			subs[i].Decision, subs[i].answered = scale.Decision{Intent: intent, Outcome: scale.Cleared, Reason: over}, true
		case until.After(q.now()):
			subs[i] = Submission{Duplicate: true, Operation: first, answered: true}
			subs[i].Decision = first.Decision.WithOutcome(scale.CoolingDown, "what the alert asked for has failed again: it is decided afresh when it comes after "+until.UTC().Format(time.RFC3339))
			subs[i].Decision.Until = until
		}
	}
	return subs, nil
}

// findFirst returns the operation that has an intent's pool and key.
func (q *Queue) findFirst(intent scale.Intent) (Operation, bool, error) {
	if intent.Key == "" {
		return Operation{}, false, nil
	}
	first, ok, err := q.journal.Find(intent.Pool, intent.Key)
	if err != nil || !ok {
		return Operation{}, false, err
	}
	// The journal may not have the operation's latest state.
	q.mu.Lock()
	defer q.mu.Unlock()
	if later, ok := q.ledger.latest(first.ID); ok {
		first = later
	}
	return first, true, nil
}

// overtakenBy says why nothing is to be done about a signal, if something later is known of its alert; otherwise it
// returns an empty text. See [scale.Signal.OvertakenBy].
func (q *Queue) overtakenBy(intent scale.Intent) (string, error) {
	h, ok := scale.HeardOf(intent, q.now())
	if !ok {
		return "", nil
	}
	known, ok, err := q.journal.Recall(h.Pool, h.Alert)
	if err != nil || !ok {
		return "", err
	}
	return intent.Signal.OvertakenBy(known), nil
}

// decide decides the intents that are no duplicates, and reserves a place in the queue for what is to be accepted. If
// an intent would be turned away because of something that may have changed since the stack was read, the stack is read
// again first. For a count or a delta, that reading begins after the request came, because whoever asks has perhaps
// just changed the stack. Intents that are all accepted do not wait for a reading: they are decided again when they are
// carried out.
func (q *Queue) decide(ctx context.Context, intents []scale.Intent, subs []Submission) (*admission, error) {
	asked := q.now()
	if err := q.ensureHolds(); err != nil {
		return nil, unavailable(err)
	}
	for {
		q.refreshPending(intents)
		since := asked.Add(-q.options.Freshness)
		q.mu.Lock()
		if q.known.isUsable() {
			d := q.admit(intents, subs)
			if d.turnsAway {
				since = asked
			}
			if !d.turnsAway && !d.uncertain || q.known.isCurrent(since) {
				err := q.reserve(d)
				q.mu.Unlock()
				return d, err
			}
		}
		q.mu.Unlock()
		if _, err := q.ensureFresh(ctx, since); err != nil {
			return nil, err
		}
	}
}

// reserve puts the operations that an admission accepts into the queue, where later intents see them. None of them is
// carried out before it is on disk. q.mu must be held.
func (q *Queue) reserve(d *admission) error {
	if !slices.ContainsFunc(d.subs, func(s Submission) bool { return !scale.IsA[*scale.UnknownPoolError](s.Decision.Err) }) {
		return d.subs[0].Decision.Err
	}
	if len(d.accepted) > 0 && len(q.ledger.open)+len(d.accepted) > q.options.MaxOpen {
		return &FullError{Max: q.options.MaxOpen}
	}
	for _, e := range d.accepted {
		if e.op.State != Done {
			q.ledger.open = append(q.ledger.open, e)
		}
	}
	for name, o := range d.pools {
		if q.known.snap != nil && slices.Contains(q.known.snap.Unsettled, name) {
			q.settleSooner()
		}
		if !o.Lasts() {
			delete(q.projections, name)
		} else {
			q.projections[name] = *o
		}
	}
	return nil
}

// keepAccepted brings what was accepted to disk.
func (q *Queue) keepAccepted(ctx context.Context, d *admission) error {
	if err := q.rememberCleared(d); err != nil {
		q.dropAccepted(d)
		return err
	}
	onDuty := q.isOnDuty()
	if !onDuty {
		if err := q.tellCleared(d.cleared); err != nil {
			q.dropAccepted(d)
			return err
		}
	}
	if len(d.accepted) > 0 {
		if err := q.writeAccepted(ctx, d); err != nil {
			return err
		}
		q.wakeUp()
	}
	if len(d.cleared)+len(d.deferred) == 0 || !onDuty { // the member on duty hears of it
		return nil
	}
	q.mu.Lock()
	left := q.closePointless(d.cleared)
	q.mu.Unlock()
	if len(d.cleared) > 0 {
		q.retireDone(left...) // the sender may forget the alert: it must not scale anything after a crash
	} else {
		q.retireDoneSoon(left...)
	}
	return nil
}

// dropAccepted takes back what an admission would have accepted.
func (q *Queue) dropAccepted(d *admission) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ledger.drop(d.accepted...)
	clear(q.projections)
}

// rememberCleared keeps which alerts have ended, so that a firing that is reported late is known to be over. It skips
// signals that become operations, because the journal remembers what operations tell of alerts.
func (q *Queue) rememberCleared(d *admission) error {
	tells := map[*scale.Signal]bool{}
	for _, e := range d.accepted {
		tells[e.op.Intent.Signal] = true
	}
	var ended []scale.Heard
	rules := q.Rules()
	for _, intent := range d.cleared {
		if h, ok := scale.HeardOf(intent, q.now()); ok && !tells[intent.Signal] && rules[h.Pool].Pool != "" {
			ended = append(ended, h)
		}
	}
	if len(ended) == 0 {
		return nil
	}
	return q.journal.Remember(ended)
}

func (q *Queue) writeAccepted(ctx context.Context, d *admission) (err error) {
	origin := trace.SpanContextFromContext(ctx)
	defer span.In(&ctx, "write the journal")(&err)
	ops := make([]Operation, len(d.accepted))
	for i, e := range d.accepted {
		ops[i] = e.op
	}
	stored, err := q.journal.Add(ops)
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		q.ledger.drop(d.accepted...)
		clear(q.projections)
		return err
	}
	for i, e := range d.accepted {
		sub := &d.subs[d.of[i]]
		if stored[i].ID != e.op.ID { // somebody was faster with the same key
			q.ledger.drop(e)
			clear(q.projections)
			first := stored[i]
			if e := q.ledger.find(first.ID); e != nil {
				first = e.op
			}
			*sub = Submission{Decision: first.Decision, Duplicate: true, Operation: first, answered: true}
			continue
		}
		e.durable, e.origin = true, origin
		sub.Decision, sub.Accepted, sub.Operation = e.op.Decision, e.op.State != Done, e.op
	}
	return nil
}

// closePointless closes deferred operations that have become pointless, and returns them: the operations whose alert
// has cleared, and all but one operation of each pool. If a pool's operations wait only for the end of an update, it
// keeps the one that needs the most capacity; otherwise it keeps the newest. q.mu must be held.
func (q *Queue) closePointless(cleared []scale.Intent) []*entry {
	var out []*entry
	newest, needy := map[string]bool{}, map[string]*entry{}
	for _, e := range slices.Backward(q.ledger.open) {
		if e.op.State != Deferred || !e.durable || e.cancelling {
			continue
		}
		pool, signal := e.op.Intent.Pool, e.op.Intent.Signal
		switch {
		case !signal.Cleared && slices.ContainsFunc(cleared, func(i scale.Intent) bool { return i.Pool == pool && signal.IsOfAlert(*i.Signal) }):
			e.close(q.now(), FinalCancelled, "the alert has cleared")
		case e.op.NotBefore.IsZero() && needy[pool] != nil:
			if e.op.Decision.To > needy[pool].op.Decision.To {
				e, needy[pool] = needy[pool], e
			}
			e.close(q.now(), FinalSuperseded, "another signal for the pool needs as much or more")
		case e.op.NotBefore.IsZero() && !q.isDeferring(e):
			needy[pool] = e
			continue
		case newest[pool]:
			e.close(q.now(), FinalSuperseded, "a newer signal for the pool came before the end of the cooldown")
		default:
			newest[pool] = true
			continue
		}
		out = append(out, e)
	}
	return out
}
