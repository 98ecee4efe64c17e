package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/pulumiscale/pulumiscale/scale"
)

// bucketHeard holds what was heard of alerts, by pool and alert. Files of older versions have no such bucket until
// something is heard.
//
// What an operation tells of its alert is not written there at once, since the operation itself is on disk and is read
// when the file is opened. It is written there before operations are forgotten, or once mostUnwritten alerts have
// something unwritten. In the second case, alerts whose keys are neighbours are written together, because they share
// pages of the file.
const bucketHeard = "heard"

const (
	// mostUnwritten is about how many alerts may have news that the bucket does not have yet.
	mostUnwritten = 5000
	// writtenAtOnce is how many alerts one transaction writes down: more than the operations that one transaction
	// usually adds, and few enough that nobody waits for them.
	writtenAtOnce = 128
)

// hearing is what the transaction under way hears of alerts. It counts once that transaction is on disk.
type hearing struct {
	// news is what the transaction hears, by heardKey.
	news map[string]scale.Heard
	// written are the keys of the unwritten alerts that the transaction writes down.
	written []string
}

// storedHeard is the form in which what was heard of an alert is kept, after a head like the head of an operation's
// record. Fields are added, never renamed.
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
			known, err := j.recall(tx, heardKey(h.Pool, h.Alert))
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
			now, isNews, err := j.hear(tx, h)
			if err == nil && isNews {
				err = writeHeard(tx, now)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// hear adds to the transaction under way what is heard of an alert. now is what is known of the alert after that. The
// writer alone calls it.
func (j *Journal) hear(tx *bolt.Tx, h scale.Heard) (now scale.Heard, isNews bool, err error) {
	key := heardKey(h.Pool, h.Alert)
	known, ok := j.hearing.news[string(key)]
	if !ok {
		if known, err = j.recall(tx, key); err != nil {
			return known, false, err
		}
	}
	if now, isNews = h.After(known); isNews {
		j.hearing.news[string(key)] = now
	}
	return now, isNews, nil
}

// recall returns what is known of an alert, or zero if nothing is.
func (j *Journal) recall(tx *bolt.Tx, key []byte) (scale.Heard, error) {
	j.mu.Lock()
	h, ok := j.unwritten[string(key)]
	j.mu.Unlock()
	if ok {
		return h, nil
	}
	return readHeard(tx, key)
}

// writeDown writes into the transaction under way what is unwritten of the alerts with the given keys. The writer alone
// calls it.
func (j *Journal) writeDown(tx *bolt.Tx, keys []string) error {
	for _, key := range keys {
		h, ok := j.unwritten[key] // nobody else changes it
		if !ok {
			continue
		}
		if later, ok := j.hearing.news[key]; ok {
			h = later
		}
		if err := writeHeard(tx, h); err != nil {
			return err
		}
	}
	j.hearing.written = append(j.hearing.written, keys...)
	return nil
}

// writeDownSome writes down the next part of what is unwritten, once there is too much of it. The writer alone calls
// it.
func (j *Journal) writeDownSome(tx *bolt.Tx) error {
	if len(j.toWrite) == 0 && len(j.unwritten) >= mostUnwritten {
		j.toWrite = slices.Sorted(maps.Keys(j.unwritten))
	}
	return j.writeDown(tx, j.toWrite[:min(writtenAtOnce, len(j.toWrite))])
}

// writeDownAll writes down all that is unwritten.
func (j *Journal) writeDownAll() error {
	j.mu.Lock()
	keys := slices.Sorted(maps.Keys(j.unwritten))
	j.mu.Unlock()
	for part := range slices.Chunk(keys, writtenAtOnce) {
		if err := j.commit(func(tx *bolt.Tx) error { return j.writeDown(tx, part) }); err != nil {
			return err
		}
	}
	return nil
}

// heardDurably notes that the transaction under way is on disk, with what it has heard and written down. The writer
// alone calls it; j.mu must be held.
func (j *Journal) heardDurably() {
	j.toWrite = j.toWrite[min(writtenAtOnce, len(j.toWrite)):]
	for _, key := range j.hearing.written {
		delete(j.unwritten, key)
	}
	maps.Copy(j.unwritten, j.hearing.news)
}

// told returns what the operations tell of alerts, by heardKey, if it is later than what the bucket has.
func (c content) told() map[string]scale.Heard {
	written, news := map[string]scale.Heard{}, map[string]scale.Heard{}
	for _, h := range c.heard {
		written[string(heardKey(h.Pool, h.Alert))] = h
	}
	for _, op := range c.operations { // oldest first
		h, ok := scale.HeardOf(op.Intent, op.AcceptedAt)
		key := string(heardKey(h.Pool, h.Alert))
		if !ok || !h.At.After(written[key].At) {
			continue
		}
		known, ok := news[key]
		if !ok {
			known = written[key]
		}
		if now, isNews := h.After(known); isNews {
			news[key] = now
		}
	}
	return news
}

// Recall returns the latest that was heard of an alert; ok is false if nothing was.
func (j *Journal) Recall(pool, alert string) (h scale.Heard, ok bool, err error) {
	err = j.view(func(tx *bolt.Tx) (err error) {
		h, err = j.recall(tx, heardKey(pool, alert))
		return err
	})
	if err != nil || h.Since.IsZero() {
		return scale.Heard{}, false, err
	}
	h.Pool, h.Alert = pool, alert
	return h, true, nil
}

// readHeard returns what the bucket has of an alert, or zero if it has nothing.
func readHeard(tx *bolt.Tx, key []byte) (h scale.Heard, err error) {
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

func writeHeard(tx *bolt.Tx, h scale.Heard) error {
	text, err := json.Marshal(storedHeard{Since: h.Since, Cleared: h.Cleared, At: h.At})
	if err != nil {
		return err
	}
	bucket, err := tx.CreateBucketIfNotExists([]byte(bucketHeard))
	if err != nil {
		return err
	}
	return bucket.Put(heardKey(h.Pool, h.Alert), seal(text))
}

// seal puts the version and the checksum before a text.
func seal(text []byte) []byte {
	record := make([]byte, headSize, headSize+len(text))
	record[0] = recordVersion
	binary.BigEndian.PutUint32(record[1:], crc32.ChecksumIEEE(text))
	return append(record, text...)
}

// unseal returns the text that seal was given, or an error if the record is damaged or has a different version.
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

// allHeard reads what was heard of every alert. If it returns an error, it also returns what could be read.
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

// outdatedHeard returns the keys of what was heard longer ago than keepFor and, if there are more than most, the keys
// of what was heard longest ago.
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
