package queue

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

const (
	readTime   = 500 * time.Millisecond
	updateTime = 10 * time.Second
)

// world is a stack that does what it is asked, in its time: its reads and updates take time on the clock of the test's
// bubble. It outlives the queues that work on it.
type world struct {
	t  *testing.T
	mu sync.Mutex
	// dir is the lock of the directory.
	dir   *sync.Mutex
	rules scale.Rules
	// values are the configured counts, and updates the history, newest first.
	values  map[string]int
	updates []scale.Update
	// running says that an update holds the stack.
	running      bool
	reads, begun int
	// reading counts the readings under way, and mostReadings is the most that there were at once.
	reading, mostReadings int
	targets               [][]string
	broken                map[string]bool
	readErr               error
	malformed             error
	program               scale.Program
	// cutOff is how many updates die at work from here on. They leave their pools unsettled, or succeed if lucky is
	// set.
	cutOff        int
	lucky         bool
	unsettled     []string
	foreignUpdate bool
	// holders are who hold the lock of a foreign update.
	holders []scale.LockHolder
	// tells makes the backend show whether anything was written. The stack is then known at once if no update runs, and
	// is slow to read if one does.
	tells bool
	slow  time.Duration
	// short is how many updates a reading finds; zero stands for all. histories counts how often older ones were read,
	// and mostHistories is how many of these readings there were at once.
	short, histories, readingHistory, mostHistories int
	// prepared is the change for which an engine waits. preparations is how often an engine was started so, and
	// headStarts is how many updates used it.
	prepared *scale.Change
	// left is how the last update has left the stack, as it knows itself; nil after one that has failed.
	left                     *scale.Snapshot
	preparations, headStarts int
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, rules: scaletest.TwoPools(), values: map[string]int{"worker": 3, "api": 2}, broken: map[string]bool{}, dir: &sync.Mutex{}}
	w.record(scale.Update{End: time.Now().Add(-time.Hour)})
	return w
}

