package scale

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"
)

const apiURN = "urn:pulumi:dev::demo::pkg:index:Balancer::api"

// fakeStack is a stack in memory. It records the calls, and answers them with what the test gives it.
type fakeStack struct {
	t *testing.T
	// calls are the methods that were called, in order.
	calls []string
	// onRead, onPreview, onUpdate, onWrite and onHistory answer the n-th call, from 1.
	onRead    func(n int) (*Snapshot, error)
	onPreview func(n int, c Change) (*Result, error)
	onUpdate  func(n int, c Change) (*Result, error)
	onWrite   func(n int) error
	onHistory func() ([]Update, error)
	// onLock answers Lock; nil grants it. busy makes TryLock find the lock taken.
	onLock func() error
	busy   bool

	// expected and certain answer Expected.
	expected *Snapshot
	certain  bool

	// onProof answers Proof, and onKeep the n-th call of KeepProof. kept are the proofs that were kept, and lasting is
	// that of the last one.
	onProof func() (*Proof, error)
	onKeep  func(n int) bool
	kept    []*Proof
	lasting bool

	held               bool
	previewed, updated []Change
	prepared           []Change
	written            [][]Setting
	observed           []Event
	reads              int
	// concluded are the results that Conclude was told of, by the update's id.
	concluded map[string][]MoveResult
}

func (f *fakeStack) Name() string       { return "dev" }
func (f *fakeStack) ConfigFile() string { return "Pulumi.dev.yaml" }

func (f *fakeStack) Lock(context.Context, Observe) (func(), error) {
	f.calls = append(f.calls, "lock")
	if f.onLock != nil {
		if err := f.onLock(); err != nil {
			return nil, err
		}
	}
	return f.hold(), nil
}

func (f *fakeStack) TryLock() (func(), bool, error) {
	f.calls = append(f.calls, "try lock")
	if f.busy {
		return nil, false, nil
	}
	return f.hold(), true, nil
}

func (f *fakeStack) hold() func() {
	f.held = true
	return func() {
		f.calls = append(f.calls, "unlock")
		f.held = false
	}
}

func (f *fakeStack) Read(ctx context.Context) (*Snapshot, error) {
	f.calls = append(f.calls, "read")
	f.reads++
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return f.onRead(f.reads)
}

func (f *fakeStack) History(_ context.Context, _ Rules, newest int) ([]Update, bool, error) {
	f.calls = append(f.calls, "history")
	all, err := f.onHistory()
	if newest > 0 && newest < len(all) {
		return all[:newest], false, err
	}
	return all, true, err
}

func (f *fakeStack) Preview(_ context.Context, c Change, _ Observe) (*Result, error) {
	f.calls = append(f.calls, "preview")
	f.checkTargets(c)
	f.previewed = append(f.previewed, c)
	return f.onPreview(len(f.previewed), c)
}

func (f *fakeStack) Prepare(c Change) func() {
	f.calls = append(f.calls, "prepare")
	f.prepared = append(f.prepared, c)
	return func() { f.calls = append(f.calls, "end") }
}

