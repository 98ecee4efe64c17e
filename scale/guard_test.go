package scale

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGuardForbids(t *testing.T) {
	const otherURN = "urn:pulumi:dev::demo::pkg:index:Disk::data"
	guards := func(g ...Guard) ruleEdit { return func(r *Rule) { r.Guard = g } }
	of := func(op, urn string) ResourceStep { return ResourceStep{Op: op, URN: urn, Name: "n"} }
	for _, c := range []struct {
		name       string
		guard      ruleEdit
		step       ResourceStep
		dependents bool
		want       bool
	}{
		{"no guard forbids nothing", nil, of("delete", otherURN), false, false},
		{"replace forbids to replace a target", guards(GuardReplace), of("replace", workerURN), false, true},
		{"replace forbids to create the replacement", guards(GuardReplace), of("create-replacement", workerURN), false, true},
		{"replace forbids to delete the replaced", guards(GuardReplace), of("delete-replaced", otherURN), false, true},
		{"replace lets update", guards(GuardReplace), of("update", workerURN), false, false},
		{"replace lets delete", guards(GuardReplace), of("delete", otherURN), false, false},
		{"replace leaves another pool's targets to that pool", guards(GuardReplace), of("replace", apiURN), false, false},
		{"delete forbids to delete another resource", guards(GuardDelete), of("delete", otherURN), false, true},
		{"delete forbids to delete a dependent", guards(GuardDelete), of("delete", otherURN), true, true},
		{"delete lets delete a target", guards(GuardDelete), of("delete", workerURN), false, false},
		{"delete lets update another resource", guards(GuardDelete), of("update", otherURN), false, false},
		{"untargeted forbids to touch another resource", guards(GuardUntargeted), of("update", otherURN), false, true},
		{"untargeted forbids to create another resource", guards(GuardUntargeted), of("create", otherURN), false, true},
		{"untargeted lets touch a target", guards(GuardUntargeted), of("update", workerURN), false, false},
		{"untargeted lets touch a dependent", guards(GuardUntargeted), of("update", otherURN), true, false},
		{"any of several guards forbids", guards(GuardReplace, GuardDelete), of("delete", otherURN), false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Plan{Change: Change{Targets: []string{workerURN, apiURN}, TargetDependents: c.dependents}}
			broken := ruleWith(c.guard).violations(p, []ResourceStep{c.step})
			if got := len(broken) > 0; got != c.want {
				t.Errorf("forbidden: %v, want %v: %v", got, c.want, broken)
			}
		})
	}
}

func guarded(g Guard) ruleEdit { return func(r *Rule) { r.Guard = []Guard{g} } }

func TestJudgeDropsOnePoolAndKeepsTheOther(t *testing.T) {
	replaced := []ResourceStep{{Op: "replace", URN: workerURN, Name: "worker"}, {Op: "update", URN: apiURN, Name: "api"}}
	for _, c := range []struct {
		name string
		snap *Snapshot
		seen []string
		// worker is what becomes of the decision for it.
		worker Decision
	}{
		{
			"for its guard", snapshot(withRule("worker", guarded(GuardReplace))), nil,
			Decision{Outcome: Guarded, Reason: `the rule's guard forbids what the preview shows: replace of worker (guard "replace")`},
		},
		{
			"for a target that stands for nothing", snapshot(withRule("worker", func(r *Rule) { r.Targets = []string{"**::nothing-*"} })), []string{apiURN},
			Decision{Outcome: Refused, Reason: nothingMatched.Error(), Err: nothingMatched},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := MakePlan(c.snap, []Intent{toCount(5), {Pool: "api", Count: new(4)}}, noon)
			after := judge(c.snap, before, &Result{Steps: replaced, Seen: c.seen})
			c.worker.Intent, c.worker.From, c.worker.Wanted, c.worker.To = toCount(5), new(3), 5, 5
			want := Plan{
				Decisions: []Decision{c.worker, before.Decisions[1]},
				Moves:     before.Moves[:1],
				Change: Change{
					Settings: settingsOf("apiCount", "4", "workerCount", "3"), Pools: []string{"api"}, Targets: []string{apiURN},
					Message: "pulumiscale: api 2 -> 4", Head: "head",
				},
			}
			if diff := cmp.Diff(want, after); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if before.Decisions[0].Outcome != Scale {
				t.Error("the plan before has changed too")
			}
		})
	}
}

var nothingMatched = &TargetError{Pool: "worker", Target: "**::nothing-*"}

