package scale

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPools(t *testing.T) {
	const minute = time.Minute
	updates := withUpdates(
		update(minute, "worker", "9", "api", "many").failed(),
		update(2*minute, "worker", "5", "api", "many"), update(time.Hour, "worker", "3", "api", "2"),
	)
	snap := snapshot(updates, withFile("worker", "5", "api", "many"), withRule("worker", split(10*minute, 30*minute)),
		withRule("worker", func(r *Rule) { r.Current = new(4) }))
	got, _, err := newFake(t, snap).scaler().Pools(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	want := []Status{
		{Rule: snap.Rules["api"], Err: &ValueError{Pool: "api", Key: "apiCount", Found: `"many"`}},
		{
			Rule: snap.Rules["worker"], Count: new(4), Configured: new(5), UpUntil: noon.Add(8 * minute), DownUntil: noon.Add(28 * minute),
			Last: &Scaling{Pool: "worker", From: 3, To: 5, Update: snap.Updates[1]},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAPoolWasNeverScaledOnlyWhereAllOfTheHistoryIsKnown(t *testing.T) {
	snap := snapshot()
	for complete, want := range map[bool]int{true: 0, false: len(snap.Updates)} {
		snap.Complete = complete
		if got := snap.Status(snap.Rules["worker"], noon); got.Last != nil || got.LastAmong != want {
			t.Errorf("complete %v: %+v", complete, got)
		}
	}
	scaled := snapshot(withUpdates(update(time.Minute, "worker", "5"), update(time.Hour, "worker", "3")))
	scaled.Complete = false
	if got := scaled.Status(scaled.Rules["worker"], noon); got.Last == nil || got.LastAmong != 0 {
		t.Errorf("scaled: %+v", got)
	}
}

func TestPoolsSettlesDrift(t *testing.T) {
	stale, edited := withFile("worker", "-"), withFile("worker", "4")
	for _, c := range []struct {
		name string
		// snap is what is read first, and later is what is read with the lock held, if that differs.
		snap, later *Snapshot
		busy        bool
		mode        OnDrift
		calls       []string
		drift       bool
		restored    bool
		err         bool
	}{
		{name: "none", snap: snapshot(), calls: []string{"read"}},
		{name: "that is stale", snap: snapshot(stale), calls: []string{"read", "try lock", "read", "write", "unlock"}, drift: true, restored: true},
		{name: "that is an edit", snap: snapshot(edited), calls: []string{"read", "try lock", "read", "unlock"}, drift: true},
		{name: "not while another process is at work", snap: snapshot(stale), busy: true, calls: []string{"read", "try lock"}, drift: true},
		{name: "not that another process has settled", snap: snapshot(stale), later: snapshot(), calls: []string{"read", "try lock", "read", "unlock"}, drift: true},
		{name: "to keep", snap: snapshot(stale), mode: Keep, calls: []string{"read", "try lock", "read", "unlock"}, drift: true},
		{name: "to fail for", snap: snapshot(stale), mode: Fail, calls: []string{"read", "try lock", "read", "unlock"}, err: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := newFake(t, c.snap)
			fake.busy = c.busy
			if c.later != nil {
				fake.onRead = func(n int) (*Snapshot, error) {
					if n == 1 {
						return copyOf(c.snap), nil
					}
					return copyOf(c.later), nil
				}
			}
			scaler := fake.scaler()
			if c.mode != "" {
				scaler.OnDrift = c.mode
			}
			got, _, err := scaler.Pools(context.Background())
			if diff := cmp.Diff(c.calls, fake.calls); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			var drift *DriftError
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
	edit := func(s *Snapshot) { s.File["api"] = new("8") }
	fake := newFake(t, snapshot(withFile("worker", "-"), edit))
	scaler := fake.scaler()
	scaler.OnDrift = Fail // this is for scaling: restore does what its name says
	got, err := scaler.Restore(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Drift{{Pool: "worker", Key: "workerCount", Configured: new("3")}}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"lock", "read", "write", "unlock"}, fake.calls); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(fake.observed) != 2 {
		t.Errorf("the edit was not reported: %v", fake.observed)
	}
}

// The `pulumi up` that follows may be the one that mends the rules.
func TestRestoreNeedsTheKeysOfTheRulesAlone(t *testing.T) {
	malformed := &RulesError{Problems: []Problem{{Pool: "worker", Field: "cooldwon"}}}
	for _, keys := range []Rules{nil, {"worker": {Pool: "worker", ConfigKey: "workerCount"}}} {
		malformed.Keys = keys
		fake := newFake(t, snapshot(withFile("worker", "-")))
		read := fake.onRead
		fake.onRead = func(i int) (*Snapshot, error) {
			snap, _ := read(i)
			snap.Rules = keys
			return snap, malformed
		}
		got, err := fake.scaler().Restore(context.Background())
		if !errors.Is(err, malformed) || len(got) != len(keys) || slices.Contains(fake.calls, "write") != (len(keys) > 0) {
			t.Errorf("%v: restored %v, error %v, calls %v", keys, got, err, fake.calls)
		}
	}
}

func TestVerifyRules(t *testing.T) {
	steps := []ResourceStep{{Op: "update", URN: workerURN}, {Op: "update", URN: apiURN}}
	for _, c := range []struct {
		name   string
		edit   func(*Snapshot)
		result Result
		err    error
		want   RuleProof
	}{
		{"a changed target proves the rule", func(*Snapshot) {}, Result{Steps: steps}, nil, RuleProof{To: 2, Steps: steps[:1]}},
		{
			"another resource's change does not", func(*Snapshot) {}, Result{Steps: steps[1:]}, nil,
			RuleProof{To: 2, Problem: `changing config "workerCount" to 2 changes none of the targets`},
		},
		{
			"a target that stands for nothing does not", withRule("worker", func(r *Rule) { r.Targets = []string{workerURN, "**::none"} }), Result{Steps: steps}, nil,
			RuleProof{To: 2, Steps: steps[:1], Problem: "target **::none matches no resource of the stack"},
		},
		{
			"a failed preview does not", func(*Snapshot) {}, Result{}, &TargetError{Target: workerURN},
			RuleProof{To: 2, Problem: (&TargetError{Pool: "worker", Target: workerURN}).Error()},
		},
		{
			"a configured value that is no count does not", withUpdates(update(0, "worker", "many", "api", "2")), Result{}, nil,
			RuleProof{Problem: (&ValueError{Pool: "worker", Key: "workerCount", Found: `"many"`}).Error()},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := snapshot(c.edit)
			delete(snap.Rules, "api")
			fake := newFake(t, snap)
			fake.onPreview = func(int, Change) (*Result, error) { return &c.result, c.err }
			got, err := fake.scaler().Verify(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			c.want.Pool = "worker"
			if diff := cmp.Diff([]RuleProof{c.want}, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for _, change := range fake.previewed {
				if diff := cmp.Diff(settingsOf("workerCount", "2"), change.Settings); diff != "" {
					t.Errorf("previewed: -want +got:\n%s", diff)
				}
			}
			if fake.times("update")+fake.times("write")+fake.times("lock") > 0 {
				t.Errorf("something was changed: %v", fake.calls)
			}
		})
	}
}
