package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/pulumiscale/pulumiscale/scale"
)

// sample is what a look found, so long after noon.
func sample(metric string, after time.Duration, value float64) scale.Sample {
	return scale.Sample{Metric: metric, Value: value, At: noon.Add(after)}
}

// values are those of the pool worker, as in "00:01 queue 3".
func values(t *testing.T, j *Journal, since time.Time) string {
	t.Helper()
	samples, err := j.Samples("worker", since)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range samples {
		out = append(out, fmt.Sprintf("%s %s %v", s.At.Format("15:04"), s.Metric, s.Value))
	}
	return strings.Join(out, ", ")
}

// onDisk is how many records of values there are.
func onDisk(t *testing.T, j *Journal) (n int) {
	t.Helper()
	err := j.view(func(tx *bolt.Tx) error {
		n = len(allSamples(tx))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// All values of a minute are one transaction, and what waits is bounded.
func TestValuesAreWrittenOnceAMinute(t *testing.T) {
	j := open(t, t.TempDir())
	flush := func() { _ = j.commit(func(*bolt.Tx) error { return nil }) } // the writer does one thing after the other
	j.KeepSample("worker", sample("queue", 0, 1))
	flush()
	for onDisk(t, j) == 0 { // the writer may take either first
		flush()
	}
	before := transactions(t, j)
	for i := range 50 {
		j.KeepSample("worker", sample(fmt.Sprint("m", i), time.Duration(i)*time.Second, 1))
	}
	flush()
	if got := transactions(t, j) - before; got != 1 || onDisk(t, j) != 1 {
		t.Errorf("%d transactions within a minute, and %d records", got, onDisk(t, j))
	}
	j.KeepSample("worker", sample("m0", time.Minute, 2))
	for onDisk(t, j) == 1 {
		flush()
	}
	if got := onDisk(t, j); got != 51 {
		t.Errorf("%d records after the minute", got)
	}
}

// While the disk takes nothing, only so many values wait for it, and those in memory are shown.
func TestWhatWaitsForTheDiskIsBounded(t *testing.T) {
	j := open(t, t.TempDir())
	busy, goOn := make(chan struct{}), make(chan struct{})
	go func() {
		_ = j.commit(func(*bolt.Tx) error {
			close(busy)
			<-goOn
			return nil
		})
	}()
	<-busy
	for i := range 2 * mostWaiting {
		j.KeepSample("worker", sample("queue", time.Duration(i)*time.Minute, 1))
	}
	if got, err := j.Samples("worker", noon); err != nil || len(got) != mostWaiting {
		t.Errorf("%d values wait, %v", len(got), err)
	}
	close(goOn)
}

func TestNoMoreThanSoManyMetricsAreKept(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	for i := range mostMetrics + 10 {
		j.KeepSample("worker", sample(fmt.Sprint("m", i), 0, 1))
	}
	j.KeepSample("worker", sample(strings.Repeat("x", 2*longestName), 0, 1))
	j = reopen(t, j, dir)
	if got := onDisk(t, j); got != mostMetrics {
		t.Errorf("%d metrics are kept", got)
	}
	j.KeepSample("worker", sample("another", time.Hour, 1))
	if got := onDisk(t, reopen(t, j, dir)); got != mostMetrics+1 {
		t.Errorf("%d records with one of the next hour", got)
	}
}

// Values are only shown. What is wrong with them costs nothing else.
func TestAValueThatCannotBeReadIsPassedOver(t *testing.T) {
	for name, damage := range map[string]func(record []byte) []byte{
		"a wrong checksum": func(r []byte) []byte { r[len(r)-1]++; return r },
		"another format":   func(r []byte) []byte { r[0]++; return r },
		"half a value":     func([]byte) []byte { return seal([]byte("half")) },
		"no such minute":   func([]byte) []byte { return seal(append([]byte{60}, make([]byte, 8)...)) },
		"nothing":          func([]byte) []byte { return []byte{} },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, dir)
			add(t, j, accepted(1, "a"))
			j.KeepSample("worker", sample("queue", 0, 1))
			j.KeepSample("worker", sample("busy", 0, 2))
			j = reopen(t, j, dir)
			key := recordKey(sampleKey{"worker", "queue", noon.Unix() / minute})
			err := j.commit(func(tx *bolt.Tx) error {
				bucket := tx.Bucket([]byte(bucketSamples))
				return errors.Join(bucket.Put(key, damage(bytes.Clone(bucket.Get(key)))), bucket.Put([]byte("odd"), []byte("key")))
			})
			if err != nil {
				t.Fatal(err)
			}
			j = reopen(t, j, dir)
			if got := values(t, j, noon); j.Damage() != nil || openIDs(t, j) != "1" || got != "12:00 busy 2" {
				t.Errorf("damage %v, open %s, values %s", j.Damage(), openIDs(t, j), got)
			}
			j.KeepSample("worker", sample("queue", time.Minute, 3))
			if got := values(t, reopen(t, j, dir), noon); got != "12:00 busy 2, 12:01 queue 3" {
				t.Errorf("afterwards: %s", got)
			}
		})
	}
}

// A broken page of the values is damage of the file, and costs no operation.
func TestABrokenPageOfValuesCostsNoOperation(t *testing.T) {
	for name, fill := range map[string]byte{"zeros": 0, "noise": 0xfe} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, dir)
			add(t, j, accepted(1, "a"))
			for i := range 100 {
				for hour := range 5 {
					j.KeepSample("worker", sample(fmt.Sprint("metric-to-be-broken-", i), time.Duration(hour)*time.Hour, 1))
				}
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, fileName)
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			page := bytes.LastIndex(file, []byte("metric-to-be-broken-50")) / os.Getpagesize() * os.Getpagesize()
			for i := range os.Getpagesize() {
				file[page+i] = fill
			}
			if err := os.WriteFile(path, file, 0o600); err != nil {
				t.Fatal(err)
			}
			j = open(t, dir)
			if got := openIDs(t, j); got != "1" || j.Damage() == nil || j.Damage().Saved != 1 {
				t.Errorf("open %s; %v", got, j.Damage())
			}
			j.KeepSample("worker", sample("queue", 0, 1))
			if got := values(t, reopen(t, j, dir), noon); !strings.Contains(got, "12:00 queue 1") {
				t.Errorf("afterwards: %s", got)
			}
		})
	}
}

// A file that is moved aside for another reason gives its values to the new one.
func TestValuesAreTakenOverFromADamagedFile(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	add(t, j, accepted(1, "a"), accepted(2, "b"))
	j.KeepSample("worker", sample("queue", 0, 1))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, fileName)
	file, _ := os.ReadFile(path)
	file[bytes.LastIndex(file, []byte(`"id":"00000001"`))+7]++
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	j = open(t, dir)
	if got := values(t, j, noon); j.Damage() == nil || got != "12:00 queue 1" {
		t.Errorf("damage %v, values %q", j.Damage(), got)
	}
}

// A newer program may have buckets that this one does not know.
func TestAnUnknownBucketIsNoDamage(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	add(t, j, accepted(1, "a"))
	err := j.commit(func(tx *bolt.Tx) error {
		bucket, err := tx.CreateBucket([]byte("of-a-newer-program"))
		if err != nil {
			return err
		}
		return bucket.Put([]byte("key"), []byte("value"))
	})
	if err != nil {
		t.Fatal(err)
	}
	if j = reopen(t, j, dir); j.Damage() != nil || openIDs(t, j) != "1" {
		t.Errorf("damage %v", j.Damage())
	}
}
