package queue

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaler"
)

// Ready says why the queue cannot accept anything; nil if it can. Either the stack has not been read, or it could not
// be read the last time, or the journal cannot be written: then the error is a [*JournalError].
func (q *Queue) Ready() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.unreadyReason()
}

// unreadyReason says why nothing can be accepted now; nil if something can. q.mu must be held.
func (q *Queue) unreadyReason() error {
	if err := q.known.unready(); err != nil {
		return err
	}
	return q.writable.err
}

// unready says why nothing is known of the stack; nil if something is.
func (k *known) unready() error {
	switch {
	case k.readErr != nil:
		return k.readErr
	case k.snap == nil:
		return &scale.UnavailableError{Problem: "the stack is not known", Detail: "it has not been read yet"}
	}
	return nil
}

// RulesErr returns a [*scale.RulesError] that says what is wrong with the rules in the stack's output; nil if nothing
// is. Older rules may be in force meanwhile.
func (q *Queue) RulesErr() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.known.rulesErr
}

// Rules returns the rules in force; nil before the stack has been read. They must not be changed.
func (q *Queue) Rules() scale.Rules {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.known.snap == nil {
		return nil
	}
	return q.known.snap.Rules
}

// Reload reads the stack now. The error says why it could not be read or, if it is a [*scale.RulesError], why its rules
// are not in force.
func (q *Queue) Reload(ctx context.Context) error {
	if _, err := q.ensureFresh(ctx, q.now()); err != nil {
		return err
	}
	return q.RulesErr()
}

// Pools returns how every pool stands, sorted by name, as far as is known. It reads the stack only if nothing is known,
// or if an update of ours has ended since the last reading. The errors of a reading are listed at [Queue.Submit].
func (q *Queue) Pools(ctx context.Context) ([]scale.Standing, error) {
	q.mu.Lock()
	snap := q.known.snap
	if q.known.outdated {
		snap = nil
	}
	since := q.known.began
	q.mu.Unlock()
	if snap == nil {
		var err error
		if snap, err = q.ensureFresh(ctx, since); err != nil {
			return nil, err
		}
	}
	snap, err := q.scaler.AsOfNow(snap)
	if err != nil {
		return nil, unavailable(err)
	}
	q.mu.Lock()
	proof := q.proofs.proof
	q.mu.Unlock()
	return snap.Standings(q.now(), proof), nil
}