func TestJudgeLeavesWhatNeedsNoMove(t *testing.T) {
	snap := snapshot(withRule("worker", func(r *Rule) { r.Targets = []string{"**::nothing-*"} }))
	p := MakePlan(snap, []Intent{byDelta(1), byDelta(-1), {Pool: "api", Count: new(4)}}, noon)
	if diff := cmp.Diff(p, judge(snap, p, &Result{Seen: []string{apiURN}, Steps: []ResourceStep{{Op: "update", URN: apiURN}}})); diff != "" {
		t.Errorf("-before +after:\n%s", diff)
	}
}

func TestProve(t *testing.T) {
	wildcard := func(r *Rule) { r.Targets = []string{"**::worker-*"} }
	several := withRule("worker", func(r *Rule) { r.Targets = []string{"**::worker*"} })
	doubtful := func(s *Snapshot) { s.Unverified = map[string]Doubt{"worker": {From: new(3), To: 3, Reason: "r"}} }
	changed := Result{Seen: []string{workerURN}, Steps: []ResourceStep{{Op: "update", URN: workerURN}}}
	const made = "urn:pulumi:dev::demo::pkg:index:Worker::worker-0"
	for _, c := range []struct {
		name    string
		snap    *Snapshot
		preview Result
		calls   []string
		want    []Outcome
	}{
		{"a plain rule is not previewed", snapshot(), Result{}, nil, []Outcome{Scale}},
		{"a guard asks for a preview", snapshot(withRule("worker", guarded(GuardDelete))), changed, []string{"preview"}, []Outcome{Scale}},
		{"another pool's guard does not", snapshot(withRule("api", guarded(GuardDelete))), Result{}, nil, []Outcome{Scale}},
		{"a wildcard that matches something is not previewed", snapshot(withRule("worker", func(r *Rule) { r.Targets = []string{"**::worker*"} })), Result{}, nil, []Outcome{Scale}},
		{"a wildcard that matches nothing is previewed", snapshot(withRule("worker", wildcard)), Result{}, []string{"preview"}, []Outcome{Refused}},
		{"a wildcard that will match is let through", snapshot(withRule("worker", wildcard)), Result{Seen: []string{made}, Steps: []ResourceStep{{Op: "create", URN: made}}}, []string{"preview"}, []Outcome{Scale}},
		{"a pool whose last update is not proved is previewed", snapshot(doubtful), changed, []string{"preview"}, []Outcome{Scale}},
		{"and refused where the preview changes none of its targets", snapshot(doubtful), Result{Seen: []string{workerURN}}, []string{"preview"}, []Outcome{Refused}},
		{"a protected target is previewed", snapshot(withProtected(workerURN), several), changed, []string{"preview"}, []Outcome{Scale}},
		{"the only one is not, on the way out", snapshot(withProtected(workerURN)), Result{}, nil, []Outcome{Scale}},
		{"nor are others", snapshot(withProtected(apiURN), several), Result{}, nil, []Outcome{Scale}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := newFake(t, c.snap)
			fake.onPreview = func(int, Change) (*Result, error) { return &c.preview, nil }
			p, err := fake.scaler().prove(context.Background(), c.snap, MakePlan(c.snap, []Intent{toCount(5)}, noon))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, outcomes(p)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.calls, fake.calls); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func withProtected(urns ...string) func(*Snapshot) { return func(s *Snapshot) { s.Protected = urns } }

func TestAProtectedResourceRefusesItsPoolAndNoOther(t *testing.T) {
	for _, c := range []struct {
		name string
		urn  string
		want []Outcome
	}{
		{"its own", workerURN, []Outcome{Refused, Scale}},
		{"nobody's", "urn:pulumi:dev::demo::pkg:index:Pool::other", []Outcome{Refused, Refused}},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := snapshot(withProtected(workerURN), withRule("api", guarded(GuardDelete)))
			fake := newFake(t, snap)
			otherwise := fake.onPreview
			fake.onPreview = func(n int, c2 Change) (*Result, error) {
				if slices.Contains(c2.Pools, "worker") {
					return nil, &ProtectedError{URN: c.urn}
				}
				return otherwise(n, c2)
			}
			p, err := fake.scaler().prove(context.Background(), snap, MakePlan(snap, []Intent{toCount(2), {Pool: "api", Count: new(4)}}, noon))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, outcomes(p)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			var found *ProtectedError
			if d := p.Decisions[0]; !errors.As(d.Err, &found) || found.Pool != "worker" || found.URN != c.urn {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestProveNamesThePoolOfATarget(t *testing.T) {
	snap := snapshot(withRule("worker", guarded(GuardDelete)))
	fake := newFake(t, snap)
	fake.onPreview = func(int, Change) (*Result, error) { return nil, &TargetError{Target: workerURN} }
	_, err := fake.scaler().prove(context.Background(), snap, MakePlan(snap, []Intent{toCount(5)}, noon))
	var target *TargetError
	if !errors.As(err, &target) || target.Pool != "worker" {
		t.Errorf("got %#v", err)
	}
}
