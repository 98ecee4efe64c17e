package webhook

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// fake is a stack whose updates take ten seconds on the test's clock, and always do what they should.
type fake struct {
	t  testing.TB
	mu sync.Mutex
	// readTime and updateTime are how long a reading, and an update or a preview, take.
	readTime, updateTime time.Duration
	// dir is the lock of the directory.
	dir     sync.Mutex
	rules   scale.Rules
	values  map[string]int
	updates []scale.Update
	// readErr, previewErr and rulesErr are what goes wrong. broken has the pools of which every update fails.
	readErr, previewErr, rulesErr error
	broken                        map[string]bool
	// words are what the engine says of a failure; if they are empty, it says that the pool is broken. file holds the
	// texts that the config file has by pool, if they are not the stack's.
	words string
	file  map[string]string
	// program is how the checkout compares with what was deployed. pending is what keeps pools from being scaled.
	program scale.Program
	pending map[string][]scale.PendingChange
	// locks, writes, previews and begun count what was done.
	locks, writes, previews, begun int
	// reads counts readings. running is how many are under way, and most is how many that have been at once.
	reads, running, most int
}

const (
	readTime   = 500 * time.Millisecond
	updateTime = 10 * time.Second
)

// ruleOf is a pool of 1 to 10 with a cooldown of five minutes.
func ruleOf(pool string) scale.Rule {
	one := 1
	return scale.Rule{
		Pool: pool, Targets: []string{"urn:pulumi:dev::demo::cloud:index:Pool::" + pool}, ConfigKey: pool + "Count", Min: 1, Max: 10,
		Cooldown: scale.Cooldown{Up: 5 * time.Minute, Down: 5 * time.Minute}, OnCooldown: scale.Ignore,
		Strategy: scale.Strategy{Type: scale.Step, Up: &one, Down: &one},
	}
}

// newFake is a stack of three workers and two apis, last updated an hour ago.
func newFake(t testing.TB) *fake {
	f := &fake{
		t: t, rules: scale.Rules{"worker": ruleOf("worker"), "api": ruleOf("api")}, values: map[string]int{"worker": 3, "api": 2},
		broken: map[string]bool{}, readTime: readTime, updateTime: updateTime,
	}
	f.record(scale.Update{Succeeded: true, Start: time.Now().Add(-time.Hour), End: time.Now().Add(-time.Hour)})
	return f
}

// set changes the stack between two moments.
func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// updating is how long an update, or a preview, takes at present.
func (f *fake) updating() (takes time.Duration) {
	f.set(func() { takes = f.updateTime })
	return takes
}

// rule edits the rule of a pool.
func (f *fake) rule(pool string, edit func(*scale.Rule)) {
	f.set(func() {
		rule := ruleOf(pool)
		if known, ok := f.rules[pool]; ok {
			rule = known
		}
		edit(&rule)
		f.rules = maps.Clone(f.rules)
		f.rules[pool] = rule
	})
}

// scaled says that a pool was scaled so long ago.
func (f *fake) scaled(pool string, to int, ago time.Duration) {
	f.set(func() {
		f.values[pool] = to
		f.record(scale.Update{Succeeded: true, Start: time.Now().Add(-ago), End: time.Now().Add(-ago)})
	})
}

// record adds an update with the present values. The caller must hold f.mu.
func (f *fake) record(u scale.Update) {
	u.Kind, u.Values = "update", map[string]*string{}
	for pool, n := range f.values {
		text := strconv.Itoa(n)
		u.Values[pool] = &text
	}
	f.updates = append([]scale.Update{u}, f.updates...)
}

// busy notes that something begins, or ends.
func (f *fake) busy(n int) {
	f.set(func() {
		f.running += n
		f.most = max(f.most, f.running)
	})
}

func (f *fake) counted() (reads int) {
	f.set(func() { reads = f.reads })
	return reads
}

func (f *fake) Name() string       { return "dev" }
func (f *fake) ConfigFile() string { return "Pulumi.dev.yaml" }

func (f *fake) Conclude(string, []scale.MoveResult) {}

func (f *fake) Write([]scale.Setting) error {
	f.set(func() { f.writes++ })
	return nil
}

func (f *fake) Lock(context.Context, scale.Observe) (func(), error) {
	f.set(func() { f.locks++ })
	f.dir.Lock()
	return f.dir.Unlock, nil
}

func (f *fake) TryLock() (func(), bool, error) {
	f.set(func() { f.locks++ })
	return f.dir.Unlock, f.dir.TryLock(), nil
}

