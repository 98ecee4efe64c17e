package scaletest

import (
	"context"
	"encoding/json"
	"maps"
	"strconv"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/parse"
)

// The resources of the stack.
const (
	StackURN  = "urn:pulumi:dev::demo::pulumi:pulumi:Stack::demo-dev"
	WorkerURN = "urn:pulumi:dev::demo::pkg:index:WorkerPool::worker"
	APIURN    = "urn:pulumi:dev::demo::pkg:index:Balancer::api"
)

// Stack is a stack in memory. It records the calls, and answers them with what the test gives it.
type Stack struct {
	t *testing.T
	// Calls are the methods that were called, in order. Reads counts those of Read.
	Calls []string
	Reads int
	// OnRead, OnPreview, OnUpdate, OnWrite and OnHistory answer the n-th call, from 1.
	OnRead    func(n int) (*scale.Snapshot, error)
	OnPreview func(n int, c scale.Change) (*scale.Result, error)
	OnUpdate  func(n int, c scale.Change) (*scale.Result, error)
	OnWrite   func(n int) error
	OnHistory func() ([]scale.Update, error)
	// OnLock answers Lock; nil grants it. Busy makes TryLock find the lock taken.
	OnLock func() error
	Busy   bool
	// ExpectedSnapshot and Certain answer Expected.
	ExpectedSnapshot *scale.Snapshot
	Certain          bool
	// OnProof answers Proof, and OnKeep the n-th call of KeepProof. Kept are the proofs that were kept, and Lasting is
	// that of the last one.
	OnProof func() (*scale.Proof, error)
	OnKeep  func(n int) bool
	Kept    []*scale.Proof
	Lasting bool
	// Previewed, Updated, Prepared and Written are what the methods were called with.
	Previewed, Updated, Prepared []scale.Change
	Written                      [][]scale.Setting
	// Observed is what a scaler told, if its observer is [Stack.Observe].
	Observed []scale.Event
	// Concluded are the results that Conclude was told of, by the update's id.
	Concluded map[string][]scale.MoveResult
	// Locked says that somebody holds the directory's lock.
	Locked bool
}

// Observe notes an event.
func (f *Stack) Observe(e scale.Event) { f.Observed = append(f.Observed, e) }

func (f *Stack) Name() string       { return "dev" }
func (f *Stack) ConfigFile() string { return "Pulumi.dev.yaml" }

func (f *Stack) Lock(context.Context, scale.Observe) (func(), error) {
	f.Calls = append(f.Calls, "lock")
	if f.OnLock != nil {
		if err := f.OnLock(); err != nil {
			return nil, err
		}
	}
	return f.hold(), nil
}

func (f *Stack) TryLock() (func(), bool, error) {
	f.Calls = append(f.Calls, "try lock")
	if f.Busy {
		return nil, false, nil
	}
	return f.hold(), true, nil
}

func (f *Stack) hold() func() {
	f.Locked = true
	return func() {
		f.Calls = append(f.Calls, "unlock")
		f.Locked = false
	}
}

func (f *Stack) Read(ctx context.Context) (*scale.Snapshot, error) {
	f.Calls = append(f.Calls, "read")
	f.Reads++
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return f.OnRead(f.Reads)
}

func (f *Stack) History(_ context.Context, _ scale.Rules, newest int) ([]scale.Update, bool, error) {
	f.Calls = append(f.Calls, "history")
	all, err := f.OnHistory()
	if newest > 0 && newest < len(all) {
		return all[:newest], false, err
	}
	return all, true, err
}

func (f *Stack) Preview(_ context.Context, c scale.Change, _ scale.Observe) (*scale.Result, error) {
	f.Calls = append(f.Calls, "preview")
	f.checkTargets(c)
	f.Previewed = append(f.Previewed, c)
	return withRules(f.OnPreview(len(f.Previewed), c))
}

func (f *Stack) Prepare(c scale.Change) func() {
	f.Calls = append(f.Calls, "prepare")
	f.Prepared = append(f.Prepared, c)
	return func() { f.Calls = append(f.Calls, "end") }
}

