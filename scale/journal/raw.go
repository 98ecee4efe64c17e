package journal

import (
	"bytes"

	bolt "go.etcd.io/bbolt"
)

// rawRecord is a record as it is in the file.
type rawRecord struct{ key, record []byte }

// allRaw returns the records of a bucket that pass a check; none if there is no such bucket. Reading them all also
// reveals whatever is wrong with their pages.
func allRaw(tx *bolt.Tx, name string, check func(record []byte) error) (read []rawRecord) {
	bucket := tx.Bucket([]byte(name))
	if bucket == nil {
		return nil
	}
	cursor := bucket.Cursor()
	for key, record := cursor.First(); key != nil; key, record = cursor.Next() {
		if check(record) == nil {
			read = append(read, rawRecord{bytes.Clone(key), bytes.Clone(record)})
		}
	}
	return read
}

// putRaw writes records of a different file into a bucket.
func putRaw(tx *bolt.Tx, name string, records []rawRecord) error {
	if len(records) == 0 {
		return nil
	}
	bucket, err := tx.CreateBucketIfNotExists([]byte(name))
	if err != nil {
		return err
	}
	for _, r := range records {
		if err := bucket.Put(r.key, r.record); err != nil {
			return err
		}
	}
	return nil
}
