package scale

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestScaleCallsInOrder(t *testing.T) {
	wildcard := withRule("worker", func(r *Rule) { r.Targets = []string{"**::none-*"} })
	for _, c := range []struct {
		name    string
		snap    *Snapshot
		intents []Intent
		calls   []string
	}{
		{"a scaling", snapshot(), []Intent{byDelta(2)}, []string{"lock", "read", "update", "write", "unlock"}},
		{"two pools in one update", snapshot(), []Intent{byDelta(2), {Pool: "api", Delta: new(1)}}, []string{"lock", "read", "update", "write", "unlock"}},
		{"nothing to do", snapshot(), []Intent{toCount(3)}, []string{"lock", "read", "unlock"}},
		{"a guard", snapshot(withRule("worker", guarded(GuardReplace))), []Intent{byDelta(2)}, []string{"lock", "read", "preview", "update", "write", "unlock"}},
		{"a wildcard that matches nothing, before or after", snapshot(wildcard), []Intent{byDelta(2)}, []string{"lock", "read", "preview", "unlock"}},
		{"a stale file", snapshot(withFile("api", "-")), []Intent{byDelta(2)}, []string{"lock", "read", "write", "update", "write", "unlock"}},
		{"a stale file and nothing to do", snapshot(withFile("api", "-")), []Intent{toCount(3)}, []string{"lock", "read", "write", "unlock"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := newFake(t, c.snap)
			fake.onPreview = func(int, Change) (*Result, error) {
				return &Result{Steps: []ResourceStep{{Op: "update", URN: workerURN}}}, nil
			}
			if _, err := fake.scaler().Scale(context.Background(), c.intents, nil); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.calls, fake.calls); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// An engine is started for what the last update should have left. It does the very update that is decided on what is
// read, or none.
func TestScaleStartsTheEngineForWhatIsExpected(t *testing.T) {
	other := func(s *Snapshot) { s.Head = "another" }
	for _, c := range []struct {
		name     string
		expected *Snapshot
		certain  bool
		intent   Intent
		calls    []string
		same     bool
	}{
		{"as it is", snapshot(), false, byDelta(2), []string{"lock", "prepare", "read", "update", "write", "end", "unlock"}, true},
		{"but somebody else was faster", snapshot(other), false, byDelta(2), []string{"lock", "prepare", "read", "update", "write", "end", "unlock"}, false},
		{"that leaves nothing to do", snapshot(), false, toCount(3), []string{"lock", "read", "unlock"}, false},
		{"where nothing is", nil, false, byDelta(2), []string{"lock", "read", "update", "write", "unlock"}, false},
		{"for certain, so that it need not be waited for", snapshot(), true, byDelta(2), []string{"lock", "read", "update", "write", "unlock"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := newFake(t, snapshot())
			fake.expected, fake.certain = c.expected, c.certain
			if _, err := fake.scaler().Scale(context.Background(), []Intent{c.intent}, nil); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.calls, fake.calls); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if same := len(fake.prepared) > 0 && cmp.Equal(fake.prepared, fake.updated); same != c.same {
				t.Errorf("prepared %+v, updated %+v", fake.prepared, fake.updated)
			}
		})
	}
}

func TestScaleReport(t *testing.T) {
	snap := snapshot(withFile("api", "-"), withRule("worker", func(r *Rule) { r.Current = new(3) }), func(s *Snapshot) { s.Pending = []string{"urn:pending"} })
	fake := newFake(t, snap)
	got, err := fake.scaler().Scale(context.Background(), []Intent{byDelta(2)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &Report{
		Plan: Plan{
			Decisions: []Decision{{Intent: byDelta(2), Outcome: Scale, From: new(3), Wanted: 5, To: 5}},
			Moves:     []Move{{Pool: "worker", From: new(3), To: 5}},
			Change: Change{
				Settings: settingsOf("apiCount", "2", "workerCount", "5"), Pools: []string{"worker"}, Targets: []string{workerURN},
				Message: "pulumiscale: worker 3 -> 5", Head: "head", ID: fake.updated[0].ID,
			},
		},
		Results:  []MoveResult{{Move: Move{Pool: "worker", From: new(3), To: 5}, Current: new(5)}},
		Steps:    []ResourceStep{{Op: "update", URN: workerURN}},
		Restored: []Drift{{Pool: "api", Key: "apiCount", Configured: new("2")}},
		Duration: time.Second,
		Output:   outputOf(twoPools(), map[string]int{"worker": 5}),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([][]Setting{settingsOf("apiCount", "2"), settingsOf("workerCount", "5")}, fake.written); diff != "" {
		t.Errorf("written: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]Change{want.Change}, fake.updated); diff != "" {
		t.Errorf("updated: -want +got:\n%s", diff)
	}
	if !observedOne[PendingOperations](fake) {
		t.Errorf("no word of pending operations: %v", fake.observed)
	}
}

func observedOne[E Event](f *fakeStack) bool {
	n := 0
	for _, e := range f.observed {
		if _, ok := e.(E); ok {
			n++
		}
	}
	return n == 1
}

func TestScaleWritesThePathOfAKey(t *testing.T) {
	fake := newFake(t, snapshot(withRule("worker", func(r *Rule) { r.ConfigKey, r.ConfigPath = "pools.worker", true })))
	if _, err := fake.scaler().Scale(context.Background(), []Intent{byDelta(2)}, nil); err != nil {
		t.Fatal(err)
	}
	want := [][]Setting{{{Key: "pools.worker", Path: true, Value: new("5")}}}
	if diff := cmp.Diff(want, fake.written); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestScaleGuardDropsOnePoolAndTheOtherGoesOn(t *testing.T) {
	fake := newFake(t, snapshot(withRule("worker", guarded(GuardReplace))))
	fake.onPreview = func(int, Change) (*Result, error) {
		return &Result{Steps: []ResourceStep{{Op: "replace", URN: workerURN}, {Op: "replace", URN: apiURN}}}, nil
	}
	report, err := fake.scaler().Scale(context.Background(), []Intent{byDelta(2), {Pool: "api", Delta: new(1)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Outcome{Guarded, Scale}, outcomes(report.Plan)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	want := Change{
		Settings: settingsOf("apiCount", "3", "workerCount", "3"), Pools: []string{"api"}, Targets: []string{apiURN},
		Message: "pulumiscale: api 2 -> 3", Head: "head", ID: fake.updated[0].ID,
	}
	if diff := cmp.Diff([]Change{want}, fake.updated); diff != "" {
		t.Errorf("updated: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([][]Setting{settingsOf("apiCount", "3")}, fake.written); diff != "" {
		t.Errorf("written: -want +got:\n%s", diff)
	}
}

func TestScaleChangesNothingAfterAFailure(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name  string
		setup func(*fakeStack)
		want  error
		calls []string
	}{
		{"of the lock", func(f *fakeStack) { f.onLock = func() error { return broken } }, broken, []string{"lock"}},
		{"of the reading", func(f *fakeStack) { f.onRead = func(int) (*Snapshot, error) { return nil, broken } }, broken, []string{"lock", "read", "unlock"}},
		{
			"of the rules", func(f *fakeStack) { f.onRead = func(int) (*Snapshot, error) { return nil, &RulesError{} } },
			&RulesError{}, []string{"lock", "read", "unlock"},
		},
		{
			"of the proof", func(f *fakeStack) {
				s := snapshot(withRule("worker", guarded(GuardReplace)))
				f.onRead = func(int) (*Snapshot, error) { return s, nil }
				f.onPreview = func(int, Change) (*Result, error) { return nil, broken }
			}, broken, []string{"lock", "read", "preview", "unlock"},
		},
		{
			"of the update", func(f *fakeStack) {
				f.onUpdate = func(int, Change) (*Result, error) { return nil, &EngineError{Operation: "update"} }
			},
			&EngineError{Operation: "update"}, []string{"lock", "read", "update", "read", "unlock"},
		},
		{
			"of a target, whose pool is named", func(f *fakeStack) {
				f.onUpdate = func(int, Change) (*Result, error) { return nil, &TargetError{Target: workerURN} }
			},
			&TargetError{Pool: "worker", Target: workerURN}, []string{"lock", "read", "update", "unlock"},
		},
		{
			"of drift that is to fail", func(f *fakeStack) {
				f.onRead = func(int) (*Snapshot, error) { return snapshot(withFile("api", "-")), nil }
			}, nil, []string{"lock", "read", "unlock"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := newFake(t, snapshot())
			c.setup(fake)
			scaler := fake.scaler()
			scaler.OnDrift = Fail
			report, err := scaler.Scale(context.Background(), []Intent{byDelta(2)}, nil)
			if err == nil || c.want != nil && err.Error() != c.want.Error() {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if report != nil {
				t.Errorf("a report: %+v", report)
			}
			if diff := cmp.Diff(c.calls, fake.calls); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestScaleReportsWhatIsDoneWhereTheFileCannotBeWritten(t *testing.T) {
	fake := newFake(t, snapshot())
	full := errors.New("disk full")
	fake.onWrite = func(int) error { return full }
	report, err := fake.scaler().Scale(context.Background(), []Intent{byDelta(2)}, nil)
	var writing *WriteError
	if !errors.As(err, &writing) || !errors.Is(err, full) || writing.File != "Pulumi.dev.yaml" {
		t.Errorf("got error %v", err)
	}
	if report == nil || len(report.Results) != 1 || report.Results[0].To != 5 {
		t.Errorf("got report %+v", report)
	}
	if n := fake.times("update"); n != 1 {
		t.Errorf("%d updates", n)
	}
}

func TestScaleHoldsToWhatWasApproved(t *testing.T) {
	ctx := context.Background()
	both := []Intent{byDelta(2), {Pool: "api", Delta: new(1)}}
	guard := withRule("worker", guarded(GuardReplace))
	replace := func(int, Change) (*Result, error) {
		return &Result{Steps: []ResourceStep{{Op: "replace", URN: workerURN}, {Op: "update", URN: apiURN}}}, nil
	}
	for _, c := range []struct {
		name string
		// before is the stack at the preview, and after is the stack at the scaling.
		before, after *Snapshot
		changed       bool
	}{
		{"the same goes on", snapshot(), snapshot(), false},
		{"the same goes on where the preview dropped a pool", snapshot(guard), snapshot(guard), false},
		{"another count before does not", snapshot(), snapshot(withUpdates(update(time.Hour, "worker", "4", "api", "2")), withFile("worker", "4")), true},
		{"another pool paused does not", snapshot(), snapshot(withRule("api", paused(PauseBoth))), true},
		{"less than approved does not", snapshot(), snapshot(withRule("worker", paused(PauseBoth)), withRule("api", paused(PauseBoth))), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := newFake(t, c.before)
			fake.onPreview = replace
			approved, _, err := fake.scaler().Preview(ctx, both)
			if err != nil {
				t.Fatal(err)
			}
			fake = newFake(t, c.after)
			fake.onPreview = replace
			_, err = fake.scaler().Scale(ctx, both, approved)
			var changed *ChangedError
			if errors.As(err, &changed) != c.changed || err != nil && !c.changed {
				t.Errorf("got error %v", err)
			}
			if updates := fake.times("update"); (updates == 0) != c.changed {
				t.Errorf("%d updates", updates)
			}
			if c.changed && fake.times("write") > 0 {
				t.Error("the file was written")
			}
		})
	}
}

func TestIntentsAreCheckedFirst(t *testing.T) {
	for _, c := range []struct {
		name    string
		intents []Intent
	}{
		{"there are none", nil},
		{"no pool", []Intent{{Count: new(1)}}},
		{"nothing asked", []Intent{byDelta(1), {Pool: "worker"}}},
		{"two things asked", []Intent{{Pool: "worker", Count: new(1), Delta: new(1)}}},
		{"three things asked", []Intent{{Pool: "worker", Count: new(1), Delta: new(1), Signal: &Signal{}}}},
		{"a negative count", []Intent{toCount(-1)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := newFake(t, snapshot())
			var usage *UsageError
			if _, err := fake.scaler().Scale(context.Background(), c.intents, nil); !errors.As(err, &usage) {
				t.Errorf("scale: %v", err)
			}
			if _, _, err := fake.scaler().Preview(context.Background(), c.intents); !errors.As(err, &usage) {
				t.Errorf("preview: %v", err)
			}
			if len(fake.calls) > 0 {
				t.Errorf("the stack was asked: %v", fake.calls)
			}
		})
	}
}

func TestPreviewChangesNothing(t *testing.T) {
	for _, c := range []struct {
		name   string
		snap   *Snapshot
		intent Intent
		calls  []string
		want   []Outcome
	}{
		{"with something to do", snapshot(), byDelta(2), []string{"read", "preview"}, []Outcome{Scale}},
		{"with nothing to do", snapshot(), toCount(3), []string{"read"}, []Outcome{NoChange}},
		{"with drift", snapshot(withFile("worker", "-")), byDelta(2), []string{"read", "preview"}, []Outcome{Scale}},
		{"with a guard that forbids it", snapshot(withRule("worker", guarded(GuardReplace))), byDelta(2), []string{"read", "preview"}, []Outcome{Guarded}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := newFake(t, c.snap)
			answer := &Result{Steps: []ResourceStep{{Op: "replace", URN: workerURN}}}
			fake.onPreview = func(int, Change) (*Result, error) { return answer, nil }
			p, result, err := fake.scaler().Preview(context.Background(), []Intent{c.intent})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.calls, fake.calls); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.want, outcomes(*p)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if previewed := fake.times("preview") > 0; previewed != (result == answer) {
				t.Errorf("got result %v", result)
			}
		})
	}
}