func (f *fake) Read(ctx context.Context) (*scale.Snapshot, error) {
	f.busy(1)
	defer f.busy(-1)
	var takes time.Duration
	f.set(func() { takes = f.readTime; f.reads++ })
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.readErr != nil {
		return nil, f.readErr
	}
	s := &scale.Snapshot{Program: f.program, Rules: f.rules, RulesErr: f.rulesErr, Updates: slices.Clone(f.updates), Complete: true, File: map[string]*string{}}
	for name, rule := range f.rules {
		s.Resources = append(s.Resources, rule.Targets...)
		s.File[name] = s.Configured(name)
		if text, ok := f.file[name]; ok {
			s.File[name] = &text
		}
	}
	return s, nil
}

func (f *fake) History(context.Context, scale.Rules, int) ([]scale.Update, bool, error) {
	f.busy(1)
	defer f.busy(-1)
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.updates), true, nil
}

// done is the result of a change that did what it should.
func done(c scale.Change) *scale.Result {
	r := &scale.Result{ID: c.ID, Seen: c.Targets}
	for _, urn := range c.Targets {
		r.Steps = append(r.Steps, scale.ResourceStep{
			Op: "update", URN: urn, Type: "cloud:index:Pool", Name: "pool", Diffs: []scale.PropertyDiff{{Path: "size", Old: 3, New: 5}},
		})
	}
	return r
}

func (f *fake) Preview(_ context.Context, c scale.Change, observe scale.Observe) (*scale.Result, error) {
	f.busy(1)
	defer f.busy(-1)
	f.set(func() { f.previews++ })
	observe(scale.EngineStarted{Preview: true, Message: c.Message})
	for _, step := range done(c).Steps {
		observe(scale.StepStarted{Step: step, At: time.Now(), Preview: true})
	}
	time.Sleep(f.updating())
	return done(c), f.previewErr
}

func (f *fake) Prepare(scale.Change) func() { return func() {} }

func (f *fake) Update(ctx context.Context, c scale.Change, observe scale.Observe) (_ *scale.Result, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.busy(1)
	defer f.busy(-1)
	start := time.Now()
	f.set(func() { f.begun++ })
	observe(scale.EngineStarted{Message: c.Message})
	steps := done(c).Steps
	for _, step := range steps {
		observe(scale.StepStarted{Step: step, At: time.Now()})
	}
	defer func() {
		for _, step := range steps {
			observe(scale.StepDone{Step: step, At: time.Now(), Failed: err != nil})
		}
	}()
	time.Sleep(f.updating())
	f.mu.Lock()
	defer f.mu.Unlock()
	before := maps.Clone(f.values)
	for pool, rule := range f.rules {
		for _, s := range c.Settings {
			if s.Key != rule.ConfigKey || s.Value == nil {
				continue
			}
			f.values[pool], _ = strconv.Atoi(*s.Value)
			if f.broken[pool] && f.values[pool] != before[pool] {
				f.record(scale.Update{ID: c.ID, Start: start, End: time.Now(), Message: c.Message})
				f.values = before
				return nil, &scale.EngineError{Operation: "update", Diagnostics: []scale.Diagnostic{{Severity: "error", Message: cmp.Or(f.words, pool+" is broken")}}}
			}
		}
	}
	f.record(scale.Update{Succeeded: true, ID: c.ID, Start: start, End: time.Now(), Message: c.Message})
	return done(c), nil
}

// wantCounts checks the counts of the workers and the apis, and how many updates there were.
func (f *fake) wantCounts(worker, api, updates int) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.values["worker"] != worker || f.values["api"] != api || f.begun != updates {
		f.t.Errorf("%v after %d updates; want %d workers and %d apis after %d", f.values, f.begun, worker, api, updates)
	}
}

// wantUntouched checks that nothing was locked, written, or updated.
func (f *fake) wantUntouched() {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.locks+f.writes+f.begun != 0 {
		f.t.Errorf("%d locks, %d writes and %d updates; want none", f.locks, f.writes, f.begun)
	}
}

func (f *fake) Expected() (*scale.Snapshot, bool) { return nil, false }

func (f *fake) ReadSince(ctx context.Context, _ *scale.Snapshot) (*scale.Snapshot, error) {
	return f.Read(ctx)
}

// Proof says that nothing is pending but what a test says.
func (f *fake) Proof(snap *scale.Snapshot) (*scale.Proof, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	proof := &scale.Proof{Pools: map[string]scale.PoolProof{}}
	for name := range snap.Rules {
		proof.Pools[name] = scale.PoolProof{Pending: f.pending[name]}
	}
	return proof, nil
}

func (f *fake) KeepProof(*scale.Snapshot, *scale.Proof, bool) bool { return true }
