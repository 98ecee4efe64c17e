package queue

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// memory is a journal that keeps operations in their stored form.
type memory struct {
	// prunings is how often it was pruned.
	prunings int
	// probes is how often it was probed.
	probes int
	// probeErr is what is wrong with a probe alone.
	probeErr error

	mu      sync.Mutex
	records map[string][]byte
	keys    map[string]string
	heard   map[string]scale.Heard
	samples map[string][]scale.Sample
	// err is what is wrong with writing, and readErr with finding an operation.
	err, readErr error
	// delay is how long it takes to bring something new to disk, and updateDelay how long it takes for anything else.
	delay, updateDelay time.Duration
}

func newMemory() *memory {
	return &memory{records: map[string][]byte{}, keys: map[string]string{}, heard: map[string]scale.Heard{}, samples: map[string][]scale.Sample{}}
}

// copied is what a process that starts now would find.
func (m *memory) copied() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memory{records: maps.Clone(m.records), keys: maps.Clone(m.keys), heard: maps.Clone(m.heard), samples: maps.Clone(m.samples)}
}

// die is copied at the moment of a crash: nothing reaches the disk after that.
func (m *memory) die() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = errors.New("the process is dead")
	return &memory{records: maps.Clone(m.records), keys: maps.Clone(m.keys), heard: maps.Clone(m.heard), samples: maps.Clone(m.samples)}
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

func (m *memory) Add(ops []Operation) ([]Operation, error) {
	time.Sleep(m.delay)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, m.err
	}
	out := slices.Clone(ops)
	for i, op := range ops {
		key := op.Intent.Pool + " " + op.Intent.Key
		if id, ok := m.keys[key]; ok && op.Intent.Key != "" && id != op.Previous {
			out[i] = m.read(id)
			continue
		}
		m.keys[key] = op.ID
		m.records[op.ID], _ = json.Marshal(op)
		if h, ok := scale.HeardOf(op.Intent, op.AcceptedAt); ok {
			m.hear(h)
		}
	}
	return out, nil
}

func (m *memory) Update(ops []Operation) error {
	m.mu.Lock()
	delay := m.updateDelay
	m.mu.Unlock()
	time.Sleep(delay)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	for _, op := range ops {
		m.records[op.ID], _ = json.Marshal(op)
	}
	return nil
}

func (m *memory) read(id string) (op Operation) {
	if err := json.Unmarshal(m.records[id], &op); err != nil {
		panic(err)
	}
	return op
}

func (m *memory) all() []Operation {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Operation
	for _, id := range slices.Sorted(maps.Keys(m.records)) {
		out = append(out, m.read(id))
	}
	return out
}

func (m *memory) Open() ([]Operation, error) {
	return slices.DeleteFunc(m.all(), func(op Operation) bool { return op.State == Done }), nil
}

func (m *memory) Get(id string) (Operation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.readErr != nil:
		return Operation{}, m.readErr
	case m.records[id] == nil:
		return Operation{}, &UnknownOperationError{ID: id}
	}
	return m.read(id), nil
}

func (m *memory) failReads(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.readErr = err
}

func (m *memory) Find(pool, key string) (Operation, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id, ok := m.keys[pool+" "+key]
	if !ok {
		return Operation{}, false, m.err
	}
	return m.read(id), true, m.err
}

func (m *memory) hear(h scale.Heard) {
	at := h.Pool + " " + h.Alert
	m.heard[at], _ = h.After(m.heard[at])
}

func (m *memory) Remember(heard []scale.Heard) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	for _, h := range heard {
		m.hear(h)
	}
	return nil
}

func (m *memory) KeepSample(pool string, s scale.Sample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.samples[pool] = append(m.samples[pool], s)
}

func (m *memory) Samples(pool string, since time.Time) ([]scale.Sample, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.samples[pool]), func(s scale.Sample) bool { return s.At.Before(since) }), m.err
}

// Probe fails if a write would fail.
func (m *memory) Probe() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.probes++
	return cmp.Or(m.err, m.probeErr)
}

func (m *memory) set(change func(*memory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

func (m *memory) Recall(pool, alert string) (scale.Heard, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h, ok := m.heard[pool+" "+alert]
	return h, ok, nil // what is written already can still be read
}

func (m *memory) Recent(pool string, limit int) ([]Operation, error) {
	out := slices.DeleteFunc(m.all(), func(op Operation) bool { return op.State != Done || pool != "" && op.Intent.Pool != pool })
	slices.Reverse(out)
	return out[:min(limit, len(out))], nil
}

func (m *memory) Prune(time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.prunings++
	return nil
}
func (m *memory) Close() error { return nil }
