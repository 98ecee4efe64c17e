package queue

import (
	"context"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Journal keeps operations so that they outlive the process. scale/journal implements it on disk.
//
// It is safe for concurrent use. Once Add or Update has returned without an error, what it was given survives the death
// of the process and of the machine. After an error the journal can still be used.
type Journal interface {
	// Add adds the operations, all or none: after an error, none counts as added. If the journal already keeps an
	// operation with the pool and key of a new operation, the new one is not added, unless its Previous is the id of
	// the kept one. Add returns the given operations, with the kept operation in the place of each that was not added.
	// It also remembers, as Remember does, what the operations tell of alerts.
	Add(operations []Operation) ([]Operation, error)
	// Update replaces the kept operations that have the same ids. An operation that is not kept yet is added. The
	// operations are replaced in the given order: after an error, or while Update runs, perhaps only the first ones are
	// replaced.
	Update(operations []Operation) error
	// Open lists the operations that are not done, oldest first.
	Open() ([]Operation, error)
	// Get finds an operation; the error may be an [*UnknownOperationError].
	Get(id string) (Operation, error)
	// Find finds the operation with a pool and an idempotency key. If later operations try the first one again, Find
	// returns the one that was accepted last. ok is false if there is none.
	Find(pool, key string) (operation Operation, ok bool, err error)
	// Recent lists at most limit done operations of a pool, or of all pools if pool is empty. It begins with the one
	// that ended last.
	Recent(pool string, limit int) ([]Operation, error)
	// Remember keeps what was heard of alerts, all or nothing; see [scale.Heard.After]. Recall returns the latest that
	// was heard of an alert of a pool; ok is false if nothing was.
	Remember(heard []scale.Heard) error
	Recall(pool, alert string) (heard scale.Heard, ok bool, err error)
	// KeepSample keeps the value that a look at a metric of a pool found, if it found one. The last value of each
	// minute is kept, for [KeepSamples]. It does not wait, and promises nothing: values may be lost if the process
	// dies.
	KeepSample(pool string, s scale.Sample)
	// Samples returns the values that are kept of a pool's metrics since a moment, oldest first.
	Samples(pool string, since time.Time) ([]scale.Sample, error)
	// Probe finds out whether the journal can be written. What it writes means nothing, and is gone again afterwards.
	Probe() error
	// Prune forgets done operations that are too old or too many, what was heard of alerts longer ago than [KeepDone],
	// and old values of metrics.
	Prune(now time.Time) error
	// Close ends the use of the journal. It returns once all writes under way have ended.
	Close() error
}

// How long a journal keeps what is done or past.
const (
	// KeepDone is how long done operations are kept, and how long what was heard of alerts is kept.
	KeepDone = 24 * time.Hour
	// KeepMost is how many done operations of a stack are kept: the ones that ended last.
	KeepMost = 10_000
	// KeepKeyed is how long an operation with an idempotency key is kept even if there are more than KeepMost, so that
	// no sender's retry is taken for a new event. SNS, the most patient sender, retries for an hour; cmd/serving does
	// not compile if KeepKeyed is shorter than that. Even so, at most ten times KeepMost operations are kept.
	KeepKeyed = 2 * time.Hour
	// KeepSamples is how long values of metrics are kept: a week, and one more day in which somebody can look at that
	// week.
	KeepSamples = 8 * 24 * time.Hour
)

// JournalError says that the journal could not be read or written: nothing was accepted. Trying again may help.
type JournalError struct{ Err error }

func (e *JournalError) Error() string { return "the journal of accepted operations: " + e.Err.Error() }

func (e *JournalError) Unwrap() error { return e.Err }

// watchedJournal is a journal that reports of each write whether it succeeded.
type watchedJournal struct {
	Journal
	// wrote is called with the error of each write; nil if the write succeeded.
	wrote func(error)
}

// Add reports to wrote whether it succeeded.
func (j watchedJournal) Add(operations []Operation) ([]Operation, error) {
	out, err := j.Journal.Add(operations)
	j.wrote(err)
	return out, err
}

// Update reports to wrote whether it succeeded.
func (j watchedJournal) Update(operations []Operation) error {
	err := j.Journal.Update(operations)
	j.wrote(err)
	return err
}

// Remember reports to wrote whether it succeeded.
func (j watchedJournal) Remember(heard []scale.Heard) error {
	err := j.Journal.Remember(heard)
	j.wrote(err)
	return err
}

// writable is what a queue knows of whether its journal can be written. The queue's mu guards err.
type writable struct {
	// err says why the journal could not be written the last time; nil if it could.
	err error
	// doubt tells [Queue.keepProbing] that a write has failed, or has succeeded after a write that failed.
	doubt chan struct{}
}

// How often the journal is probed: every probeEvery while it can be written, so that a full disk is noticed before an
// alert comes that cannot be kept, and every probeSoon while it cannot, so that it is noticed when the disk has room
// again.
const (
	probeEvery = 10 * time.Second
	probeSoon  = 2 * time.Second
)

// noteWrite notes whether a write to the journal succeeded. After a failure, only a probe says that all is well again,
// because a small write may still succeed on a full disk.
func (q *Queue) noteWrite(err error) {
	q.mu.Lock()
	doubtful := err != nil || q.writable.err != nil
	if err != nil {
		q.writable.err = err
	}
	q.mu.Unlock()
	if doubtful {
		select {
		case q.writable.doubt <- struct{}{}:
		default:
		}
	}
}

// probeJournal finds out whether the journal can be written, and tells the observer if that has changed.
func (q *Queue) probeJournal() error {
	err := q.journal.Probe()
	q.mu.Lock()
	before := q.writable.err
	q.writable.err = err
	q.mu.Unlock()
	switch {
	case err != nil && before == nil:
		q.tell(JournalFailed{Err: err})
	case err == nil && before != nil:
		q.tell(JournalMended{})
	}
	return err
}

// keepProbing finds out again and again whether the journal can be written, until ctx ends.
func (q *Queue) keepProbing(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for failing := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-q.writable.doubt:
			if failing { // further failed writes do not make the probes more frequent
				continue
			}
		case <-timer.C:
		}
		if failing = q.probeJournal() != nil; failing {
			timer.Reset(probeSoon)
		} else {
			timer.Reset(q.unhurried(probeEvery))
		}
	}
}
