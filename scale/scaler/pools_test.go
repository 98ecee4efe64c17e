package scaler

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestPools(t *testing.T) {
	const minute = time.Minute
	updates := scaletest.WithUpdates(
		scaletest.Failed(scaletest.Update(minute, "worker", "9", "api", "many")),
		scaletest.Update(2*minute, "worker", "5", "api", "many"), scaletest.Update(time.Hour, "worker", "3", "api", "2"),
	)
	snap := scaletest.Snapshot(updates, scaletest.WithFile("worker", "5", "api", "many"), scaletest.WithRule("worker", scaletest.Split(10*minute, 30*minute)),
		scaletest.WithRule("worker", func(r *scale.Rule) { r.Current = new(4) }))
	got, _, err := scalerOf(scaletest.NewStack(t, snap)).Pools(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	want := []scale.Standing{
		{Rule: snap.Rules["api"], Err: &scale.ValueError{Pool: "api", Key: "apiCount", Found: `"many"`}},
		{
			Rule: snap.Rules["worker"], Count: new(4), Configured: new(5), UpUntil: scaletest.Noon.Add(8 * minute), DownUntil: scaletest.Noon.Add(28 * minute),
			Last: &scale.Scaling{Pool: "worker", From: 3, To: 5, Update: snap.Updates[1]},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPoolsSettlesDrift(t *testing.T) {
	stale, edited := scaletest.WithFile("worker", "-"), scaletest.WithFile("worker", "4")
	for _, c := range []struct {
		name string
		// snap is what is read first, and later is what is read with the lock held, if that differs.
		snap, later *scale.Snapshot
		busy        bool
		mode        scale.OnDrift
		calls       []string
		drift       bool
		restored    bool
		err         bool
	}{
		{name: "none", snap: scaletest.Snapshot(), calls: []string{"read"}},
		{name: "that is stale", snap: scaletest.Snapshot(stale), calls: []string{"read", "try lock", "read", "write", "unlock"}, drift: true, restored: true},
		{name: "that is an edit", snap: scaletest.Snapshot(edited), calls: []string{"read", "try lock", "read", "unlock"}, drift: true},
		{name: "not while another process is at work", snap: scaletest.Snapshot(stale), busy: true, calls: []string{"read", "try lock"}, drift: true},
		{name: "not that another process has settled", snap: scaletest.Snapshot(stale), later: scaletest.Snapshot(), calls: []string{"read", "try lock", "read", "unlock"}, drift: true},
		{name: "to keep", snap: scaletest.Snapshot(stale), mode: scale.Keep, calls: []string{"read", "try lock", "read", "unlock"}, drift: true},
		{name: "to fail for", snap: scaletest.Snapshot(stale), mode: scale.Fail, calls: []string{"read", "try lock", "read", "unlock"}, err: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := scaletest.NewStack(t, c.snap)
			fake.Busy = c.busy
			if c.later != nil {
				fake.OnRead = func(n int) (*scale.Snapshot, error) {
					if n == 1 {
						return scaletest.CopyOf(c.snap), nil
					}
					return scaletest.CopyOf(c.later), nil
				}
			}
			scaler := scalerOf(fake)
			if c.mode != "" {
				scaler.OnDrift = c.mode
			}
			got, _, err := scaler.Pools(context.Background())
			if diff := cmp.Diff(c.calls, fake.Calls); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			var drift *scale.DriftError
			if errors.As(err, &drift) != c.err {
				t.Fatalf("got error %v", err)
			}
			if c.err {
				return
			}
			worker := got[1]
			if (worker.Drift != nil) != c.drift || worker.Restored != c.restored || got[0].Drift != nil {
				t.Errorf("got %+v", worker)
			}
		})
	}
}

func TestRestore(t *testing.T) {
	edit := func(s *scale.Snapshot) { s.File["api"] = new("8") }
	fake := scaletest.NewStack(t, scaletest.Snapshot(scaletest.WithFile("worker", "-"), edit))
	scaler := scalerOf(fake)
	scaler.OnDrift = scale.Fail // this is for scaling: restore does what its name says
	got, err := scaler.Restore(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]scale.Drift{{Pool: "worker", Key: "workerCount", Configured: new("3")}}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"lock", "read", "write", "unlock"}, fake.Calls); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(fake.Observed) != 2 {
		t.Errorf("the edit was not reported: %v", fake.Observed)
	}
}

// The `pulumi up` that follows may be the one that mends the rules.
func TestRestoreNeedsTheKeysOfTheRulesAlone(t *testing.T) {
	malformed := &scale.RulesError{Problems: []scale.Problem{{Pool: "worker", Field: "cooldwon"}}}
	for _, keys := range []scale.Rules{nil, {"worker": {Pool: "worker", ConfigKey: "workerCount"}}} {
		malformed.Keys = keys
		fake := scaletest.NewStack(t, scaletest.Snapshot(scaletest.WithFile("worker", "-")))
		read := fake.OnRead
		fake.OnRead = func(i int) (*scale.Snapshot, error) {
			snap, _ := read(i)
			snap.Rules = keys
			return snap, malformed
		}
		got, err := scalerOf(fake).Restore(context.Background())
		if !errors.Is(err, malformed) || len(got) != len(keys) || slices.Contains(fake.Calls, "write") != (len(keys) > 0) {
			t.Errorf("%v: restored %v, error %v, calls %v", keys, got, err, fake.Calls)
		}
	}
}

func TestVerifyRules(t *testing.T) {
	steps := []scale.ResourceStep{{Op: "update", URN: scaletest.WorkerURN}, {Op: "update", URN: scaletest.APIURN}}
	for _, c := range []struct {
		name   string
		edit   func(*scale.Snapshot)
		result scale.Result
		err    error
		want   scale.RuleCheck
	}{
		{"a changed target proves the rule", func(*scale.Snapshot) {}, scale.Result{Steps: steps}, nil, scale.RuleCheck{To: 2, Steps: steps[:1]}},
		{
			"another resource's change does not", func(*scale.Snapshot) {}, scale.Result{Steps: steps[1:]}, nil,
			scale.RuleCheck{To: 2, Problem: `changing config "workerCount" to 2 changes none of the targets`},
		},
		{
			"a target that stands for nothing does not", scaletest.WithRule("worker", func(r *scale.Rule) { r.Targets = []string{scaletest.WorkerURN, "**::none"} }), scale.Result{Steps: steps}, nil,
			scale.RuleCheck{To: 2, Steps: steps[:1], Problem: "target **::none matches no resource of the stack"},
		},
		{
			"a failed preview does not", func(*scale.Snapshot) {}, scale.Result{}, &scale.TargetError{Target: scaletest.WorkerURN},
			scale.RuleCheck{To: 2, Problem: (&scale.TargetError{Pool: "worker", Target: scaletest.WorkerURN}).Error()},
		},
		{
			"a preview that Kubernetes refuses does not, and tells who owns the field", func(*scale.Snapshot) {}, scale.Result{},
			&scale.EngineError{Operation: "preview", Owners: []string{"kubectl"}},
			scale.RuleCheck{To: 2, Problem: "the preview failed", Owners: []string{"kubectl"}},
		},
		{
			"a configured value that is no count does not", scaletest.WithUpdates(scaletest.Update(0, "worker", "many", "api", "2")), scale.Result{}, nil,
			scale.RuleCheck{Problem: (&scale.ValueError{Pool: "worker", Key: "workerCount", Found: `"many"`}).Error()},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := scaletest.Snapshot(c.edit)
			delete(snap.Rules, "api")
			fake := scaletest.NewStack(t, snap)
			fake.OnPreview = func(int, scale.Change) (*scale.Result, error) { return &c.result, c.err }
			got, err := scalerOf(fake).Verify(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			c.want.Pool = "worker"
			if diff := cmp.Diff([]scale.RuleCheck{c.want}, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for _, change := range fake.Previewed {
				if diff := cmp.Diff(scaletest.SettingsOf("workerCount", "2"), change.Settings); diff != "" {
					t.Errorf("previewed: -want +got:\n%s", diff)
				}
			}
			if fake.Times("update")+fake.Times("write")+fake.Times("lock") > 0 {
				t.Errorf("something was changed: %v", fake.Calls)
			}
		})
	}
}