// History lists past scalings as [scaler.Scaler.History] does, from a reading that is at most Freshness old. Concurrent
// callers share a reading, which the end of an update may make unnecessary. If the reading does not reach back far
// enough, one caller at a time reads older updates. The error is an error of a reading, see [Queue.Submit], or a
// [*BusyError].
func (q *Queue) History(ctx context.Context, pool string, limit int) ([]scale.Scaling, error) {
	snap, err := q.ensureFresh(ctx, q.now().Add(-q.options.Freshness))
	if err != nil {
		return nil, err
	}
	if scalings, enough, err := snap.PastScalings(pool, limit); enough || err != nil {
		return scalings, err
	}
	select {
	case q.reaching <- struct{}{}:
		defer func() { <-q.reaching }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	leave, err := q.Occupy(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return q.scaler.OlderScalings(ctx, snap, pool, limit)
}

// Open lists the operations that are not done, oldest first.
func (q *Queue) Open() []Operation {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ledger.operations()
}

// Recent lists at most limit done operations of a pool, or of all pools if pool is empty. It begins with the one that
// ended last. The error is a [*JournalError].
func (q *Queue) Recent(pool string, limit int) ([]Operation, error) {
	q.mu.Lock()
	unsaved := q.ledger.doneUnsaved(pool) // before the journal is read: operations may get into it in between
	q.mu.Unlock()
	saved, err := q.journal.Recent(pool, limit)
	if err != nil || len(unsaved) == 0 {
		return saved, err
	}
	known := map[string]bool{}
	for _, op := range unsaved {
		known[op.ID] = true
	}
	all := slices.Concat(unsaved, slices.DeleteFunc(saved, func(op Operation) bool { return known[op.ID] }))
	slices.SortStableFunc(all, func(a, b Operation) int { return b.EndedAt.Compare(a.EndedAt) })
	return all[:min(len(all), limit)], nil
}

// KeepSample keeps what a look at a metric of a pool found, for [Queue.Samples]. It does not wait.
func (q *Queue) KeepSample(pool string, s scale.Sample) { q.journal.KeepSample(pool, s) }

// Samples returns the values that the metrics of a pool had since a moment, one for each minute, oldest first. The
// error is a [*JournalError].
func (q *Queue) Samples(pool string, since time.Time) ([]scale.Sample, error) {
	return q.journal.Samples(pool, since)
}

// Operation finds an operation. The error is an [*UnknownOperationError] or a [*JournalError].
func (q *Queue) Operation(id string) (Operation, error) {
	op, _, err := q.lookUp(id)
	return op, err
}

// lookAgainAfter is the wait before [Queue.Wait] looks up an operation again, if the journal could not be read.
const lookAgainAfter = 250 * time.Millisecond

// Wait waits until the operation is done, and returns it. If ctx ends before that, it returns the operation as it
// stands then, with the error of ctx. It also returns the errors of [Queue.Operation], but not if the journal cannot be
// read: then, as during an election in a cluster, it goes on waiting.
func (q *Queue) Wait(ctx context.Context, id string) (Operation, error) {
	for {
		op, done, err := q.lookUp(id)
		var again <-chan time.Time
		if scale.IsA[*JournalError](err) {
			again = time.NewTimer(lookAgainAfter).C
		} else if err != nil || done == nil {
			return op, err
		}
		select {
		case <-done: // or it only seemed done, and another member of the team works on it
		case <-again:
		case <-ctx.Done():
			if op, err = q.Operation(id); err != nil {
				return op, err
			}
			return op, ctx.Err()
		}
	}
}

// lookUp finds an operation, and the channel that is closed when the operation is done. The channel is nil if the
// operation is done already.
func (q *Queue) lookUp(id string) (Operation, <-chan struct{}, error) {
	q.mu.Lock()
	if e := q.ledger.find(id); e != nil && e.durable {
		defer q.mu.Unlock()
		return e.op, e.done, nil
	}
	end, ok := q.ledger.unsaved[id]
	q.mu.Unlock()
	if ok {
		return end.op, nil, nil
	}
	op, err := q.journal.Get(id)
	return op, nil, err
}

// poolsOf returns the names of the entries' pools, sorted, each name once.
func poolsOf(entries []*entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, e.op.Intent.Pool)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Overview is what is known of a stack at one moment.
type Overview struct {
	// Pools tell how every pool stands, sorted by name; nil before the stack has been read.
	Pools []scale.Standing
	// Program says how the program here compares with what was deployed, and Remarks say in sentences what differs.
	scale.Program
	Remarks []string
	// Scalings are the newest scalings, newest first, whoever made them. They come from the last reading of the stack,
	// which does not have the whole history.
	Scalings []scale.Scaling
	// ReadAt is when the last reading of the stack began; zero if there was none yet.
	ReadAt time.Time
	// Unready says why nothing can be accepted: see [Queue.Ready]. RulesErr is what [Queue.RulesErr] returns.
	Unready, RulesErr error
	// Unread says that the stack has not been read yet, and that no try to do so has failed.
	Unread bool
	// Open are the operations that are not done, oldest first.
	Open []Operation
	// RetryAt is when the open operations are tried again after the stack could not be changed; zero, or past, if they
	// do not wait for another try.
	RetryAt time.Time
	// Holds are the holds in force.
	Holds scale.Holds
	// Upcoming lists what the queue is about to do by itself.
	Upcoming []Upcoming
}

// Overview tells what the queue knows. It asks nobody and does not wait: if the stack cannot be read, it tells how the
// stack was.
func (q *Queue) Overview() Overview {
	q.mu.Lock()
	snap, proof := q.known.snap, q.proofs.proof
	out := Overview{ReadAt: q.known.began, Unready: q.unreadyReason(), RulesErr: q.known.rulesErr, Open: q.ledger.operations(), RetryAt: q.worker.retryAt, Upcoming: q.listUpcoming(),
		Unread: q.known.isUnread()}
	q.mu.Unlock()
	if snap == nil {
		return out
	}
	if held, err := q.scaler.AsOfNow(snap); err != nil {
		out.Unready = cmp.Or(out.Unready, unavailable(err))
	} else {
		snap, out.Holds = held, held.Holds.InForce(q.now())
	}
	out.Program, out.Remarks = snap.Program, snap.Remarks(q.scaler.Stack.ConfigFile())
	out.Pools = snap.Standings(q.now(), proof)
	out.Scalings = scale.ScalingsOf(snap.Updates, snap.Rules.Names())
	return out
}

// ReadOverview reads the stack once and returns how it stands. It changes nothing, takes no lock and tries nothing
// again: it reports drift and leaves it as it is. The overview cannot say what is being done now, and has no open
// operations. The error is the error of the reading.
func ReadOverview(ctx context.Context, s *scaler.Scaler) (Overview, error) {
	began := s.Now()
	snap, err := s.Stack.Read(ctx)
	if err != nil {
		return Overview{}, err
	}
	proof, err := s.Stack.Proof(snap)
	if err != nil {
		return Overview{}, err
	}
	if snap, err = s.AsOfNow(snap); err != nil {
		return Overview{}, err
	}
	return Overview{
		Program: snap.Program, Remarks: snap.Remarks(s.Stack.ConfigFile()), Holds: snap.Holds.InForce(s.Now()),
		Pools: snap.Standings(s.Now(), proof), Scalings: scale.ScalingsOf(snap.Updates, snap.Rules.Names()), ReadAt: began, RulesErr: snap.RulesErr,
	}, nil
}
