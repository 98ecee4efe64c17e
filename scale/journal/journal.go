package journal

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"
	bolt "go.etcd.io/bbolt"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// Journal is a journal on disk. Only one process has it open at a time.
type Journal struct {
	db     *bolt.DB
	lock   *flock.Flock
	damage *DamageError

	writes           chan *write
	closing, written chan struct{}
	// samplesDue tells the writer that values of metrics are to be written.
	samplesDue chan struct{}
	close      func() error
	// hearing and toWrite are used by the writer alone. toWrite are the keys of unwritten alerts that are still to be
	// written down.
	hearing hearing
	toWrite []string

	mu sync.Mutex
	// doubtful are the ids of operations that may or may not be in the file; they count as not being there.
	doubtful map[string]bool
	// failing says that the last transaction failed.
	failing bool
	// unwritten is the latest that was heard of alerts, by heardKey, if the bucket does not have it. The writer alone
	// changes it.
	unwritten map[string]scale.Heard
	waiting   waitingSamples
}

var _ queue.Journal = (*Journal)(nil)

func newJournal(db *bolt.DB, lock *flock.Flock, read content) *Journal {
	j := &Journal{
		db: db, lock: lock, doubtful: map[string]bool{}, unwritten: read.told(),
		writes: make(chan *write), closing: make(chan struct{}), written: make(chan struct{}),
		samplesDue: make(chan struct{}, 1),
	}
	j.close = sync.OnceValue(func() error {
		close(j.closing)
		<-j.written
		err := j.db.Close()
		if e := j.lock.Unlock(); err == nil {
			err = e
		}
		return err
	})
	go j.write()
	return j
}

// Add adds the operations whose pool and key are new, and the operations that try again the one that already has their
// pool and key.
func (j *Journal) Add(operations []queue.Operation) ([]queue.Operation, error) {
	records := make([][]byte, len(operations))
	ids := make([]string, len(operations))
	for i, op := range operations {
		record, err := encode(op)
		if err != nil {
			return nil, &queue.JournalError{Err: err}
		}
		records[i], ids[i] = record, op.ID
	}
	stored := make([]queue.Operation, len(operations))
	err := j.commit(func(tx *bolt.Tx) error {
		for i, op := range operations {
			if key := keyOf(op.Intent.Pool, op.Intent.Key); key != nil {
				if first := tx.Bucket([]byte(bucketKeys)).Get(key); first != nil && string(first) != op.Previous {
					var err error
					if stored[i], _, err = get(tx, first); err != nil {
						return err
					}
					continue
				}
			}
			if err := put(tx, op, records[i]); err != nil {
				return err
			}
			if h, ok := scale.HeardOf(op.Intent, op.AcceptedAt); ok {
				if _, _, err := j.hear(tx, h); err != nil {
					return err
				}
			}
			stored[i] = op
		}
		return nil
	}, ids...)
	if err != nil {
		return nil, err
	}
	return stored, nil
}

// updateLimit is the largest number of operations that one transaction replaces for one call. Operations that are
// accepted meanwhile wait for no more than that many.
const updateLimit = 64

