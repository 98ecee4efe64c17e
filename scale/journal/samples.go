package journal

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// bucketSamples holds the values that metrics had, for pictures: one for each metric and minute, the last one. Files of
// older versions have no such bucket, and older programs ignore it.
//
// A record has the values of one metric in one hour, so that the values of a week are read in few steps. Its key begins
// with the hour: what is written together lies together, and so does what is forgotten. Nothing is decided by these
// values. A record that cannot be read is ignored, and does not make the file count as damaged.
const bucketSamples = "samples"

const (
	keepSamplesFor = queue.KeepSamples
	// mostMetrics is how many metrics can have values in one hour. Values of further metrics are not kept.
	mostMetrics = 256
	// mostWaiting is how many values may wait to be written. They wait while the disk takes none.
	mostWaiting = 16 * mostMetrics
	// longestName is how many bytes the names of a pool and a metric may have together.
	longestName = 1024

	minute      = int64(time.Minute / time.Second)
	hour        = int64(time.Hour / time.Second)
	hourSize    = 8 // bytes of a key
	minutesHour = hour / minute
	pointSize   = 1 + 8 // the minute and the value
)

// sampleKey names one value: the minute is counted from the beginning of Unix time.
type sampleKey struct {
	pool, metric string
	minute       int64
}

// waitingSamples are values that are not on disk yet. The journal's mu guards them.
type waitingSamples struct {
	values map[sampleKey]scale.Sample
	// writing are the values that are being written.
	writing map[sampleKey]scale.Sample
	// minute is the minute of the last value for which the writer was told to write.
	minute int64
}

// KeepSample keeps what a look at a metric of a pool found. It does not wait: the values are written when a value of a
// later minute comes, and when the journal is closed.
func (j *Journal) KeepSample(pool string, s scale.Sample) {
	key := sampleKey{pool, s.Metric, s.At.Unix() / minute}
	if s.Problem != "" || math.IsNaN(s.Value) || math.IsInf(s.Value, 0) || key.minute < 0 || len(pool)+len(s.Metric) > longestName {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	old, known := j.waiting.values[key]
	if known && old.At.After(s.At) || !known && len(j.waiting.values) >= mostWaiting {
		return
	}
	if j.waiting.values == nil {
		j.waiting.values = map[sampleKey]scale.Sample{}
	}
	j.waiting.values[key] = s
	// Looks that overlap may bring a value of the previous minute. If a value is older than that, the clock was set
	// back.
	if last := j.waiting.minute; key.minute > last || key.minute < last-1 {
		j.waiting.minute = key.minute
		select {
		case j.samplesDue <- struct{}{}:
		default: // the writer has been told
		}
	}
}

// writeSamples brings the waiting values to disk, in a transaction of their own: nobody's operation fails because of
// them. Values that cannot be written wait for the next time. The writer alone calls it.
func (j *Journal) writeSamples() {
	j.mu.Lock()
	values := j.waiting.values
	j.waiting.values, j.waiting.writing = nil, values
	j.mu.Unlock()
	if len(values) == 0 {
		return
	}
	err := j.db.Update(func(tx *bolt.Tx) error { return putSamples(tx, values) })
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waiting.writing = nil
	if err != nil {
		values = maps.Clone(values)
		maps.Copy(values, j.waiting.values)
		j.waiting.values = values
	}
}

func putSamples(tx *bolt.Tx, values map[sampleKey]scale.Sample) error {
	bucket, err := tx.CreateBucketIfNotExists([]byte(bucketSamples))
	if err != nil {
		return err
	}
	records := map[string][]point{}
	for key, s := range values {
		at := string(recordKey(key))
		records[at] = append(records[at], point{byte(key.minute % minutesHour), s.Value})
	}
	for at, points := range records {
		record := bucket.Get([]byte(at))
		if record == nil && countMetrics(bucket, []byte(at)[:hourSize]) >= mostMetrics {
			continue
		}
		kept, _ := decodePoints(record) // what cannot be read is replaced
		if err := bucket.Put([]byte(at), encodePoints(append(kept, points...))); err != nil {
			return err
		}
	}
	return nil
}

// recordKey returns the key of the record that has a value.
func recordKey(k sampleKey) []byte {
	return append(hourKey(k.minute/minutesHour), k.pool+"\x00"+k.metric...)
}

func hourKey(hours int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(max(hours, 0))) }

// hourOf returns the hour with which a key begins; ok is false if the key has none.
func hourOf(key []byte) (hours int64, ok bool) {
	if len(key) < hourSize {
		return 0, false
	}
	n := binary.BigEndian.Uint64(key)
	return int64(min(n, math.MaxInt64/uint64(hour))), true //nolint:gosec // it is bounded
}

