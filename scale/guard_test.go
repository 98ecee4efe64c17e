package scale

import (
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
			broken := ruleWith(c.guard).Violations(p, []ResourceStep{c.step})
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
			after := Judge(c.snap, before, &Result{Steps: replaced, Seen: c.seen})
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
	if diff := cmp.Diff(p, Judge(snap, p, &Result{Seen: []string{apiURN}, Steps: []ResourceStep{{Op: "update", URN: apiURN}}})); diff != "" {
		t.Errorf("-before +after:\n%s", diff)
	}
}