// rule edits the rule of a pool.
func (w *world) rule(pool string, edit scaletest.RuleEdit) {
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
func (w *world) record(u scale.Update) {
	u.Kind, u.Succeeded = scale.UpdateUpdate, true
	u.Values = map[string]*string{}
	for pool, n := range w.values {
		text := strconv.Itoa(n)
		u.Values[pool] = &text
	}
	w.updates = append([]scale.Update{u}, w.updates...)
}

// somebody scales a pool with a program of their own.
func (w *world) somebody(pool string, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.values[pool] = n
	w.record(scale.Update{End: time.Now()})
}

func (w *world) Name() string                { return "dev" }
func (w *world) ConfigFile() string          { return "Pulumi.dev.yaml" }
func (w *world) Write([]scale.Setting) error { return nil }

func (w *world) Conclude(string, []scale.MoveResult) {}

func (w *world) Lock(ctx context.Context, _ scale.Observe) (func(), error) {
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

// process is a stack as one process sees it. A dead process begins nothing any more; an engine that it has begun goes
// on.
type process struct {
	*world
	dead bool
}

func (p *process) Update(ctx context.Context, c scale.Change, observe scale.Observe) (*scale.Result, error) {
	p.mu.Lock()
	dead := p.dead
	p.mu.Unlock()
	if dead {
		return nil, errors.New("the process is dead")
	}
	return p.world.Update(ctx, c, observe)
}

// kill is a crash. It returns what the next process finds in the journal.
func (r *rig) kill() *memory {
	r.world.set(func() {
		r.world.dir = &sync.Mutex{}
		r.process.dead = true
	})
	return r.journal.die()
}

func (w *world) Read(ctx context.Context) (*scale.Snapshot, error) {
	w.set(func() {
		w.reading++
		w.mostReadings = max(w.mostReadings, w.reading)
	})
	defer w.set(func() { w.reading-- })
	if snap, certain := w.Expected(); certain {
		return snap, nil
	}
	w.mu.Lock()
	takes := cmp.Or(w.slow, readTime)
	w.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads++
	if w.readErr != nil {
		return nil, w.readErr
	}
	return w.snapshot(), nil
}

// snapshot is what a reading finds. w.mu must be held.
func (w *world) snapshot() *scale.Snapshot {
	s := &scale.Snapshot{
		Rules: w.rules, RulesErr: w.malformed, Resources: []string{scaletest.WorkerURN, scaletest.APIURN}, Updates: slices.Clone(w.updates), Complete: true,
		File: map[string]*string{}, Head: strconv.Itoa(len(w.updates)), Unsettled: slices.Clone(w.unsettled),
		Program: w.program,
	}
	if w.short > 0 {
		s.Updates, s.Complete = s.Updates[:w.short], false
	}
	current := map[string]int{}
	for name, rule := range w.rules {
		s.File[name] = s.Configured(name)
		if rule.Current != nil {
			current[name] = w.values[name]
		}
	}
	s.Output = scaletest.OutputOf(w.rules, current)
	return s
}

func (w *world) History(context.Context, scale.Rules, int) ([]scale.Update, bool, error) {
	w.set(func() {
		w.histories++
		w.readingHistory++
		w.mostHistories = max(w.mostHistories, w.readingHistory)
	})
	time.Sleep(readTime)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.readingHistory--
	if w.readErr != nil {
		return nil, false, w.readErr
	}
	return slices.Clone(w.updates), true, nil
}

func (w *world) Preview(_ context.Context, c scale.Change, _ scale.Observe) (*scale.Result, error) {
	return scaletest.Done(w.rules, c), nil
}

func (w *world) Update(ctx context.Context, c scale.Change, _ scale.Observe) (*scale.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	if w.running || w.foreignUpdate {
		w.mu.Unlock()
		return nil, &scale.LockedError{Stack: "dev", Holders: w.holders}
	}
	w.running, w.left = true, nil
	w.begun++
	if w.prepared != nil && reflect.DeepEqual(*w.prepared, c) {
		w.headStarts++
	}
	w.prepared = nil
	w.targets = append(w.targets, c.Targets)
	w.mu.Unlock()
	start := time.Now()
	time.Sleep(updateTime)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = false
	if w.cutOff > 0 && !w.lucky {
		w.cutOff--
		w.unsettled = slices.Compact(slices.Sorted(slices.Values(append(w.unsettled, c.Pools...))))
		return nil, died()
	}
	w.unsettled = slices.DeleteFunc(w.unsettled, func(pool string) bool { return slices.Contains(c.Pools, pool) })
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
				w.record(scale.Update{ID: c.ID, Pools: c.Pools, Start: start, End: time.Now()})
				w.updates[0].Succeeded = false
				return nil, &scale.EngineError{Operation: "update", Diagnostics: []scale.Diagnostic{{Severity: "error", Message: name + " is broken"}}}
			}
			w.values[name] = n
		}
	}
	w.record(scale.Update{ID: c.ID, Pools: c.Pools, Start: start, End: time.Now()})
	if w.cutOff > 0 {
		w.cutOff--
		return nil, died(scaletest.Done(w.rules, c).Steps...)
	}
	result := scaletest.Done(w.rules, c)
	result.Head = strconv.Itoa(len(w.updates))
	if len(w.unsettled) == 0 && w.malformed == nil {
		w.left = w.snapshot()
	}
	return result, nil
}

// Prepare notes the change; Update then finds out whether it is the one that was foreseen.
func (w *world) Prepare(c scale.Change) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.prepared, w.preparations = &c, w.preparations+1
	return func() { w.set(func() { w.prepared = nil }) }
}

func died(done ...scale.ResourceStep) error {
	return &scale.EngineError{Operation: "update", Diagnostics: []scale.Diagnostic{{Severity: "error", Message: "signal: killed"}}, Done: done}
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

func (w *world) updatesBegun() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.begun
}

func (w *world) Expected() (*scale.Snapshot, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.running:
		return nil, false
	case w.tells:
		return w.snapshot(), true
	}
	return w.left, false
}

func (w *world) ReadSince(ctx context.Context, _ *scale.Snapshot) (*scale.Snapshot, error) {
	return w.Read(ctx)
}

// Proof is that nothing is pending.
func (w *world) Proof(snap *scale.Snapshot) (*scale.Proof, error) {
	return scaletest.NothingPending(snap), nil
}

func (w *world) KeepProof(*scale.Snapshot, *scale.Proof, bool) bool { return true }
