package scale

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const (
	readTime   = 500 * time.Millisecond
	updateTime = 10 * time.Second
)

// world is a stack that does what it is asked, in its time: reads and updates take theirs on the clock of the test's bubble. It outlives
// the queues that work on it.
type world struct {
	t  *testing.T
	mu sync.Mutex
	// dir is the lock of the directory.
	dir   *sync.Mutex
	rules Rules
	// values are the configured counts, and updates the history, newest first.
	values  map[string]int
	updates []Update
	// running says that an update holds the stack.
	running       bool
	reads, begun  int
	targets       [][]string
	broken        map[string]bool
	readErr       error
	malformed     error
	foreignUpdate bool
}

func newWorld(t *testing.T, edits ...func(*world)) *world {
	w := &world{t: t, rules: twoPools(), values: map[string]int{"worker": 3, "api": 2}, broken: map[string]bool{}, dir: &sync.Mutex{}}
	w.record(Update{End: time.Now().Add(-time.Hour)})
	for _, edit := range edits {
		edit(w)
	}
	return w
}

// rule edits the rule of a pool.
func (w *world) rule(pool string, edit ruleEdit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rule := w.rules[pool]
	edit(&rule)
	w.rules = maps.Clone(w.rules)
	w.rules[pool] = rule
}

// set changes the world between two moments.
func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// record adds a successful update with the present values.
func (w *world) record(u Update) {
	u.Kind, u.Succeeded = kindUpdate, true
	u.Values = map[string]*string{}
	for pool, n := range w.values {
		text := strconv.Itoa(n)
		u.Values[pool] = &text
	}
	w.updates = append([]Update{u}, w.updates...)
}

// somebody scales a pool with a program of their own.
func (w *world) somebody(pool string, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.values[pool] = n
	w.record(Update{End: time.Now()})
}

func (w *world) Name() string          { return "dev" }
func (w *world) ConfigFile() string    { return "Pulumi.dev.yaml" }
func (w *world) Write([]Setting) error { return nil }

func (w *world) Lock(ctx context.Context, _ Observe) (func(), error) {
	for {
		if unlock, ok, err := w.TryLock(); ok || err != nil {
			return unlock, err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (w *world) TryLock() (func(), bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dir.Unlock, w.dir.TryLock(), nil
}

// died takes the lock from a process that is no more.
func (w *world) died() {
	w.set(func() { w.dir = &sync.Mutex{} })
}

func (w *world) Read(ctx context.Context) (*Snapshot, error) {
	select {
	case <-time.After(readTime):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads++
	if w.readErr != nil {
		return nil, w.readErr
	}
	s := &Snapshot{
		Rules: w.rules, RulesErr: w.malformed, Resources: []string{workerURN, apiURN}, Updates: slices.Clone(w.updates), Complete: true,
		File: map[string]*string{}, Head: strconv.Itoa(len(w.updates)),
	}
	for name := range w.rules {
		s.File[name] = s.Configured(name)
	}
	return s, nil
}

func (w *world) History(context.Context, Rules) ([]Update, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.updates), nil
}

func (w *world) Preview(_ context.Context, c Change, _ Observe) (*Result, error) {
	return done(w.rules, c), nil
}

func (w *world) Update(ctx context.Context, c Change, _ Observe) (*Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	if w.running || w.foreignUpdate {
		w.mu.Unlock()
		return nil, &LockedError{Stack: "dev"}
	}
	w.running = true
	w.begun++
	w.targets = append(w.targets, c.Targets)
	w.mu.Unlock()
	start := time.Now()
	time.Sleep(updateTime)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = false
	before := maps.Clone(w.values)
	for name, rule := range w.rules {
		for _, s := range c.Settings {
			if s.Key != rule.ConfigKey || s.Value == nil {
				continue
			}
			n, err := strconv.Atoi(*s.Value)
			if err != nil {
				w.t.Error(err)
			}
			if w.broken[name] && n != w.values[name] {
				w.values = before
				w.record(Update{ID: c.ID, Start: start, End: time.Now()})
				w.updates[0].Succeeded = false
				return nil, &EngineError{Operation: "update", Diagnostics: []Diagnostic{{Severity: "error", Message: name + " is broken"}}}
			}
			w.values[name] = n
		}
	}
	w.record(Update{ID: c.ID, Start: start, End: time.Now()})
	return done(w.rules, c), nil
}

// readings is how often the stack was read.
func (w *world) readings() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reads
}

// counts are the configured counts of the worker pool and the api pool.
func (w *world) counts() [2]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return [2]int{w.values["worker"], w.values["api"]}
}

// memory is a journal that keeps operations in their stored form.
type memory struct {
	mu      sync.Mutex
	records map[string][]byte
	keys    map[string]string
	err     error
	// delay is how long it takes to bring something to disk.
	delay time.Duration
}

func newMemory() *memory { return &memory{records: map[string][]byte{}, keys: map[string]string{}} }

// copied is what a process would find that starts now.
func (m *memory) copied() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memory{records: maps.Clone(m.records), keys: maps.Clone(m.keys)}
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
		if id, ok := m.keys[key]; ok && op.Intent.Key != "" {
			out[i] = m.read(id)
			continue
		}
		m.keys[key] = op.ID
		m.records[op.ID], _ = json.Marshal(op)
	}
	return out, nil
}

