package journal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

const (
	// probeName is a file beside the journal's that exists for a moment.
	probeName   = "journal.probe"
	bucketProbe = "probe"
	probeSize   = 64 << 10
)

// Probe writes a file of its own, which shows whether the disk has room. If the last transaction failed, and only then,
// it writes to the journal's file too. The pages that this takes stay in the file, as a reserve for the journal.
func (j *Journal) Probe() error {
	if err := writeProbe(filepath.Join(filepath.Dir(j.db.Path()), probeName)); err != nil {
		return j.failed(err)
	}
	j.mu.Lock()
	failing := j.failing
	j.mu.Unlock()
	if !failing {
		return nil
	}
	err := j.commit(func(tx *bolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists([]byte(bucketProbe))
		if err != nil {
			return fmt.Errorf("make the bucket of probes: %w", err)
		}
		return bucket.Put([]byte(probeName), probeContent())
	})
	if err != nil {
		return err
	}
	return j.commit(func(tx *bolt.Tx) error {
		if tx.Bucket([]byte(bucketProbe)) == nil {
			return nil
		}
		return tx.DeleteBucket([]byte(bucketProbe))
	})
}

// probeContent returns a text that takes room on every disk, because it is not all zeros.
func probeContent() []byte { return bytes.Repeat([]byte("probe"), probeSize/len("probe")) }

// writeProbe brings a new file to disk, and removes it again.
func writeProbe(path string) (err error) {
	_ = os.Remove(path) // left by a process that died here
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if e := os.Remove(path); err == nil {
			err = e
		}
	}()
	_, err = file.Write(probeContent())
	if err == nil {
		err = file.Sync()
	}
	if e := file.Close(); err == nil {
		err = e
	}
	return err
}