// countMetrics returns how many metrics have values in an hour.
func countMetrics(bucket *bolt.Bucket, prefix []byte) (n int) {
	cursor := bucket.Cursor()
	for key, _ := cursor.Seek(prefix); bytes.HasPrefix(key, prefix); key, _ = cursor.Next() {
		n++
	}
	return n
}

// point is the value that a metric had in a minute of an hour.
type point struct {
	minute byte
	value  float64
}

// encodePoints returns the record of points. If several are of the same minute, the last one counts.
func encodePoints(points []point) []byte {
	slices.SortStableFunc(points, func(a, b point) int { return cmp.Compare(a.minute, b.minute) })
	var text []byte
	for i, p := range points {
		if i+1 < len(points) && points[i+1].minute == p.minute {
			continue
		}
		text = binary.BigEndian.AppendUint64(append(text, p.minute), math.Float64bits(p.value))
	}
	return seal(text)
}

// decodePoints reads a record; nil, for a record that is not there, has no points.
func decodePoints(record []byte) ([]point, error) {
	if record == nil {
		return nil, nil
	}
	text, err := unseal(record)
	if err != nil {
		return nil, err
	}
	if len(text)%pointSize != 0 {
		return nil, errors.New("it ends within a value")
	}
	var out []point
	for part := range slices.Chunk(text, pointSize) {
		p := point{part[0], math.Float64frombits(binary.BigEndian.Uint64(part[1:]))}
		if int64(p.minute) >= minutesHour || math.IsNaN(p.value) || math.IsInf(p.value, 0) {
			return nil, errors.New("it has a minute or a value that there is not")
		}
		out = append(out, p)
	}
	return out, nil
}

// Samples returns the values that the metrics of a pool had since a moment, oldest first; their times are whole
// minutes.
func (j *Journal) Samples(pool string, since time.Time) ([]scale.Sample, error) {
	found := map[sampleKey]float64{}
	j.mu.Lock() // before the file is read, because values may get into it in between
	for _, values := range []map[sampleKey]scale.Sample{j.waiting.writing, j.waiting.values} {
		for key, s := range values {
			if key.pool == pool {
				found[key] = s.Value
			}
		}
	}
	j.mu.Unlock()
	err := j.view(func(tx *bolt.Tx) error {
		if bucket := tx.Bucket([]byte(bucketSamples)); bucket != nil {
			readSamples(bucket.Cursor(), pool, since.Unix()/hour, found)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]scale.Sample, 0, len(found))
	for key, value := range found {
		if at := time.Unix(key.minute*minute, 0).UTC(); !at.Before(since.Truncate(time.Minute)) {
			out = append(out, scale.Sample{Metric: key.metric, Value: value, At: at})
		}
	}
	slices.SortFunc(out, func(a, b scale.Sample) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Metric, b.Metric)) })
	return out, nil
}

// readSamples adds to found the values that a pool had from an hour on. If found has a value already, that value is
// later and stays.
func readSamples(cursor *bolt.Cursor, pool string, hours int64, found map[sampleKey]float64) {
	for {
		prefix := append(hourKey(hours), pool+"\x00"...)
		key, record := cursor.Seek(prefix)
		for ; bytes.HasPrefix(key, prefix); key, record = cursor.Next() {
			points, _ := decodePoints(record) // what cannot be read is not shown
			for _, p := range points {
				at := sampleKey{pool, string(key[len(prefix):]), hours*minutesHour + int64(p.minute)}
				if _, later := found[at]; !later {
					found[at] = p.value
				}
			}
		}
		next, ok := hourOf(key)
		if !ok {
			return
		}
		hours = max(hours+1, next)
	}
}

// allSamples returns the records of values that can be read.
func allSamples(tx *bolt.Tx) []rawRecord {
	return allRaw(tx, bucketSamples, func(record []byte) error {
		_, err := decodePoints(record)
		return err
	})
}

// outdatedSamples returns the keys of values that are older than keepSamplesFor, or whose time is more than a day
// ahead.
func outdatedSamples(tx *bolt.Tx, now time.Time) (old [][]byte) {
	bucket := tx.Bucket([]byte(bucketSamples))
	if bucket == nil {
		return nil
	}
	first, last := now.Add(-keepSamplesFor).Unix()/hour, now.Add(24*time.Hour).Unix()/hour
	cursor := bucket.Cursor()
	for key, _ := cursor.First(); key != nil && bytes.Compare(key, hourKey(first)) < 0; key, _ = cursor.Next() {
		old = append(old, bytes.Clone(key))
	}
	for key, _ := cursor.Seek(hourKey(last + 1)); key != nil; key, _ = cursor.Next() {
		old = append(old, bytes.Clone(key))
	}
	return old
}

func forgetSamples(tx *bolt.Tx, keys [][]byte) error {
	for _, key := range keys {
		if err := tx.Bucket([]byte(bucketSamples)).Delete(key); err != nil {
			return err
		}
	}
	return nil
}
