package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// The buckets. Their names are part of the format.
const (
	bucketOperations = "operations"
	bucketOpen       = "open"
	bucketDone       = "done"
	bucketKeys       = "keys"
)

// recordVersion is the first byte of a record. The checksum of the rest follows, and then the operation's own stored
// form.
const (
	recordVersion = 1
	headSize      = 1 + crc32.Size
)

func encode(op queue.Operation) ([]byte, error) {
	text, err := op.MarshalJSON() // json.Marshal would read through it once more
	if err != nil {
		return nil, fmt.Errorf("encode operation %s: %w", op.ID, err)
	}
	return seal(text), nil
}

func decode(id, record []byte) (op queue.Operation, err error) {
	text, err := unseal(record)
	if err == nil {
		err = json.Unmarshal(text, &op)
	}
	if err == nil && op.ID != string(id) {
		err = errors.New("it is stored under another id")
	}
	if err != nil {
		return op, fmt.Errorf("read operation %q: %w", id, err)
	}
	return op, nil
}

// keyOf returns the key of an intent in the bucket of keys; nil for an intent without an idempotency key. The pool is
// part of it, because one event may concern several pools.
func keyOf(pool, key string) []byte {
	if key == "" {
		return nil
	}
	return []byte(pool + "\x00" + key)
}

// doneKey returns the key of a done operation in the bucket of done operations. These keys sort by the time at which
// the operations ended.
func doneKey(op queue.Operation) []byte {
	key := binary.BigEndian.AppendUint64(nil, uint64(max(op.EndedAt.UnixNano(), 0)))
	return append(key, op.ID...)
}

// endOf returns the time in a key that doneKey has made.
func endOf(key []byte) time.Time { return time.Unix(0, int64(binary.BigEndian.Uint64(key))) } //nolint:gosec // it was one

// put writes an operation and its places in the indexes. If an operation was open and stays open, its place in the
// indexes stays as it is.
func put(tx *bolt.Tx, op queue.Operation, record []byte) error {
	id := []byte(op.ID)
	stays := op.State != queue.Done && isOpen(tx, id)
	if !stays {
		if err := unindex(tx, id); err != nil {
			return err
		}
	}
	if err := tx.Bucket([]byte(bucketOperations)).Put(id, record); err != nil {
		return err
	}
	keys := tx.Bucket([]byte(bucketKeys))
	// A key leads to the operation that was accepted first. If later operations have tried the first one again, the key
	// leads to the last of them.
	if key := keyOf(op.Intent.Pool, op.Intent.Key); key != nil && (keys.Get(key) == nil || string(keys.Get(key)) == op.Previous) {
		if err := keys.Put(key, id); err != nil {
			return err
		}
	}
	switch {
	case stays:
		return nil
	case op.State == queue.Done:
		return tx.Bucket([]byte(bucketDone)).Put(doneKey(op), []byte(op.Intent.Pool))
	}
	return tx.Bucket([]byte(bucketOpen)).Put(id, nil)
}

// isOpen says whether the operation is listed as one that is not done.
func isOpen(tx *bolt.Tx, id []byte) bool {
	found, _ := tx.Bucket([]byte(bucketOpen)).Cursor().Seek(id)
	return bytes.Equal(found, id)
}

// unindex takes an operation out of the index of its state, open or done, if it is there.
func unindex(tx *bolt.Tx, id []byte) error {
	if isOpen(tx, id) {
		return tx.Bucket([]byte(bucketOpen)).Delete(id)
	}
	record := tx.Bucket([]byte(bucketOperations)).Get(id)
	if record == nil {
		return nil
	}
	op, err := decode(id, record)
	if err != nil {
		return err
	}
	if op.State == queue.Done {
		return tx.Bucket([]byte(bucketDone)).Delete(doneKey(op))
	}
	return tx.Bucket([]byte(bucketOpen)).Delete(id)
}

// remove takes an operation out of the journal, if it is there.
func remove(tx *bolt.Tx, id []byte) error {
	operations, keys := tx.Bucket([]byte(bucketOperations)), tx.Bucket([]byte(bucketKeys))
	record := operations.Get(id)
	if record == nil {
		return nil
	}
	op, err := decode(id, record)
	if err != nil {
		return err
	}
	if key := keyOf(op.Intent.Pool, op.Intent.Key); key != nil && bytes.Equal(keys.Get(key), id) {
		if err := giveBack(tx, keys, key, op.Previous); err != nil {
			return err
		}
	}
	if err := unindex(tx, id); err != nil {
		return err
	}
	return operations.Delete(id)
}

// giveBack makes the key of a removed operation lead to the operation that the removed one tried again, or nowhere if
// there is none or it is not kept any more.
func giveBack(tx *bolt.Tx, keys *bolt.Bucket, key []byte, previous string) error {
	if previous != "" && tx.Bucket([]byte(bucketOperations)).Get([]byte(previous)) != nil {
		return keys.Put(key, []byte(previous))
	}
	return keys.Delete(key)
}

// get reads an operation; ok is false if there is none.
func get(tx *bolt.Tx, id []byte) (op queue.Operation, ok bool, err error) {
	record := tx.Bucket([]byte(bucketOperations)).Get(id)
	if record == nil {
		return op, false, nil
	}
	op, err = decode(id, record)
	return op, err == nil, err
}
