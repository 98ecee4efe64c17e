package journal

import (
	"bytes"
	"errors"

	bolt "go.etcd.io/bbolt"
)

// bucketOutbox holds records of other packages, under keys that those packages choose: above all notices that are to be
// told to listeners, and what is known of notices that were told. Files of older versions have no such bucket, and
// older programs ignore it. A record that cannot be read is ignored too, and does not make the file count as damaged,
// because no operation depends on it.
const bucketOutbox = "outbox"

const (
	// longestOutboxKey and largestOutboxRecord are how many bytes the key and the text of a record may have.
	longestOutboxKey    = 1024
	largestOutboxRecord = 8 << 20
)

// PutOutbox writes records by their keys, all or none. A record that is nil removes what is under its key. When
// PutOutbox returns, the change is on disk. The error is a [*queue.JournalError], also for a record that is too large.
func (j *Journal) PutOutbox(records map[string][]byte) error {
	sealed := make(map[string][]byte, len(records))
	for key, record := range records {
		if key == "" || len(key) > longestOutboxKey || len(record) > largestOutboxRecord {
			return j.failed(errors.New("a record of the outbox is too large, or has no key"))
		}
		if record != nil {
			sealed[key] = seal(record)
		} else {
			sealed[key] = nil
		}
	}
	return j.commit(func(tx *bolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists([]byte(bucketOutbox))
		if err != nil {
			return err
		}
		for key, record := range sealed {
			if record == nil {
				err = bucket.Delete([]byte(key))
			} else {
				err = bucket.Put([]byte(key), record)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Outbox calls each with the records whose key begins with a prefix, in the order of their keys. The error is a
// [*queue.JournalError].
func (j *Journal) Outbox(prefix string, each func(key string, record []byte)) error {
	return j.view(func(tx *bolt.Tx) error {
		bucket := tx.Bucket([]byte(bucketOutbox))
		if bucket == nil {
			return nil
		}
		cursor := bucket.Cursor()
		for key, sealed := cursor.Seek([]byte(prefix)); bytes.HasPrefix(key, []byte(prefix)) && key != nil; key, sealed = cursor.Next() {
			if record, err := unseal(sealed); err == nil {
				each(string(key), bytes.Clone(record))
			}
		}
		return nil
	})
}

// allOutbox returns the records of the outbox that can be read.
func allOutbox(tx *bolt.Tx) []rawRecord {
	return allRaw(tx, bucketOutbox, func(record []byte) error {
		_, err := unseal(record)
		return err
	})
}
