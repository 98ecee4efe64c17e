package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/parse"
	"github.com/pulumiscale/pulumiscale/scale/snippet"
	"github.com/pulumiscale/pulumiscale/scale/stack"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

const poolURN = "urn:pulumi:dev::demo::localcloud:index:Pool::worker-pool"

func num(n int) *int       { return &n }
func str(s string) *string { return &s }

// fake is a stack with one pool. The pool is updated without an engine.
type fake struct {
	count  int
	rule   scale.Rule
	file   *string
	before []scale.Update
	// changes are what was updated.
	changes []scale.Change
	written []scale.Setting

	// These say what goes wrong, and what happens on the way.
	readErr, previewErr, updateErr, writeErr error
	// short makes an update end one short of what it should.
	short               int
	onPreview, onUpdate func(context.Context)
	steps               []scale.ResourceStep

	// pending is what is proved to be pending. program is how the checkout compares with what was deployed.
	pending []scale.PendingChange
	program scale.Program

	stateDir  string
	secrets   map[string]string
	inventory snippet.Inventory
	secretErr error
	held      scale.Holds
}

func (f *fake) CountsIn([]byte, scale.Rules) (map[string]*string, error) { return nil, nil }
func (f *fake) Holds() (scale.Holds, error)                              { return f.held, nil }

func (f *fake) ChangeHolds(change func(scale.Holds) scale.Holds) error {
	f.held = change(f.held)
	return nil
}

func newFake() *fake {
	return &fake{count: 3, file: str("3"), rule: scale.Rule{
		Pool: "worker-pool", Targets: []string{poolURN}, ConfigKey: "workerCount", Min: 1, Max: 50,
		Strategy: scale.Strategy{Type: scale.Step, Up: num(1), Down: num(1)},
	}}
}

func (f *fake) StateDir() (string, error) { return f.stateDir, nil }

func (f *fake) FormerStateDir() string { return "" }

func (f *fake) Secrets(context.Context, ...string) (map[string]string, error) { return f.secrets, nil }

func (f *fake) SetSecret(_ context.Context, key, value string) error {
	if f.secretErr == nil {
		f.secrets = map[string]string{key: value}
	}
	return f.secretErr
}

func (f *fake) Inventory(context.Context) (*snippet.Inventory, error) { return &f.inventory, nil }

func (f *fake) Name() string                                                      { return "dev" }
func (f *fake) SyncProgram(context.Context, *scale.Snapshot, scale.Observe) error { return nil }
func (f *fake) IsSynced(*scale.Snapshot) bool                                     { return true }

func (f *fake) CommittedFile(func(string) ([]byte, error)) (scale.CommittedFile, error) {
	return nil, errors.New("there is no commit")
}

func (f *fake) ProjectName() string { return "shop" }
func (f *fake) ConfigFile() string  { return "Pulumi.dev.yaml" }

func (f *fake) Lock(context.Context, scale.Observe) (func(), error) { return func() {}, nil }
func (f *fake) TryLock() (func(), bool, error)                      { return func() {}, true, nil }

func (f *fake) updates() []scale.Update {
	values := map[string]*string{"worker-pool": str(strconv.Itoa(f.count))}
	return append([]scale.Update{{Kind: "update", Succeeded: true, Start: noon.Add(-2 * time.Hour), End: noon.Add(-2 * time.Hour), Values: values}}, f.before...)
}

func (f *fake) Read(ctx context.Context) (*scale.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if f.readErr != nil {
		return nil, f.readErr
	}
	rule := f.rule
	current := f.count
	rule.Current = &current
	return &scale.Snapshot{
		Rules: scale.Rules{"worker-pool": rule}, Resources: []string{poolURN}, Updates: f.updates(), Complete: true,
		File: map[string]*string{"worker-pool": f.file}, Program: f.program,
	}, nil
}

func (f *fake) History(context.Context, scale.Rules, int) ([]scale.Update, bool, error) {
	return f.updates(), true, nil
}