func (m *memory) Update(ops []Operation) error {
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
	if m.records[id] == nil {
		return Operation{}, &UnknownOperationError{ID: id}
	}
	return m.read(id), nil
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

func (m *memory) Recent(pool string, limit int) ([]Operation, error) {
	out := slices.DeleteFunc(m.all(), func(op Operation) bool { return op.State != Done || pool != "" && op.Intent.Pool != pool })
	slices.Reverse(out)
	return out[:min(limit, len(out))], nil
}

func (m *memory) Prune(time.Time) error { return nil }
func (m *memory) Close() error          { return nil }

// rig is a queue at work in the world.
type rig struct {
	*Queue
	t       *testing.T
	world   *world
	journal *memory
	stop    context.CancelFunc
	stopped chan struct{}

	mu     sync.Mutex
	events []Event
}

// inBubble runs a test on a clock of its own.
func inBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// start starts a queue on a journal, as a process that has just been started.
func start(t *testing.T, w *world, journal *memory, edits ...func(*QueueOptions)) *rig {
	t.Helper()
	r := &rig{t: t, world: w, journal: journal, stopped: make(chan struct{})}
	options := QueueOptions{
		Scaler:  &Scaler{Stack: w, Observe: Unobserved, OnDrift: Restore, Retries: 2, RetryDelay: time.Second, Now: time.Now},
		Journal: journal,
		Observe: func(e Event) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.events = append(r.events, e)
		},
	}
	for _, edit := range edits {
		edit(&options)
	}
	var err error
	if r.Queue, err = NewQueue(options); err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, r.stop = context.WithCancel(t.Context())
	go func() {
		r.Run(ctx)
		close(r.stopped)
	}()
	t.Cleanup(func() {
		r.stop()
		<-r.stopped
	})
	return r
}

// begin starts a queue with an empty journal, and lets it read the stack.
func begin(t *testing.T, w *world, edits ...func(*QueueOptions)) *rig {
	t.Helper()
	r := start(t, w, newMemory(), edits...)
	time.Sleep(2 * readTime)
	return r
}

// submit submits intents that must be answered.
func (r *rig) submit(intents ...Intent) []Submission {
	r.t.Helper()
	subs, err := r.Submit(context.Background(), intents)
	if err != nil {
		r.t.Fatal(err)
	}
	return subs
}

// accepted submits an intent that must be accepted, and returns the operation's id.
func (r *rig) accepted(intent Intent) string {
	r.t.Helper()
	sub := r.submit(intent)[0]
	if !sub.Accepted {
		r.t.Fatalf("%s was not accepted: %s, %s", intent.Ask(), sub.Decision.Outcome, sub.Decision.Reason)
	}
	return sub.Operation.ID
}

// result waits for an operation's end.
func (r *rig) result(id string) Operation {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 24*time.Hour)
	defer cancel()
	op, err := r.Wait(ctx, id)
	if err != nil {
		r.t.Fatalf("operation %s is %s: %v", id, op.State, err)
	}
	return op
}

// wants checks the ends of operations.
func (r *rig) wants(want Final, ids ...string) {
	r.t.Helper()
	for _, id := range ids {
		if op := r.result(id); op.Result != want {
			r.t.Errorf("operation %s ended as %q and not as %q: %s %s", op.Intent.Ask(), op.Result, want, op.Decision.Reason, op.Error)
		}
	}
}

// wantCounts checks the counts of the worker pool and the api pool, and how many updates there were.
func (r *rig) wantCounts(worker, api, updates int) {
	r.t.Helper()
	if got := r.world.counts(); got != [2]int{worker, api} {
		r.t.Errorf("the pools are %v and not [%d %d]", got, worker, api)
	}
	if updates != r.world.updatesBegun() {
		r.t.Errorf("there were %d updates and not %d", r.world.updatesBegun(), updates)
	}
}

func apiDelta(n int) Intent           { return Intent{Pool: "api", Delta: new(n)} }
func byCountOf(n int) Intent          { return Intent{Pool: "worker", Count: new(n)} }
func keyed(i Intent, k string) Intent { i.Key = k; return i }

// alarm is a signal of an alert that asks for a count.
func alarm(name string, count int) Intent { return signal(Signal{Alert: name, Count: new(count)}) }

func clearedAlarm(name string) Intent { return signal(Signal{Alert: name, Cleared: true}) }

func deferring(r *Rule) { r.OnCooldown = Defer }

func (w *world) updatesBegun() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.begun
}
