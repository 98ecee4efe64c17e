package scale_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestGuardForbids(t *testing.T) {
	const otherURN = "urn:pulumi:dev::demo::pkg:index:Disk::data"
	guards := func(g ...scale.Guard) scaletest.RuleEdit { return func(r *scale.Rule) { r.Guard = g } }
	of := func(op, urn string) scale.ResourceStep { return scale.ResourceStep{Op: op, URN: urn, Name: "n"} }
	for _, c := range []struct {
		name       string
		guard      scaletest.RuleEdit
		step       scale.ResourceStep
		dependents bool
		want       bool
	}{
		{"no guard forbids nothing", nil, of("delete", otherURN), false, false},
		{"replace forbids to replace a target", guards(scale.GuardReplace), of("replace", scaletest.WorkerURN), false, true},
		{"replace forbids to create the replacement", guards(scale.GuardReplace), of("create-replacement", scaletest.WorkerURN), false, true},
		{"replace forbids to delete the replaced", guards(scale.GuardReplace), of("delete-replaced", otherURN), false, true},
		{"replace lets update", guards(scale.GuardReplace), of("update", scaletest.WorkerURN), false, false},
		{"replace lets delete", guards(scale.GuardReplace), of("delete", otherURN), false, false},
		{"replace leaves another pool's targets to that pool", guards(scale.GuardReplace), of("replace", scaletest.APIURN), false, false},
		{"delete forbids to delete another resource", guards(scale.GuardDelete), of("delete", otherURN), false, true},
		{"delete forbids to delete a dependent", guards(scale.GuardDelete), of("delete", otherURN), true, true},
		{"delete lets delete a target", guards(scale.GuardDelete), of("delete", scaletest.WorkerURN), false, false},
		{"delete lets update another resource", guards(scale.GuardDelete), of("update", otherURN), false, false},
		{"untargeted forbids to touch another resource", guards(scale.GuardUntargeted), of("update", otherURN), false, true},
		{"untargeted forbids to create another resource", guards(scale.GuardUntargeted), of("create", otherURN), false, true},
		{"untargeted lets touch a target", guards(scale.GuardUntargeted), of("update", scaletest.WorkerURN), false, false},
		{"untargeted lets touch a dependent", guards(scale.GuardUntargeted), of("update", otherURN), true, false},
		{"any of several guards forbids", guards(scale.GuardReplace, scale.GuardDelete), of("delete", otherURN), false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := scale.Plan{Change: scale.Change{Targets: []string{scaletest.WorkerURN, scaletest.APIURN}, TargetDependents: c.dependents}}
			broken := scaletest.RuleWith(c.guard).Violations(p, []scale.ResourceStep{c.step})
			if got := len(broken) > 0; got != c.want {
				t.Errorf("forbidden: %v, want %v: %v", got, c.want, broken)
			}
		})
	}
}

func TestJudgeDropsOnePoolAndKeepsTheOther(t *testing.T) {
	replaced := []scale.ResourceStep{{Op: "replace", URN: scaletest.WorkerURN, Name: "worker"}, {Op: "update", URN: scaletest.APIURN, Name: "api"}}
	for _, c := range []struct {
		name string
		snap *scale.Snapshot
		seen []string
		// worker is what becomes of the decision for it.
		worker scale.Decision
	}{
		{
			"for its guard", scaletest.Snapshot(scaletest.WithRule("worker", scaletest.Guarded(scale.GuardReplace))), nil,
			scale.Decision{Outcome: scale.Guarded, Reason: `the rule's guard forbids what the preview shows: replace of worker (guard "replace")`},
		},
		{
			"for a target that stands for nothing", scaletest.Snapshot(scaletest.WithRule("worker", func(r *scale.Rule) { r.Targets = []string{"**::nothing-*"} })), []string{scaletest.APIURN},
			scale.Decision{Outcome: scale.Refused, Reason: nothingMatched.Error(), Err: nothingMatched},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := scale.MakePlan(c.snap, []scale.Intent{scaletest.ToCount(5), {Pool: "api", Count: new(4)}}, scaletest.Noon)
			after := scale.Judge(c.snap, before, &scale.Result{Steps: replaced, Seen: c.seen})
			c.worker.Intent, c.worker.From, c.worker.Wanted, c.worker.To = scaletest.ToCount(5), new(3), 5, 5
			want := scale.Plan{
				Decisions: []scale.Decision{c.worker, before.Decisions[1]},
				Moves:     before.Moves[:1],
				Change: scale.Change{
					Settings: scaletest.SettingsOf("apiCount", "4", "workerCount", "3"), Pools: []string{"api"}, Targets: []string{scaletest.APIURN},
					Message: "pulumiscale: api 2 -> 4", Head: "head",
				},
			}
			if diff := cmp.Diff(want, after); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if before.Decisions[0].Outcome != scale.Scale {
				t.Error("the plan before has changed too")
			}
		})
	}
}

var nothingMatched = &scale.TargetError{Pool: "worker", Target: "**::nothing-*"}

func TestJudgeLeavesWhatNeedsNoMove(t *testing.T) {
	snap := scaletest.Snapshot(scaletest.WithRule("worker", func(r *scale.Rule) { r.Targets = []string{"**::nothing-*"} }))
	p := scale.MakePlan(snap, []scale.Intent{scaletest.ByDelta(1), scaletest.ByDelta(-1), {Pool: "api", Count: new(4)}}, scaletest.Noon)
	if diff := cmp.Diff(p, scale.Judge(snap, p, &scale.Result{Seen: []string{scaletest.APIURN}, Steps: []scale.ResourceStep{{Op: "update", URN: scaletest.APIURN}}})); diff != "" {
		t.Errorf("-before +after:\n%s", diff)
	}
}
