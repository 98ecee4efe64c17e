package queue

import (
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
	// no sender's retry is taken for a new event: SNS, the most patient one, retries for an hour, which cmd holds
	// against this. More than ten times KeepMost are not kept even so.
	KeepKeyed = 2 * time.Hour
	// KeepSamples is how long values of metrics are kept: a week, and a day, in which somebody looks at it.
	KeepSamples = 8 * 24 * time.Hour
)

// JournalError says that the journal could not be read or written: nothing was accepted. Trying again may help.
type JournalError struct{ Err error }

func (e *JournalError) Error() string { return "the journal of accepted operations: " + e.Err.Error() }

func (e *JournalError) Unwrap() error { return e.Err }
