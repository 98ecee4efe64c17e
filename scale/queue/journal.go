package queue

import (
	"context"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Journal keeps operations so that they outlive the process. scale/journal implements it on disk.
//
// It is safe for concurrent use. What Add and Update have returned without an error survives the death of the process
// and of the machine. After an error the journal can still be used.
type Journal interface {
	// Add adds the operations, all or none: after an error none counts. If the journal already keeps an operation with
	// the pool and the key of a new one's intent, the new one is not added, unless the kept one is its Previous. What
	// is returned is what was given, with the kept operation in the place of one that was not added. What the
	// operations tell of alerts is remembered.
	Add(operations []Operation) ([]Operation, error)
	// Update replaces operations by what is given. One that is not there is added. They are replaced in their order. So
	// after an error, or while it goes on, it may be that only the first ones are replaced.
	Update(operations []Operation) error
	// Open lists the operations that are not done, oldest first.
	Open() ([]Operation, error)
	// Get finds an operation; the error may be an [*UnknownOperationError].
	Get(id string) (Operation, error)
	// Find finds the operation with a pool and an idempotency key. If several tried the same again, it is the last that
	// was accepted.
	Find(pool, key string) (operation Operation, ok bool, err error)
	// Recent lists done operations, those that ended last first: those of a pool, or of all if pool is empty; at most
	// limit.
	Recent(pool string, limit int) ([]Operation, error)
	// Remember keeps what was heard of alerts, all or nothing; see [scale.Heard.After]. Recall is the latest that was
	// heard of an alert of a pool.
	Remember(heard []scale.Heard) error
	Recall(pool, alert string) (heard scale.Heard, ok bool, err error)
	// KeepSample keeps what a look at a metric of a pool found, if it found a value: of each minute the last one, for some
	// days. It does not wait, and promises nothing: values may be lost if the process dies.
	KeepSample(pool string, s scale.Sample)
	// Samples are the values kept of a pool's metrics since a moment, oldest first.
	Samples(pool string, since time.Time) ([]scale.Sample, error)
	// Probe finds out whether the journal can be written. What it writes means nothing, and is gone again afterwards.
	Probe() error
	// Prune forgets done operations that are too old or too many, what was heard of alerts just as long ago, and
	// old values of metrics.
	Prune(now time.Time) error
	// Close ends the use of the journal. It waits for what is being written.
	Close() error
}

// How long a journal keeps what it need not keep.
const (
	// KeepDone is how long a done operation is kept, and what was heard of an alert.
	KeepDone = 24 * time.Hour
	// KeepMost is how many done operations of a stack are kept: those that ended last.
	KeepMost = 10_000
	// KeepKeyed is how long an operation with an idempotency key is kept even if there are more than KeepMost, so that
	// no sender's retry is taken for a new event: SNS, the most patient one, retries for an hour, and cmd/serving
	// does not compile with less here. More than ten times KeepMost are not kept even so.
	KeepKeyed = 2 * time.Hour
	// KeepSamples is how long values of metrics are kept: a week, and a day, in which somebody looks at it.
	KeepSamples = 8 * 24 * time.Hour
)

// JournalError says that the journal could not be read or written: nothing was accepted. Trying again may help.
type JournalError struct{ Err error }

func (e *JournalError) Error() string { return "the journal of accepted operations: " + e.Err.Error() }

func (e *JournalError) Unwrap() error { return e.Err }

// watchedJournal is a journal that reports of each write whether it succeeded.
type watchedJournal struct {
	Journal
	// wrote is told how each write went.
	wrote func(error)
}

// Add tells how it went.
func (j watchedJournal) Add(operations []Operation) ([]Operation, error) {
	out, err := j.Journal.Add(operations)
	j.wrote(err)
	return out, err
}

// Update tells how it went.
func (j watchedJournal) Update(operations []Operation) error {
	err := j.Journal.Update(operations)
	j.wrote(err)
	return err
}

// Remember tells how it went.
func (j watchedJournal) Remember(heard []scale.Heard) error {
	err := j.Journal.Remember(heard)
	j.wrote(err)
	return err
}

// writable is what a queue knows of whether its journal can be written. The queue's mu guards err.
type writable struct {
	// err says why the journal could not be written the last time; nil if it could.
	err error
	// doubt tells the one who probes that a write has failed, or has succeeded after one that failed.
	doubt chan struct{}
}

// How often the journal is probed. While all is well, this makes a full disk known before an alert comes that cannot be
// kept. While it is not, this makes it known that the disk has room again.
const (
	probeEvery = 10 * time.Second
	probeSoon  = 2 * time.Second
)

// noteWrite takes in how a write to the journal went. Only a probe says that all is well again: something small may
// still find room on a full disk.
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

// probeJournal finds out whether the journal can be written, and tells of it if that is news.
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
			if failing { // a sender that tries again and again does not have it probed more often
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