// Update replaces operations, or adds them.
func (j *Journal) Update(operations []queue.Operation) error {
	for part := range slices.Chunk(operations, updateLimit) {
		if err := j.update(part); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) update(operations []queue.Operation) error {
	records := make([][]byte, len(operations))
	for i, op := range operations {
		record, err := encode(op)
		if err != nil {
			return &queue.JournalError{Err: err}
		}
		records[i] = record
	}
	return j.commit(func(tx *bolt.Tx) error {
		for i, op := range operations {
			if err := put(tx, op, records[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// view reads in one transaction.
func (j *Journal) view(do func(*bolt.Tx) error) error {
	select {
	case <-j.closing:
		return &queue.JournalError{Err: errClosed}
	default:
	}
	if err := j.db.View(do); err != nil {
		return &queue.JournalError{Err: err}
	}
	return nil
}

// Open lists the operations that are not done, oldest first.
func (j *Journal) Open() ([]queue.Operation, error) {
	var out []queue.Operation
	err := j.view(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte(bucketOpen)).ForEach(func(id, _ []byte) error {
			op, ok, err := get(tx, id)
			if ok && !j.isDoubtful(op.ID) {
				out = append(out, op)
			}
			return err
		})
	})
	return out, err
}

// Get finds an operation.
func (j *Journal) Get(id string) (queue.Operation, error) {
	var op queue.Operation
	var ok bool
	err := j.view(func(tx *bolt.Tx) (err error) {
		op, ok, err = get(tx, []byte(id))
		return err
	})
	if err == nil && (!ok || j.isDoubtful(id)) {
		return queue.Operation{}, &queue.UnknownOperationError{ID: id}
	}
	return op, err
}

// Find finds the operation with a pool and a key.
func (j *Journal) Find(pool, key string) (queue.Operation, bool, error) {
	var op queue.Operation
	var ok bool
	at := keyOf(pool, key)
	if at == nil {
		return op, false, nil
	}
	err := j.view(func(tx *bolt.Tx) (err error) {
		if id := tx.Bucket([]byte(bucketKeys)).Get(at); id != nil {
			op, ok, err = get(tx, id)
		}
		return err
	})
	if err != nil || !ok || j.isDoubtful(op.ID) {
		return queue.Operation{}, false, err
	}
	return op, true, nil
}

// Recent lists done operations, beginning with the one that ended last.
func (j *Journal) Recent(pool string, limit int) ([]queue.Operation, error) {
	var out []queue.Operation
	err := j.view(func(tx *bolt.Tx) error {
		cursor := tx.Bucket([]byte(bucketDone)).Cursor()
		for key, of := cursor.Last(); key != nil && len(out) < limit; key, of = cursor.Prev() {
			if pool != "" && !bytes.Equal(of, []byte(pool)) {
				continue
			}
			op, ok, err := get(tx, key[8:])
			if err != nil {
				return err
			}
			if ok {
				out = append(out, op)
			}
		}
		return nil
	})
	return slices.Clip(out), err
}

const (
	keepFor  = queue.KeepDone
	keepMost = queue.KeepMost
	// KeepKeyed is [queue.KeepKeyed].
	KeepKeyed = queue.KeepKeyed
	// keepMostHeard is how many alerts are remembered: the ones heard of last, for as long as done operations are kept.
	keepMostHeard = 10 * keepMost
	// pruneLimit is how many operations one transaction forgets at most.
	pruneLimit = 1000
)

// Prune forgets done operations that ended more than 24 hours ago and, if there are more than 10,000, the oldest. Even
// if there are more, operations with an idempotency key are kept for a while: see KeepKeyed. What was heard of alerts
// is forgotten in the same way, and values of metrics after eight days.
func (j *Journal) Prune(now time.Time) error {
	if err := j.writeDownAll(); err != nil {
		return err
	}
	var old, unheard, samples [][]byte
	err := j.view(func(tx *bolt.Tx) (err error) {
		samples = outdatedSamples(tx, now)
		if old, err = outdated(tx, now); err == nil {
			unheard, err = outdatedHeard(tx, now, keepMostHeard)
		}
		return err
	})
	if err != nil {
		return err
	}
	for part := range slices.Chunk(unheard, pruneLimit) {
		if err := j.commit(func(tx *bolt.Tx) error { return forgetHeard(tx, part) }); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(samples, pruneLimit) {
		if err := j.commit(func(tx *bolt.Tx) error { return forgetSamples(tx, part) }); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(old, pruneLimit) {
		err := j.commit(func(tx *bolt.Tx) error {
			for _, id := range part {
				if err := remove(tx, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// outdated returns the ids of the done operations that are to be forgotten.
func outdated(tx *bolt.Tx, now time.Time) (old [][]byte, err error) {
	kept := 0
	cursor := tx.Bucket([]byte(bucketDone)).Cursor()
	for key, _ := cursor.Last(); key != nil; key, _ = cursor.Prev() {
		age, id := now.Sub(endOf(key)), key[8:]
		keep := age <= keepFor && kept < keepMost
		if !keep && age <= KeepKeyed && kept < 10*keepMost {
			op, ok, err := get(tx, id)
			if err != nil {
				return nil, err
			}
			keep = ok && op.Intent.Key != ""
		}
		if keep {
			kept++
		} else {
			old = append(old, slices.Clone(id))
		}
	}
	return old, nil
}

// Close closes the journal and lets other processes open it. A second call does nothing, and returns what the first
// returned.
func (j *Journal) Close() error { return j.close() }

// Damage says that the file was found damaged when it was opened, and what was done; nil if it was sound.
func (j *Journal) Damage() *DamageError { return j.damage }
