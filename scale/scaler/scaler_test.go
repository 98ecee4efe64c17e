package scaler

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestScaleCallsInOrder(t *testing.T) {
	wildcard := scaletest.WithRule("worker", func(r *scale.Rule) { r.Targets = []string{"**::none-*"} })
	for _, c := range []struct {
		name    string
		snap    *scale.Snapshot
		intents []scale.Intent
		calls   []string
	}{
		{"a scaling", scaletest.Snapshot(), []scale.Intent{scaletest.ByDelta(2)}, []string{"lock", "read", "update", "write", "unlock"}},
		{"two pools in one update", scaletest.Snapshot(), []scale.Intent{scaletest.ByDelta(2), {Pool: "api", Delta: new(1)}}, []string{"lock", "read", "update", "write", "unlock"}},
		{"nothing to do", scaletest.Snapshot(), []scale.Intent{scaletest.ToCount(3)}, []string{"lock", "read", "unlock"}},
		{"a guard", scaletest.Snapshot(scaletest.WithRule("worker", scaletest.Guarded(scale.GuardReplace))), []scale.Intent{scaletest.ByDelta(2)}, []string{"lock", "read", "preview", "update", "write", "unlock"}},
		{"a wildcard that matches nothing, before or after", scaletest.Snapshot(wildcard), []scale.Intent{scaletest.ByDelta(2)}, []string{"lock", "read", "preview", "unlock"}},
		{"a stale file", scaletest.Snapshot(scaletest.WithFile("api", "-")), []scale.Intent{scaletest.ByDelta(2)}, []string{"lock", "read", "write", "update", "write", "unlock"}},
		{"a stale file and nothing to do", scaletest.Snapshot(scaletest.WithFile("api", "-")), []scale.Intent{scaletest.ToCount(3)}, []string{"lock", "read", "write", "unlock"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := scaletest.NewStack(t, c.snap)
			fake.OnPreview = func(int, scale.Change) (*scale.Result, error) {
				return &scale.Result{Steps: []scale.ResourceStep{{Op: "update", URN: scaletest.WorkerURN}}}, nil
			}
			if _, err := scalerOf(fake).Scale(context.Background(), c.intents, nil); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.calls, fake.Calls); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// An engine is started for what the last update should have left. It does the very update that is decided on what is
// read, or none.
func TestScaleStartsTheEngineForWhatIsExpected(t *testing.T) {
	other := func(s *scale.Snapshot) { s.Head = "another" }
	for _, c := range []struct {
		name     string
		expected *scale.Snapshot
		certain  bool
		intent   scale.Intent
		calls    []string
		same     bool
	}{
		{"as it is", scaletest.Snapshot(), false, scaletest.ByDelta(2), []string{"lock", "prepare", "read", "update", "write", "end", "unlock"}, true},
		{"but somebody else was faster", scaletest.Snapshot(other), false, scaletest.ByDelta(2), []string{"lock", "prepare", "read", "update", "write", "end", "unlock"}, false},
		{"that leaves nothing to do", scaletest.Snapshot(), false, scaletest.ToCount(3), []string{"lock", "read", "unlock"}, false},
		{"where nothing is", nil, false, scaletest.ByDelta(2), []string{"lock", "read", "update", "write", "unlock"}, false},
		{"for certain, so that it need not be waited for", scaletest.Snapshot(), true, scaletest.ByDelta(2), []string{"lock", "read", "update", "write", "unlock"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := scaletest.NewStack(t, scaletest.Snapshot())
			fake.ExpectedSnapshot, fake.Certain = c.expected, c.certain
			if _, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{c.intent}, nil); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.calls, fake.Calls); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if same := len(fake.Prepared) > 0 && cmp.Equal(fake.Prepared, fake.Updated); same != c.same {
				t.Errorf("prepared %+v, updated %+v", fake.Prepared, fake.Updated)
			}
		})
	}
}

func TestScaleReport(t *testing.T) {
	snap := scaletest.Snapshot(scaletest.WithFile("api", "-"), scaletest.WithRule("worker", func(r *scale.Rule) { r.Current = new(3) }), func(s *scale.Snapshot) { s.Pending = []string{"urn:pending"} })
	fake := scaletest.NewStack(t, snap)
	got, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{scaletest.ByDelta(2)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &scale.Report{
		Plan: scale.Plan{
			Decisions: []scale.Decision{{Intent: scaletest.ByDelta(2), Outcome: scale.Scale, From: new(3), Wanted: 5, To: 5}},
			Moves:     []scale.Move{{Pool: "worker", From: new(3), To: 5}},
			Change: scale.Change{
				Settings: scaletest.SettingsOf("apiCount", "2", "workerCount", "5"), Pools: []string{"worker"}, Targets: []string{scaletest.WorkerURN},
				Message: "pulumiscale: worker 3 -> 5", Head: "head", ID: fake.Updated[0].ID,
			},
		},
		Results:  []scale.MoveResult{{Move: scale.Move{Pool: "worker", From: new(3), To: 5}, Current: new(5)}},
		Steps:    []scale.ResourceStep{{Op: "update", URN: scaletest.WorkerURN}},
		Restored: []scale.Drift{{Pool: "api", Key: "apiCount", Configured: new("2")}},
		Duration: time.Second,
		Output:   scaletest.OutputOf(scaletest.TwoPools(), map[string]int{"worker": 5}),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([][]scale.Setting{scaletest.SettingsOf("apiCount", "2"), scaletest.SettingsOf("workerCount", "5")}, fake.Written); diff != "" {
		t.Errorf("written: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]scale.Change{want.Change}, fake.Updated); diff != "" {
		t.Errorf("updated: -want +got:\n%s", diff)
	}
	if !observedOne[scale.PendingOperations](fake) {
		t.Errorf("no word of pending operations: %v", fake.Observed)
	}
}

func observedOne[E scale.Event](f *scaletest.Stack) bool {
	n := 0
	for _, e := range f.Observed {
		if _, ok := e.(E); ok {
			n++
		}
	}
	return n == 1
}

func TestScaleWritesThePathOfAKey(t *testing.T) {
	fake := scaletest.NewStack(t, scaletest.Snapshot(scaletest.WithRule("worker", func(r *scale.Rule) { r.ConfigKey, r.ConfigPath = "pools.worker", true })))
	if _, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{scaletest.ByDelta(2)}, nil); err != nil {
		t.Fatal(err)
	}
	want := [][]scale.Setting{{{Key: "pools.worker", Path: true, Value: new("5")}}}
	if diff := cmp.Diff(want, fake.Written); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestScaleGuardDropsOnePoolAndTheOtherGoesOn(t *testing.T) {
	fake := scaletest.NewStack(t, scaletest.Snapshot(scaletest.WithRule("worker", scaletest.Guarded(scale.GuardReplace))))
	fake.OnPreview = func(int, scale.Change) (*scale.Result, error) {
		return &scale.Result{Steps: []scale.ResourceStep{{Op: "replace", URN: scaletest.WorkerURN}, {Op: "replace", URN: scaletest.APIURN}}}, nil
	}
	report, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{scaletest.ByDelta(2), {Pool: "api", Delta: new(1)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]scale.Outcome{scale.Guarded, scale.Scale}, scaletest.Outcomes(report.Plan)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	want := scale.Change{
		Settings: scaletest.SettingsOf("apiCount", "3", "workerCount", "3"), Pools: []string{"api"}, Targets: []string{scaletest.APIURN},
		Message: "pulumiscale: api 2 -> 3", Head: "head", ID: fake.Updated[0].ID,
	}
	if diff := cmp.Diff([]scale.Change{want}, fake.Updated); diff != "" {
		t.Errorf("updated: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([][]scale.Setting{scaletest.SettingsOf("apiCount", "3")}, fake.Written); diff != "" {
		t.Errorf("written: -want +got:\n%s", diff)
	}
}

func TestScaleChangesNothingAfterAFailure(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name  string
		setup func(*scaletest.Stack)
		want  error
		calls []string
	}{
		{"of the lock", func(f *scaletest.Stack) { f.OnLock = func() error { return broken } }, broken, []string{"lock"}},
		{"of the reading", func(f *scaletest.Stack) { f.OnRead = func(int) (*scale.Snapshot, error) { return nil, broken } }, broken, []string{"lock", "read", "unlock"}},
		{
			"of the rules", func(f *scaletest.Stack) {
				f.OnRead = func(int) (*scale.Snapshot, error) { return nil, &scale.RulesError{} }
			},
			&scale.RulesError{}, []string{"lock", "read", "unlock"},
		},
		{
			"of the proof", func(f *scaletest.Stack) {
				s := scaletest.Snapshot(scaletest.WithRule("worker", scaletest.Guarded(scale.GuardReplace)))
				f.OnRead = func(int) (*scale.Snapshot, error) { return s, nil }
				f.OnPreview = func(int, scale.Change) (*scale.Result, error) { return nil, broken }
			}, broken, []string{"lock", "read", "preview", "unlock"},
		},
		{
			"of the update", func(f *scaletest.Stack) {
				f.OnUpdate = func(int, scale.Change) (*scale.Result, error) { return nil, &scale.EngineError{Operation: "update"} }
			},
			&scale.EngineError{Operation: "update"}, []string{"lock", "read", "update", "read", "unlock"},
		},
		{
			"of a target, whose pool is named", func(f *scaletest.Stack) {
				f.OnUpdate = func(int, scale.Change) (*scale.Result, error) {
					return nil, &scale.TargetError{Target: scaletest.WorkerURN}
				}
			},
			&scale.TargetError{Pool: "worker", Target: scaletest.WorkerURN}, []string{"lock", "read", "update", "unlock"},
		},
		{
			"of drift that is to fail", func(f *scaletest.Stack) {
				f.OnRead = func(int) (*scale.Snapshot, error) { return scaletest.Snapshot(scaletest.WithFile("api", "-")), nil }
			}, nil, []string{"lock", "read", "unlock"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := scaletest.NewStack(t, scaletest.Snapshot())
			c.setup(fake)
			scaler := scalerOf(fake)
			scaler.OnDrift = scale.Fail
			report, err := scaler.Scale(context.Background(), []scale.Intent{scaletest.ByDelta(2)}, nil)
			if err == nil || c.want != nil && err.Error() != c.want.Error() {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if report != nil {
				t.Errorf("a report: %+v", report)
			}
			if diff := cmp.Diff(c.calls, fake.Calls); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestScaleReportsWhatIsDoneWhereTheFileCannotBeWritten(t *testing.T) {
	fake := scaletest.NewStack(t, scaletest.Snapshot())
	full := errors.New("disk full")
	fake.OnWrite = func(int) error { return full }
	report, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{scaletest.ByDelta(2)}, nil)
	var writing *scale.WriteError
	if !errors.As(err, &writing) || !errors.Is(err, full) || writing.File != "Pulumi.dev.yaml" {
		t.Errorf("got error %v", err)
	}
	if report == nil || len(report.Results) != 1 || report.Results[0].To != 5 {
		t.Errorf("got report %+v", report)
	}
	if n := fake.Times("update"); n != 1 {
		t.Errorf("%d updates", n)
	}
}

func TestScaleHoldsToWhatWasApproved(t *testing.T) {
	ctx := context.Background()
	both := []scale.Intent{scaletest.ByDelta(2), {Pool: "api", Delta: new(1)}}
	guard := scaletest.WithRule("worker", scaletest.Guarded(scale.GuardReplace))
	replace := func(int, scale.Change) (*scale.Result, error) {
		return &scale.Result{Steps: []scale.ResourceStep{{Op: "replace", URN: scaletest.WorkerURN}, {Op: "update", URN: scaletest.APIURN}}}, nil
	}
	for _, c := range []struct {
		name string
		// before is the stack at the preview, and after is the stack at the scaling.
		before, after *scale.Snapshot
		changed       bool
	}{
		{"the same goes on", scaletest.Snapshot(), scaletest.Snapshot(), false},
		{"the same goes on where the preview dropped a pool", scaletest.Snapshot(guard), scaletest.Snapshot(guard), false},
		{"another count before does not", scaletest.Snapshot(), scaletest.Snapshot(scaletest.WithUpdates(scaletest.Update(time.Hour, "worker", "4", "api", "2")), scaletest.WithFile("worker", "4")), true},
		{"another pool paused does not", scaletest.Snapshot(), scaletest.Snapshot(scaletest.WithRule("api", scaletest.Paused(scale.PauseBoth))), true},
		{"less than approved does not", scaletest.Snapshot(), scaletest.Snapshot(scaletest.WithRule("worker", scaletest.Paused(scale.PauseBoth)), scaletest.WithRule("api", scaletest.Paused(scale.PauseBoth))), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := scaletest.NewStack(t, c.before)
			fake.OnPreview = replace
			approved, _, err := scalerOf(fake).Preview(ctx, both)
			if err != nil {
				t.Fatal(err)
			}
			fake = scaletest.NewStack(t, c.after)
			fake.OnPreview = replace
			_, err = scalerOf(fake).Scale(ctx, both, approved)
			var changed *scale.ChangedError
			if errors.As(err, &changed) != c.changed || err != nil && !c.changed {
				t.Errorf("got error %v", err)
			}
			if updates := fake.Times("update"); (updates == 0) != c.changed {
				t.Errorf("%d updates", updates)
			}
			if c.changed && fake.Times("write") > 0 {
				t.Error("the file was written")
			}
		})
	}
}

func TestIntentsAreCheckedFirst(t *testing.T) {
	for _, c := range []struct {
		name    string
		intents []scale.Intent
	}{
		{"there are none", nil},
		{"no pool", []scale.Intent{{Count: new(1)}}},
		{"nothing asked", []scale.Intent{scaletest.ByDelta(1), {Pool: "worker"}}},
		{"two things asked", []scale.Intent{{Pool: "worker", Count: new(1), Delta: new(1)}}},
		{"three things asked", []scale.Intent{{Pool: "worker", Count: new(1), Delta: new(1), Signal: &scale.Signal{}}}},
		{"a negative count", []scale.Intent{scaletest.ToCount(-1)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := scaletest.NewStack(t, scaletest.Snapshot())
			var usage *scale.UsageError
			if _, err := scalerOf(fake).Scale(context.Background(), c.intents, nil); !errors.As(err, &usage) {
				t.Errorf("scale: %v", err)
			}
			if _, _, err := scalerOf(fake).Preview(context.Background(), c.intents); !errors.As(err, &usage) {
				t.Errorf("preview: %v", err)
			}
			if len(fake.Calls) > 0 {
				t.Errorf("the stack was asked: %v", fake.Calls)
			}
		})
	}
}

func TestPreviewChangesNothing(t *testing.T) {
	for _, c := range []struct {
		name   string
		snap   *scale.Snapshot
		intent scale.Intent
		calls  []string
		want   []scale.Outcome
	}{
		{"with something to do", scaletest.Snapshot(), scaletest.ByDelta(2), []string{"read", "preview"}, []scale.Outcome{scale.Scale}},
		{"with nothing to do", scaletest.Snapshot(), scaletest.ToCount(3), []string{"read"}, []scale.Outcome{scale.NoChange}},
		{"with drift", scaletest.Snapshot(scaletest.WithFile("worker", "-")), scaletest.ByDelta(2), []string{"read", "preview"}, []scale.Outcome{scale.Scale}},
		{"with a guard that forbids it", scaletest.Snapshot(scaletest.WithRule("worker", scaletest.Guarded(scale.GuardReplace))), scaletest.ByDelta(2), []string{"read", "preview"}, []scale.Outcome{scale.Guarded}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := scaletest.NewStack(t, c.snap)
			answer := &scale.Result{Steps: []scale.ResourceStep{{Op: "replace", URN: scaletest.WorkerURN}}}
			fake.OnPreview = func(int, scale.Change) (*scale.Result, error) { return answer, nil }
			p, result, err := scalerOf(fake).Preview(context.Background(), []scale.Intent{c.intent})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.calls, fake.Calls); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.want, scaletest.Outcomes(*p)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if previewed := fake.Times("preview") > 0; previewed != (result == answer) {
				t.Errorf("got result %v", result)
			}
		})
	}
}
