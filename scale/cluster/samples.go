package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

const (
	keepSamplesFor = queue.KeepSamples
	// samplesEvery is how many minutes of values are written together: a message for each stack and minute would cost
	// the disks more than all operations. Until then they are in memory.
	samplesEvery = 5
	// mostSamples is how many values of a stack may wait, and longestName how many bytes the names of a pool and a
	// metric may have together.
	mostSamples = 4096
	longestName = 1024

	minute = int64(time.Minute / time.Second)
	hour   = int64(time.Hour / time.Second)
)

// sampleKey names one value: the minute is counted from the beginning of Unix time.
type sampleKey struct {
	pool, metric string
	minute       int64
}

// samples are the values of a stack's metrics that wait to be written.
type samples struct {
	journal *Journal

	mu sync.Mutex
	// values are the values that wait, and writing are the values that are being written.
	values, writing map[sampleKey]scale.Sample
	// slot is the time of the last value kept, in units of samplesEvery minutes. When it changes, the waiting values
	// are written.
	slot int64
	// prunedAt is when old values were last looked for.
	prunedAt time.Time
	closed   bool
	// writes lets one goroutine at a time write.
	writes     sync.Mutex
	background sync.WaitGroup
}

// storedSample is the form of a value in a message. A message has all values of a stack in one hour. Fields are added,
// never renamed.
type storedSample struct {
	Pool   string  `json:"pool"`
	Metric string  `json:"metric"`
	Minute int64   `json:"minute"`
	Value  float64 `json:"value"`
}