func (f *Stack) Update(ctx context.Context, c scale.Change, _ scale.Observe) (*scale.Result, error) {
	f.t.Helper()
	f.Calls = append(f.Calls, "update")
	if !f.Locked {
		f.t.Error("an update without the lock")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.checkTargets(c)
	f.Updated = append(f.Updated, c)
	return withRules(f.OnUpdate(len(f.Updated), c))
}

// withRules reads the rules in the output of a result, as package stack does.
func withRules(r *scale.Result, err error) (*scale.Result, error) {
	if r != nil {
		r.Rules, r.RulesErr = parse.Rules(r.Output)
	}
	return r, err
}

// checkTargets makes sure of what [Change] promises: without a target the engine would update the whole stack.
func (f *Stack) checkTargets(c scale.Change) {
	f.t.Helper()
	if len(c.Targets) == 0 {
		f.t.Error("a change without a target")
	}
}

func (f *Stack) Conclude(id string, results []scale.MoveResult) {
	if f.Concluded == nil {
		f.Concluded = map[string][]scale.MoveResult{}
	}
	f.Concluded[id] = results
}

func (f *Stack) Write(settings []scale.Setting) error {
	f.t.Helper()
	f.Calls = append(f.Calls, "write")
	if !f.Locked {
		f.t.Error("a write without the lock")
	}
	f.Written = append(f.Written, settings)
	if f.OnWrite != nil {
		return f.OnWrite(len(f.Written))
	}
	return nil
}

// NewStack is a stack that is always the same, and whose updates and previews change every target as asked.
func NewStack(t *testing.T, snap *scale.Snapshot) *Stack {
	f := &Stack{t: t}
	f.OnRead = func(int) (*scale.Snapshot, error) { return CopyOf(snap), nil }
	f.OnUpdate = func(_ int, c scale.Change) (*scale.Result, error) { return Done(snap.Rules, c), nil }
	f.OnPreview = f.OnUpdate
	f.OnHistory = func() ([]scale.Update, error) { return snap.Updates, nil }
	return f
}

// CopyOf is a copy as deep as the scaler writes.
func CopyOf(s *scale.Snapshot) *scale.Snapshot {
	out := *s
	out.File = maps.Clone(s.File)
	return &out
}

// Done is the result of a change that did what it should: an update of every target, and each "current" at the
// configured count.
func Done(rules scale.Rules, c scale.Change) *scale.Result {
	r := &scale.Result{ID: "pulumiscale/1", Duration: time.Second, Seen: c.Targets}
	for _, target := range c.Targets {
		r.Steps = append(r.Steps, scale.ResourceStep{Op: "update", URN: target})
	}
	current := map[string]int{}
	for _, s := range c.Settings {
		for name, rule := range rules {
			if rule.ConfigKey == s.Key && s.Value != nil && rule.Current != nil {
				current[name], _ = strconv.Atoi(*s.Value)
			}
		}
	}
	r.Output = OutputOf(rules, current)
	return r
}

// OutputOf is the stack output of the rules with these current counts.
func OutputOf(rules scale.Rules, current map[string]int) []byte {
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

// Times counts the calls of a method.
func (f *Stack) Times(method string) int {
	n := 0
	for _, call := range f.Calls {
		if call == method {
			n++
		}
	}
	return n
}

func (f *Stack) Expected() (*scale.Snapshot, bool) { return f.ExpectedSnapshot, f.Certain }

func (f *Stack) ReadSince(ctx context.Context, _ *scale.Snapshot) (*scale.Snapshot, error) {
	return f.Read(ctx)
}

// Proof is what the test gives; without that it is proved that nothing is pending.
func (f *Stack) Proof(snap *scale.Snapshot) (*scale.Proof, error) {
	if f.OnProof != nil {
		return f.OnProof()
	}
	return NothingPending(snap), nil
}

func (f *Stack) KeepProof(_ *scale.Snapshot, proof *scale.Proof, lasting bool) bool {
	f.Kept, f.Lasting = append(f.Kept, proof), lasting
	return f.OnKeep == nil || f.OnKeep(len(f.Kept))
}