// result is what the engine makes of a change.
func (f *fake) result(change scale.Change) (*scale.Result, int) {
	to, _ := strconv.Atoi(*change.Settings[0].Value)
	to -= f.short
	step := scale.ResourceStep{
		Op: "update", URN: poolURN, Type: "localcloud:index:Pool", Name: "worker-pool",
		Diffs: []scale.PropertyDiff{{Path: "size", Old: f.count, New: to}},
	}
	rule := fmt.Sprintf(`{"worker-pool": {"urn": %q, "configKey": "workerCount", "min": 1, "max": 50, "current": %d}}`, poolURN, to)
	rules, err := parse.Rules([]byte(rule))
	return &scale.Result{
		Steps: append([]scale.ResourceStep{step}, f.steps...), Seen: []string{poolURN}, Output: []byte(rule), Rules: rules, RulesErr: err,
		Duration: 1500 * time.Millisecond,
	}, to
}

func (f *fake) Preview(ctx context.Context, change scale.Change, observe scale.Observe) (*scale.Result, error) {
	observe(scale.EngineStarted{Preview: true, Message: change.Message})
	if f.onPreview != nil {
		f.onPreview(ctx)
	}
	result, _ := f.result(change)
	return result, f.previewErr
}

func (f *fake) Prepare(scale.Change) func() { return func() {} }

func (f *fake) Update(ctx context.Context, change scale.Change, observe scale.Observe) (*scale.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if scale.IsA[*scale.LockedError](f.updateErr) {
		return nil, f.updateErr
	}
	observe(scale.EngineStarted{Message: change.Message})
	if f.onUpdate != nil {
		f.onUpdate(ctx)
	}
	if f.updateErr != nil {
		return nil, f.updateErr
	}
	result, to := f.result(change)
	f.count = to
	f.changes = append(f.changes, change)
	return result, nil
}

func (f *fake) Conclude(string, []scale.MoveResult) {}

func (f *fake) Write(settings []scale.Setting) error {
	if f.writeErr != nil {
		return f.writeErr
	}
	f.written = append(f.written, settings...)
	return nil
}

// terminal is a run of the program with streams that can be looked at.
type terminal struct {
	*app
	stdout, stderr   bytes.Buffer
	signals, hangups chan<- os.Signal
	options          stack.Options
}

// newTerminal prepares a run on the stack. If there is input, there is a person to answer questions.
func newTerminal(s openedStack, input string) *terminal {
	t := &terminal{}
	t.app = &app{
		streams: streams{in: strings.NewReader(input), out: &t.stdout, errs: &t.stderr},
		version: "v1.2.3", now: func() time.Time { return noon },
		open: func(_ context.Context, o stack.Options) (openedStack, error) {
			t.options = o
			return s, nil
		},
		notify: func(c chan<- os.Signal) func() {
			t.signals = c
			return func() {}
		},
		notifyHangup: func(c chan<- os.Signal) func() {
			t.hangups = c
			return func() {}
		},
	}
	if input != "" {
		t.inTTY, t.errTTY, t.dumb = true, true, true
	}
	return t
}

// run runs a command line, split at its spaces, and wants the exit code.
func (t *terminal) run(test *testing.T, line string, code int) {
	test.Helper()
	args := append(strings.Fields(line), "--retry-delay", "1ns")
	if got := t.execute(args); got != code {
		test.Errorf("%s: exit code %d, want %d; stderr:\n%s", line, got, code, t.stderr.String())
	}
}

// silent is a reader on which nothing ever arrives.
func silent() io.Reader {
	r, _ := io.Pipe()
	return r
}

func (f *fake) Expected() (*scale.Snapshot, bool) { return nil, false }

func (f *fake) ReadSince(ctx context.Context, _ *scale.Snapshot) (*scale.Snapshot, error) {
	return f.Read(ctx)
}

// Proof is what the test says. If the test says nothing, nothing is pending.
func (f *fake) Proof(snap *scale.Snapshot) (*scale.Proof, error) {
	proof := &scale.Proof{Pools: map[string]scale.PoolProof{}}
	for name := range snap.Rules {
		proof.Pools[name] = scale.PoolProof{Pending: f.pending}
	}
	return proof, nil
}

func (f *fake) KeepProof(*scale.Snapshot, *scale.Proof, bool) bool { return true }