func (f *fakeStack) Update(ctx context.Context, c Change, _ Observe) (*Result, error) {
	f.t.Helper()
	f.calls = append(f.calls, "update")
	if !f.held {
		f.t.Error("an update without the lock")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.checkTargets(c)
	f.updated = append(f.updated, c)
	return f.onUpdate(len(f.updated), c)
}

// checkTargets makes sure of what [Change] promises: without a target the engine would update the whole stack.
func (f *fakeStack) checkTargets(c Change) {
	f.t.Helper()
	if len(c.Targets) == 0 {
		f.t.Error("a change without a target")
	}
}

func (f *fakeStack) Conclude(id string, results []MoveResult) {
	if f.concluded == nil {
		f.concluded = map[string][]MoveResult{}
	}
	f.concluded[id] = results
}

func (f *fakeStack) Write(settings []Setting) error {
	f.t.Helper()
	f.calls = append(f.calls, "write")
	if !f.held {
		f.t.Error("a write without the lock")
	}
	f.written = append(f.written, settings)
	if f.onWrite != nil {
		return f.onWrite(len(f.written))
	}
	return nil
}

// newFake is a stack that is always the same, and whose updates and previews change every target as asked.
func newFake(t *testing.T, snap *Snapshot) *fakeStack {
	f := &fakeStack{t: t}
	f.onRead = func(int) (*Snapshot, error) { return copyOf(snap), nil }
	f.onUpdate = func(_ int, c Change) (*Result, error) { return done(snap.Rules, c), nil }
	f.onPreview = f.onUpdate
	f.onHistory = func() ([]Update, error) { return snap.Updates, nil }
	return f
}

// copyOf is a copy as deep as the scaler writes.
func copyOf(s *Snapshot) *Snapshot {
	out := *s
	out.File = maps.Clone(s.File)
	return &out
}

// done is the result of a change that did what it should: an update of every target, and each "current" at the
// configured count.
func done(rules Rules, c Change) *Result {
	r := &Result{ID: "pulumiscale/1", Duration: time.Second, Seen: c.Targets}
	for _, target := range c.Targets {
		r.Steps = append(r.Steps, ResourceStep{Op: "update", URN: target})
	}
	current := map[string]int{}
	for _, s := range c.Settings {
		for name, rule := range rules {
			if rule.ConfigKey == s.Key && s.Value != nil && rule.Current != nil {
				current[name], _ = strconv.Atoi(*s.Value)
			}
		}
	}
	r.Output = outputOf(rules, current)
	return r
}

// outputOf is the stack output of the rules with these current counts.
func outputOf(rules Rules, current map[string]int) []byte {
	pools := map[string]map[string]any{}
	for name, rule := range rules {
		pools[name] = map[string]any{"targets": rule.Targets, "configKey": rule.ConfigKey, "min": rule.Min, "max": rule.Max}
		if n, ok := current[name]; ok {
			pools[name]["current"] = n
		}
	}
	out, _ := json.Marshal(pools)
	return out
}

// scaler works on the stack with two retries.
func (f *fakeStack) scaler() *Scaler {
	return &Scaler{
		Stack: f, OnDrift: Restore, Retries: 2, RetryDelay: time.Second,
		Observe: func(e Event) { f.observed = append(f.observed, e) },
		Now:     func() time.Time { return noon },
	}
}

// times counts the calls of a method.
func (f *fakeStack) times(method string) int {
	n := 0
	for _, call := range f.calls {
		if call == method {
			n++
		}
	}
	return n
}

// texts maps pools to texts, which it takes in pairs; the text "-" is none.
func texts(pairs ...string) map[string]*string {
	out := map[string]*string{}
	for pair := range slices.Chunk(pairs, 2) {
		out[pair[0]] = nil
		if pair[1] != "-" {
			out[pair[0]] = &pair[1]
		}
	}
	return out
}

// update is a successful update that ended so long ago, with these values.
func update(age time.Duration, pairs ...string) Update {
	return Update{Kind: KindUpdate, Succeeded: true, End: ago(age), Values: texts(pairs...)}
}

func (u Update) failed() Update        { u.Succeeded = false; return u }
func (u Update) of(kind string) Update { u.Kind = kind; return u }
func (u Update) by(id string) Update   { u.ID = id; return u }

func (u Update) ours(message string, pools ...string) Update {
	u.Message, u.Pools = message, pools
	return u
}

func apiDelta(n int) Intent { return Intent{Pool: "api", Delta: new(n)} }

// twoPools are the rules of a worker pool and of an api pool.
func twoPools() Rules {
	api := leastRule()
	api.Pool, api.Targets, api.ConfigKey = "api", []string{apiURN}, "apiCount"
	return Rules{"api": api, "worker": leastRule()}
}

// snapshot is a stack of two pools with 3 workers and 2 apis, in the file as well.
func snapshot(edits ...func(*Snapshot)) *Snapshot {
	s := &Snapshot{
		Rules: twoPools(), Resources: []string{stackURN, workerURN, apiURN},
		Updates: []Update{update(time.Hour, "worker", "3", "api", "2")}, Complete: true,
		File: texts("worker", "3", "api", "2"), Head: "head",
	}
	for _, edit := range edits {
		edit(s)
	}
	return s
}

func withRule(pool string, edit ruleEdit) func(*Snapshot) {
	return func(s *Snapshot) {
		rule := s.Rules[pool]
		edit(&rule)
		s.Rules[pool] = rule
	}
}

func withFile(pairs ...string) func(*Snapshot) {
	return func(s *Snapshot) { maps.Copy(s.File, texts(pairs...)) }
}

func withUpdates(updates ...Update) func(*Snapshot) {
	return func(s *Snapshot) { s.Updates = updates }
}

// settingsOf are settings of keys, in pairs; the text "-" takes a key away.
func settingsOf(pairs ...string) []Setting {
	var out []Setting
	for pair := range slices.Chunk(pairs, 2) {
		out = append(out, Setting{Key: pair[0], Value: texts(pair...)[pair[0]]})
	}
	return out
}

func (f *fakeStack) Expected() (*Snapshot, bool) { return f.expected, f.certain }

func (f *fakeStack) ReadSince(ctx context.Context, _ *Snapshot) (*Snapshot, error) {
	return f.Read(ctx)
}

// Proof is what the test gives; without that it is proved that nothing is pending.
func (f *fakeStack) Proof(snap *Snapshot) (*Proof, error) {
	if f.onProof != nil {
		return f.onProof()
	}
	return nothingPending(snap), nil
}

// nothingPending is a proof of just that.
func nothingPending(snap *Snapshot) *Proof {
	proof := &Proof{Head: snap.Head, Pools: map[string]PoolProof{}}
	for name := range snap.Rules {
		proof.Pools[name] = PoolProof{}
	}
	return proof
}

func (f *fakeStack) KeepProof(_ *Snapshot, proof *Proof, lasting bool) bool {
	f.kept, f.lasting = append(f.kept, proof), lasting
	return f.onKeep == nil || f.onKeep(len(f.kept))
}
