package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// content is what a file holds.
type content struct {
	operations []queue.Operation
	heard      []scale.Heard
	samples    []rawRecord
	outbox     []rawRecord
}

// readAll reads every record and every index, and says what is wrong with the file. bbolt's own check comes last,
// because it cannot be stopped once it meets a page that is broken. If it returns an error, it also returns what could
// be read.
func readAll(db *bolt.DB, path string) (read content, damaged error) {
	defer func() {
		if r := recover(); r != nil {
			damaged = errors.Join(damaged, fmt.Errorf("%v", r))
		}
	}()
	err := db.View(func(tx *bolt.Tx) error {
		info, err := os.Stat(path)
		if err == nil && info.Size() < tx.Size() {
			damaged = fmt.Errorf("it has %d bytes of %d", info.Size(), tx.Size())
		}
		seen := map[string]bool{}
		operations := tx.Bucket([]byte(bucketOperations)).Cursor()
		for id, record := operations.First(); id != nil; id, record = operations.Next() {
			op, err := decode(id, record)
			if err != nil {
				damaged = errors.Join(damaged, err)
				continue
			}
			read.operations, seen[op.ID] = append(read.operations, op), true
		}
		heard, err := allHeard(tx)
		read.heard, damaged = heard, errors.Join(damaged, err)
		read.samples, read.outbox = allSamples(tx), allOutbox(tx)
		return checkIndexes(tx, seen)
	})
	damaged = errors.Join(damaged, err)
	if damaged != nil {
		return read, damaged
	}
	return read, db.View(func(tx *bolt.Tx) error {
		var first error
		for err := range tx.Check() {
			if first == nil {
				first = err
			}
		}
		return first
	})
}

// checkIndexes compares the indexes with the ids of the records.
func checkIndexes(tx *bolt.Tx, seen map[string]bool) error {
	states := 0
	check := func(id []byte) error {
		if !seen[string(id)] {
			return fmt.Errorf("an index names the operation %q, which is not there", id)
		}
		return nil
	}
	err := errors.Join(
		tx.Bucket([]byte(bucketOpen)).ForEach(func(id, _ []byte) error { states++; return check(id) }),
		tx.Bucket([]byte(bucketDone)).ForEach(func(key, _ []byte) error {
			states++
			if len(key) < 8 {
				return errors.New("an index has a key that is too short")
			}
			return check(key[8:])
		}),
		tx.Bucket([]byte(bucketKeys)).ForEach(func(_, id []byte) error { return check(id) }),
	)
	if err == nil && states != len(seen) {
		err = fmt.Errorf("the indexes name %d operations of %d", states, len(seen))
	}
	return err
}

// replaceDamaged moves the damaged file aside and makes a new one with what could be read of it.
func replaceDamaged(path string, read content, cause error) (*bolt.DB, *DamageError, error) {
	damage := &DamageError{
		Path: path, Aside: fmt.Sprintf("%s.damaged-%s", path, time.Now().UTC().Format("20060102T150405.000Z")), Saved: len(read.operations), Err: cause,
	}
	if err := os.Rename(path, damage.Aside); err != nil {
		return nil, nil, errors.Join(cause, err)
	}
	db, err := openBolt(path)
	if err != nil {
		return nil, nil, err
	}
	err = makeBuckets(db)
	if err == nil {
		err = db.Update(func(tx *bolt.Tx) error { return putAll(tx, read) })
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		_ = db.Close()
		return nil, nil, err
	}
	return db, damage, nil
}

func putAll(tx *bolt.Tx, all content) error {
	if err := errors.Join(putRaw(tx, bucketSamples, all.samples), putRaw(tx, bucketOutbox, all.outbox)); err != nil {
		return err
	}
	for _, h := range all.heard {
		if err := writeHeard(tx, h); err != nil {
			return err
		}
	}
	for _, op := range all.operations {
		record, err := encode(op)
		if err != nil {
			return err
		}
		if err := put(tx, op, record); err != nil {
			return err
		}
	}
	return nil
}

const (
	// A file is worth compacting if it has more than compactAbove bytes and more than one part in freeShare of them is
	// free.
	compactAbove = 1 << 20
	freeShare    = 2
)

// wasteful says whether most of the file is free: bbolt reuses the space of what it forgets, but never gives it back.
func wasteful(db *bolt.DB) bool {
	var size int64
	_ = db.View(func(tx *bolt.Tx) error {
		size = tx.Size()
		return nil
	})
	stats := db.Stats()
	free := int64(stats.FreePageN+stats.PendingPageN) * int64(db.Info().PageSize)
	return size > compactAbove && free > size/freeShare
}

// compact replaces the file by a file without free space, and opens the new file. If that fails, the old file stays in
// use.
func compact(db *bolt.DB, path string) (*bolt.DB, error) {
	temp := path + ".compact"
	if err := os.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return db, nil
	}
	defer func() { _ = os.Remove(temp) }()
	to, err := bolt.Open(temp, 0o600, &bolt.Options{Timeout: fileLockTimeout})
	if err != nil {
		return db, nil
	}
	const transactionSize = 1 << 20
	err = bolt.Compact(to, db, transactionSize)
	if e := to.Close(); err != nil || e != nil {
		return db, nil
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	// Both files hold the same, so it does not matter which of them has the name after a crash.
	if os.Rename(temp, path) == nil {
		_ = syncDir(filepath.Dir(path))
	}
	return openBolt(path)
}
