package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/pulumiscale/pulumiscale/scale"
)

// bucketHeard holds what was heard of alerts, by pool and alert. Files of older versions have no such bucket until
// something is heard.
const bucketHeard = "heard"

// storedHeard is the form in which that is kept, after a head like that of a record. Fields are added, never renamed.
type storedHeard struct {
	Since   time.Time `json:"since"`
	Cleared bool      `json:"cleared,omitempty"`
	At      time.Time `json:"at"`
}

func heardKey(pool, alert string) []byte { return []byte(pool + "\x00" + alert) }

// Remember keeps what was heard of alerts. If none of it is news, nothing is written.
func (j *Journal) Remember(heard []scale.Heard) error {
	isNews := false
	err := j.view(func(tx *bolt.Tx) error {
		for _, h := range heard {
			known, err := recall(tx, heardKey(h.Pool, h.Alert))
			if err != nil {
				return err
			}
			_, news := h.After(known)
			isNews = isNews || news
		}
		return nil
	})
	if err != nil || !isNews {
		return err
	}
	return j.commit(func(tx *bolt.Tx) error {
		for _, h := range heard {
			if err := remember(tx, h); err != nil {
				return err
			}
		}
		return nil
	})
}

// Recall is the latest that was heard of an alert.
func (j *Journal) Recall(pool, alert string) (h scale.Heard, ok bool, err error) {
	err = j.view(func(tx *bolt.Tx) (err error) {
		h, err = recall(tx, heardKey(pool, alert))
		return err
	})
	if err != nil || h.Since.IsZero() {
		return scale.Heard{}, false, err
	}
	h.Pool, h.Alert = pool, alert
	return h, true, nil
}

// recall reads what was heard; it is zero if nothing was.
func recall(tx *bolt.Tx, key []byte) (h scale.Heard, err error) {
	bucket := tx.Bucket([]byte(bucketHeard))
	if bucket == nil {
		return h, nil
	}
	record := bucket.Get(key)
	if record == nil {
		return h, nil
	}
	return decodeHeard(key, record)
}

func decodeHeard(key, record []byte) (h scale.Heard, err error) {
	text, err := unseal(record)
	var stored storedHeard
	if err == nil {
		err = json.Unmarshal(text, &stored)
	}
	pool, alert, found := bytes.Cut(key, []byte{0})
	if err == nil && !found {
		err = errors.New("its key names no pool")
	}
	if err != nil {
		return h, fmt.Errorf("read what was heard of the alert %q: %w", key, err)
	}
	return scale.Heard{Pool: string(pool), Alert: string(alert), Since: stored.Since, Cleared: stored.Cleared, At: stored.At}, nil
}

// remember writes what was heard, if it is news.
func remember(tx *bolt.Tx, h scale.Heard) error {
	key := heardKey(h.Pool, h.Alert)
	known, err := recall(tx, key)
	if err != nil {
		return err
	}
	now, isNews := h.After(known)
	if !isNews {
		return nil
	}
	text, err := json.Marshal(storedHeard{Since: now.Since, Cleared: now.Cleared, At: now.At})
	if err != nil {
		return err
	}
	bucket, err := tx.CreateBucketIfNotExists([]byte(bucketHeard))
	if err != nil {
		return err
	}
	return bucket.Put(key, seal(text))
}

// seal puts the version and the checksum before a text.
func seal(text []byte) []byte {
	record := make([]byte, headSize, headSize+len(text))
	record[0] = recordVersion
	binary.BigEndian.PutUint32(record[1:], crc32.ChecksumIEEE(text))
	return append(record, text...)
}

// unseal is the text that seal was given.
func unseal(record []byte) ([]byte, error) {
	switch {
	case len(record) < headSize:
		return nil, errors.New("it is too short")
	case record[0] != recordVersion:
		return nil, fmt.Errorf("it has format %d, and this program knows format %d", record[0], recordVersion)
	case binary.BigEndian.Uint32(record[1:]) != crc32.ChecksumIEEE(record[headSize:]):
		return nil, errors.New("its checksum does not match")
	}
	return record[headSize:], nil
}

// allHeard reads what was heard of every alert. What could be read comes with the error.
func allHeard(tx *bolt.Tx) (read []scale.Heard, damaged error) {
	bucket := tx.Bucket([]byte(bucketHeard))
	if bucket == nil {
		return nil, nil
	}
	cursor := bucket.Cursor()
	for key, record := cursor.First(); key != nil; key, record = cursor.Next() {
		h, err := decodeHeard(key, record)
		if err != nil {
			damaged = errors.Join(damaged, err)
			continue
		}
		read = append(read, h)
	}
	return read, damaged
}

// outdatedHeard are the keys of what was heard longer ago than keepFor and, if there are more than most, of the oldest.
func outdatedHeard(tx *bolt.Tx, now time.Time, most int) ([][]byte, error) {
	all, err := allHeard(tx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b scale.Heard) int { return b.At.Compare(a.At) })
	var old [][]byte
	for i, h := range all {
		if i >= most || now.Sub(h.At) > keepFor {
			old = append(old, heardKey(h.Pool, h.Alert))
		}
	}
	return old, nil
}

func forgetHeard(tx *bolt.Tx, keys [][]byte) error {
	for _, key := range keys {
		if err := tx.Bucket([]byte(bucketHeard)).Delete(key); err != nil {
			return err
		}
	}
	return nil
}