// KeepSample keeps what a look at a metric of a pool found. It does not wait: the values of samplesEvery minutes are
// written together, when a value of a later time comes or the journal is closed.
func (j *Journal) KeepSample(pool string, s scale.Sample) {
	w := j.samples
	key := sampleKey{pool, s.Metric, s.At.Unix() / minute}
	if s.Problem != "" || math.IsNaN(s.Value) || math.IsInf(s.Value, 0) || key.minute < 0 || len(pool)+len(s.Metric) > longestName {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	old, known := w.values[key]
	if w.closed || known && old.At.After(s.At) || !known && len(w.values) >= mostSamples {
		return
	}
	if w.values == nil {
		w.values = map[sampleKey]scale.Sample{}
	}
	w.values[key] = s
	if slot := key.minute / samplesEvery; slot != w.slot {
		first := w.slot == 0
		w.slot = slot
		if !first {
			w.background.Go(w.write)
		}
	}
}

// write brings the waiting values into the log. Values that cannot be written wait for the next time.
func (w *samples) write() {
	w.writes.Lock()
	defer w.writes.Unlock()
	w.mu.Lock()
	values := w.values
	w.values, w.writing = nil, values
	w.mu.Unlock()
	hours := map[int64][]storedSample{}
	for key, s := range values {
		at := key.minute * minute / hour
		hours[at] = append(hours[at], storedSample{Pool: key.pool, Metric: key.metric, Minute: key.minute, Value: s.Value})
	}
	ctx, cancel := context.WithTimeout(w.journal.node.lifetime, writeTimeout)
	defer cancel()
	for at, news := range hours {
		if w.put(ctx, at, news) != nil {
			continue
		}
		w.mu.Lock()
		for _, s := range news {
			delete(values, sampleKey{s.Pool, s.Metric, s.Minute})
		}
		w.mu.Unlock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writing = nil
	for key, s := range values { // what could not be written
		if _, later := w.values[key]; !later {
			if w.values == nil {
				w.values = map[sampleKey]scale.Sample{}
			}
			w.values[key] = s
		}
	}
}

// put adds values to the message of an hour.
func (w *samples) put(ctx context.Context, at int64, news []storedSample) error {
	n := w.journal.node
	for {
		subject := n.names.sample(w.journal.stack, at)
		last, _, err := n.lastOf(ctx, n.names.samples(), subject)
		if isCode(err, codeNoStream) {
			_, err = n.ensureStream(ctx, n.names.samples())
		}
		if err != nil {
			return err
		}
		all := map[sampleKey]storedSample{}
		for _, s := range append(decodeSamples(last.body), news...) {
			all[sampleKey{s.Pool, s.Metric, s.Minute}] = s
		}
		list := make([]storedSample, 0, len(all))
		for _, s := range all {
			list = append(list, s)
		}
		slices.SortFunc(list, func(a, b storedSample) int {
			return cmp.Or(cmp.Compare(a.Minute, b.Minute), cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Metric, b.Metric))
		})
		body, err := json.Marshal(list)
		if err != nil {
			return err
		}
		_, _, err = n.publish(ctx, []message{{subject: subject, body: body, expects: &last.seq}})
		if !errors.Is(err, errLate) || !pause(ctx, retryPause) { // another replica has added some
			return err
		}
	}
}

// decodeSamples reads the values of a message. What cannot be read is not shown.
func decodeSamples(body []byte) (list []storedSample) {
	if len(body) == 0 || json.Unmarshal(body, &list) != nil {
		return nil
	}
	return list
}

// Samples returns the values that the metrics of a pool had since a moment, oldest first; their times are whole
// minutes. From the last few minutes, there are only the values that this replica has seen.
func (j *Journal) Samples(pool string, since time.Time) ([]scale.Sample, error) {
	if err := j.unready(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(j.node.lifetime, writeTimeout)
	defer cancel()
	waiting := j.samples.waiting(pool) // before the log is read, because values may get into it in between
	found := map[sampleKey]float64{}
	hours, err := j.samples.hours(ctx)
	if err == nil {
		hours = slices.DeleteFunc(hours, func(at int64) bool { return at < since.Unix()/hour })
		err = j.samples.read(ctx, pool, hours, found)
	}
	if err != nil {
		return nil, j.node.journalError(err)
	}
	for key, s := range waiting {
		found[key] = s.Value
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

func (w *samples) waiting(pool string) map[sampleKey]scale.Sample {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[sampleKey]scale.Sample{}
	for _, values := range []map[sampleKey]scale.Sample{w.writing, w.values} {
		for key, s := range values {
			if key.pool == pool {
				out[key] = s
			}
		}
	}
	return out
}

// hours returns the hours for which the log has values.
func (w *samples) hours(ctx context.Context) ([]int64, error) {
	n := w.journal.node
	var info *jetstream.StreamInfo
	err := again(ctx, func(ctx context.Context) error {
		stream, err := n.js.Stream(ctx, n.names.samples())
		if err == nil {
			info, err = stream.Info(ctx, jetstream.WithSubjectFilter(n.names.prefix()+".sample."+w.journal.stack+".*"))
		}
		return err
	})
	if isCode(err, codeNoStream) {
		return nil, nil // nothing was ever written
	}
	if err != nil {
		return nil, err
	}
	var out []int64
	for subject := range info.State.Subjects {
		_, rest := n.names.parts(subject)
		if at, err := strconv.ParseInt(rest[len(rest)-1], 10, 64); err == nil {
			out = append(out, at)
		}
	}
	return out, nil
}

func (w *samples) read(ctx context.Context, pool string, hours []int64, found map[sampleKey]float64) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, at := range hours {
		group.Go(func() error {
			n := w.journal.node
			r, _, err := n.lastOf(ctx, n.names.samples(), n.names.sample(w.journal.stack, at))
			mu.Lock()
			defer mu.Unlock()
			for _, s := range decodeSamples(r.body) {
				if s.Pool == pool {
					found[sampleKey{s.Pool, s.Metric, s.Minute}] = s.Value
				}
			}
			return err
		})
	}
	return group.Wait()
}

// prune removes the values of hours that are older than keepSamplesFor or more than a day ahead. It looks once an hour:
// the stream itself forgets what is old.
func (w *samples) prune(ctx context.Context, now time.Time) error {
	w.mu.Lock()
	due := now.Sub(w.prunedAt) >= time.Hour || now.Before(w.prunedAt)
	if due {
		w.prunedAt = now
	}
	w.mu.Unlock()
	if !due {
		return nil
	}
	hours, err := w.hours(ctx)
	if err != nil || len(hours) == 0 {
		return err
	}
	stream, err := w.journal.node.js.Stream(ctx, w.journal.node.names.samples())
	if err != nil {
		return err
	}
	first, last := now.Add(-keepSamplesFor).Unix()/hour, now.Add(24*time.Hour).Unix()/hour
	for _, at := range hours {
		if at < first || at > last {
			if err := stream.Purge(ctx, jetstream.WithPurgeSubject(w.journal.node.names.sample(w.journal.stack, at))); err != nil {
				return err
			}
		}
	}
	return nil
}

// close writes the values that wait. Values that come later are not kept.
func (w *samples) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.background.Wait()
	w.write()
}
