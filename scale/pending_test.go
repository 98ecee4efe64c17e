package scale_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func perpetual(s scale.ResourceStep) scale.ResourceStep { s.Perpetual = true; return s }

func TestWhatOfAPreviewIsPending(t *testing.T) {
	of := func(pool string, changes ...scale.PendingChange) map[string][]scale.PendingChange {
		return map[string][]scale.PendingChange{pool: changes}
	}
	bothPools := func(s *scale.Snapshot) {
		scaletest.WithRule("api", func(r *scale.Rule) { r.Targets = []string{scaletest.WorkerURN} })(s)
	}
	for _, c := range []struct {
		name   string
		edit   func(*scale.Snapshot)
		pools  []string
		result scale.Result
		own    map[string][]scale.PendingChange
		shared []scale.PendingChange
	}{
		{name: "no step, nothing"},
		{
			name: "a step of a target is its pool's own, with its properties", result: scale.Result{Steps: []scale.ResourceStep{scaletest.StepOf("update", scaletest.WorkerURN, "dir", "size")}},
			own: of("worker", scaletest.Waiting("update", scaletest.WorkerURN, "dir", "size")),
		},
		{
			name:   "a creation, a deletion and an import are pending too",
			result: scale.Result{Steps: []scale.ResourceStep{scaletest.StepOf("create", scaletest.WorkerURN), scaletest.StepOf("delete", scaletest.APIURN), scaletest.StepOf("import", scaletest.ProviderURN)}},
			own:    map[string][]scale.PendingChange{"worker": {scaletest.Waiting("create", scaletest.WorkerURN)}, "api": {scaletest.Waiting("delete", scaletest.APIURN)}}, shared: []scale.PendingChange{scaletest.Waiting("import", scaletest.ProviderURN)},
		},
		{
			name: "a target of two pools is of both", edit: bothPools, result: scale.Result{Steps: []scale.ResourceStep{scaletest.StepOf("update", scaletest.WorkerURN, "dir")}},
			own: map[string][]scale.PendingChange{"worker": {scaletest.Waiting("update", scaletest.WorkerURN, "dir")}, "api": {scaletest.Waiting("update", scaletest.WorkerURN, "dir")}},
		},
		{
			name: "a target of a pool that is not asked for is shared: it comes along all the same", pools: []string{"worker"},
			result: scale.Result{Steps: []scale.ResourceStep{scaletest.StepOf("update", scaletest.APIURN, "dir")}}, shared: []scale.PendingChange{scaletest.Waiting("update", scaletest.APIURN, "dir")},
		},
		{
			name: "a provider is shared", result: scale.Result{Steps: []scale.ResourceStep{scaletest.StepOf("update", scaletest.ProviderURN, "region")}},
			shared: []scale.PendingChange{scaletest.Waiting("update", scaletest.ProviderURN, "region")},
		},
		{
			name: "a perpetual difference is none", result: scale.Result{Steps: []scale.ResourceStep{perpetual(scaletest.StepOf("update", scaletest.WorkerURN, "hash"))}},
		},
		{
			name: "only an update can be perpetual", result: scale.Result{Steps: []scale.ResourceStep{perpetual(scaletest.StepOf("replace", scaletest.WorkerURN, "hash"))}},
			own: of("worker", scaletest.Waiting("replace", scaletest.WorkerURN, "hash")),
		},
		{
			name: "a replacement counts once",
			result: scale.Result{Steps: []scale.ResourceStep{
				scaletest.StepOf("create-replacement", scaletest.WorkerURN, "name"), scaletest.StepOf("replace", scaletest.WorkerURN, "name"), scaletest.StepOf("delete-replaced", scaletest.WorkerURN),
			}},
			own: of("worker", scaletest.Waiting("replace", scaletest.WorkerURN, "name")),
		},
		{
			name: "an option of a target is its pool's own", result: scale.Result{ChangedOptions: []scale.PendingChange{scaletest.Waiting("update", scaletest.WorkerURN, "protect")}},
			own: of("worker", scaletest.Waiting("update", scaletest.WorkerURN, "protect")),
		},
		{
			name: "an option of any other resource is left as it is", result: scale.Result{ChangedOptions: []scale.PendingChange{scaletest.Waiting("update", scaletest.ProviderURN, "protect")}},
		},
		{
			name: "an output of the stack is shared", result: scale.Result{ChangedOutputs: []string{"url"}}, shared: []scale.PendingChange{{Op: "output", Name: "url"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := scaletest.Snapshot()
			if c.edit != nil {
				c.edit(snap)
			}
			if c.pools == nil {
				c.pools = []string{"api", "worker"}
			}
			if c.own == nil {
				c.own = map[string][]scale.PendingChange{}
			}
			own, shared := scale.JudgePending(snap, c.pools, &c.result)
			if diff := cmp.Diff(c.own, own); diff != "" {
				t.Errorf("own: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.shared, shared); diff != "" {
				t.Errorf("shared: -want +got:\n%s", diff)
			}
		})
	}
}

func TestPendingChangeInWords(t *testing.T) {
	for want, change := range map[string]scale.PendingChange{
		"stack output url":                             {Op: "output", Name: "url"},
		"create of pkg:index:T worker":                 scaletest.Waiting("create", scaletest.WorkerURN),
		"update of pkg:index:T worker (dir, size)":     scaletest.Waiting("update", scaletest.WorkerURN, "dir", "size"),
		"replace of pkg:index:T worker (name)":         scaletest.Waiting("replace", scaletest.WorkerURN, "name"),
		"update of pkg:index:T worker (tags[\"a.b\"])": scaletest.Waiting("update", scaletest.WorkerURN, `tags["a.b"]`),
	} {
		if got := change.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestReasonOfWhatIsPending(t *testing.T) {
	const commit, other = "0123456789abcdef", "fedcba9876543210"
	outputs := func(n int) []scale.PendingChange {
		var out []scale.PendingChange
		for i := range n {
			out = append(out, scale.PendingChange{Op: "output", Name: string(rune('a' + i))})
		}
		return out
	}
	for _, c := range []struct {
		name    string
		program scale.Program
		changes []scale.PendingChange
		want    string
	}{
		{"says what", scale.Program{}, outputs(1), "the update would also make pending changes: stack output a"},
		{
			"says five, and how many more there are", scale.Program{}, outputs(7),
			"the update would also make pending changes: stack output a; stack output b; stack output c; stack output d; stack output e; 2 more",
		},
		{
			"says both commits", scale.Program{Deploy: &scale.Deploy{Commit: commit}, Commit: other}, outputs(1),
			"the update would also make pending changes: stack output a; the stack was deployed from commit 0123456789, and this checkout is at commit fedcba9876",
		},
		{
			"says that the deploy was not committed", scale.Program{Deploy: &scale.Deploy{Commit: commit, Dirty: true}, Commit: commit}, outputs(1),
			"the update would also make pending changes: stack output a; the stack was deployed from commit 0123456789 with changes that were not committed, " +
				"and this checkout is at commit 0123456789",
		},
		{
			"says that the deploy's commit is not known", scale.Program{Deploy: &scale.Deploy{}}, outputs(1),
			"the update would also make pending changes: stack output a; the stack was deployed from no known commit",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := scaletest.Snapshot()
			snap.Program = c.program
			if diff := cmp.Diff(c.want, snap.PendingReason(c.changes)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	if got := scale.Abbreviate("ab"); got != "ab" {
		t.Errorf("of a short hash %q", got)
	}
}

func TestFollows(t *testing.T) {
	ours := func(head string) scale.Update {
		return scale.Update{Kind: scale.UpdateUpdate, Succeeded: true, Head: head, Pools: []string{"worker"}}
	}
	theirs := func(head string) scale.Update {
		return scale.Update{Kind: scale.UpdateUpdate, Succeeded: true, Head: head}
	}
	along := func(u scale.Update) scale.Update { u.BroughtAlong = true; return u }
	for _, c := range []struct {
		name    string
		updates []scale.Update
		want    bool
	}{
		{"the newest update follows itself", []scale.Update{theirs("proved")}, true},
		{"scalings of ours follow it", []scale.Update{ours("3"), ours("2"), theirs("proved"), theirs("0")}, true},
		{"one of ours that failed too", []scale.Update{scaletest.Failed(ours("2")), theirs("proved")}, true},
		{"somebody's update does not", []scale.Update{theirs("2"), theirs("proved")}, false},
		{"nor one below ours", []scale.Update{ours("3"), theirs("2"), theirs("proved")}, false},
		{"nor one that failed", []scale.Update{scaletest.Failed(theirs("2")), theirs("proved")}, false},
		{"nor somebody's refresh", []scale.Update{scaletest.OfKind(theirs("2"), "refresh"), theirs("proved")}, false},
		{"nor one of ours that was allowed to bring something along", []scale.Update{along(ours("2")), theirs("proved")}, false},
		{"one that brought something along before the proof does not matter", []scale.Update{ours("2"), along(ours("proved"))}, true},
		{"a head that is not in the history is unknown", []scale.Update{ours("3"), ours("2")}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := scaletest.Snapshot(scaletest.WithUpdates(c.updates...))
			snap.Head = c.updates[0].Head
			if got := snap.Follows("proved"); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
	if !(&scale.Snapshot{}).Follows("") {
		t.Error("a stack without updates does not follow itself")
	}
}

func TestUnchangedCounts(t *testing.T) {
	const madeURN = "urn:pulumi:dev::demo::pkg:index:Worker::worker-0"
	for _, c := range []struct {
		name  string
		edit  func(*scale.Snapshot)
		pools []string
		sizes map[string]int
		want  scale.Change
		none  bool
	}{
		{
			name: "has every count as it is configured", pools: []string{"api", "worker"},
			want: scale.Change{Settings: scaletest.SettingsOf("apiCount", "2", "workerCount", "3"), Targets: []string{scaletest.APIURN, scaletest.WorkerURN}},
		},
		{
			name: "targets the pools that are asked for alone", pools: []string{"worker"},
			want: scale.Change{Settings: scaletest.SettingsOf("apiCount", "2", "workerCount", "3"), Targets: []string{scaletest.WorkerURN}},
		},
		{
			name: "has the state's size where that is another", pools: []string{"worker"}, sizes: map[string]int{"worker": 7},
			want: scale.Change{Settings: scaletest.SettingsOf("apiCount", "2", "workerCount", "7"), Targets: []string{scaletest.WorkerURN}},
		},
		{
			name: "the size of a pool that is not asked for is not its concern", pools: []string{"api"}, sizes: map[string]int{"worker": 7},
			want: scale.Change{Settings: scaletest.SettingsOf("apiCount", "2", "workerCount", "3"), Targets: []string{scaletest.APIURN}},
		},
		{
			name: "updates dependents if one of the pools does", pools: []string{"api", "worker"}, edit: scaletest.WithRule("api", func(r *scale.Rule) { r.TargetDependents = true }),
			want: scale.Change{Settings: scaletest.SettingsOf("apiCount", "2", "workerCount", "3"), Targets: []string{scaletest.APIURN, scaletest.WorkerURN}, TargetDependents: true},
		},
		{
			name: "leaves out a URN that is not there, which the engine would refuse", pools: []string{"worker"},
			edit: scaletest.WithRule("worker", func(r *scale.Rule) { r.Targets = []string{madeURN, scaletest.WorkerURN} }),
			want: scale.Change{Settings: scaletest.SettingsOf("apiCount", "2", "workerCount", "3"), Targets: []string{scaletest.WorkerURN}},
		},
		{
			name: "keeps a pattern that matches nothing yet", pools: []string{"worker"},
			edit: scaletest.WithRule("worker", func(r *scale.Rule) { r.Targets = []string{"**::none-*", scaletest.WorkerURN} }),
			want: scale.Change{Settings: scaletest.SettingsOf("apiCount", "2", "workerCount", "3"), Targets: []string{"**::none-*", scaletest.WorkerURN}},
		},
		{
			name: "is of no use where no target is there, and none is a pattern", pools: []string{"worker"}, none: true,
			edit: scaletest.WithRule("worker", func(r *scale.Rule) { r.Targets = []string{"urn:none"} }),
			want: scale.Change{Settings: scaletest.SettingsOf("apiCount", "2", "workerCount", "3")},
		},
		{
			name: "looks at the outputs for a pattern of which nothing is there yet", pools: []string{"worker"},
			edit: scaletest.WithRule("worker", func(r *scale.Rule) { r.Targets = []string{"**::none-*"} }),
			want: scale.Change{Settings: scaletest.SettingsOf("apiCount", "2", "workerCount", "3"), Targets: []string{"**::none-*"}},
		},
		{
			name: "leaves a secret count to the file", pools: []string{"api"}, edit: scaletest.WithUpdates(scaletest.Update(0, "worker", "[secret]", "api", "2")),
			want: scale.Change{Settings: scaletest.SettingsOf("apiCount", "2"), Targets: []string{scaletest.APIURN}},
		},
		{
			name: "leaves a key away that is not set", pools: []string{"api"}, edit: scaletest.WithUpdates(scaletest.Update(0, "worker", "-", "api", "2")),
			want: scale.Change{Settings: scaletest.SettingsOf("apiCount", "2", "workerCount", "-"), Targets: []string{scaletest.APIURN}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := scaletest.Snapshot()
			if c.edit != nil {
				c.edit(snap)
			}
			got, ok := scale.UnchangedCounts(snap, c.pools, c.sizes)
			c.want.Head, c.want.Message = "head", "pulumiscale: what is pending"
			if diff := cmp.Diff(c.want, got); diff != "" || ok == c.none {
				t.Errorf("of use: %v, -want +got:\n%s", ok, diff)
			}
		})
	}
}

func TestStateSize(t *testing.T) {
	worker := func(kind string, n int) []string {
		var out []string
		for i := range n {
			out = append(out, "urn:pulumi:dev::demo::pkg:index:"+kind+"::worker-"+string(rune('0'+i)))
		}
		return out
	}
	goes := func(from, to any) scale.ResourceStep {
		return scale.ResourceStep{Op: "update", URN: scaletest.WorkerURN, Diffs: []scale.PropertyDiff{{Path: "labels", Old: "a", New: "b"}, {Path: "spec.size", Old: from, New: to}}}
	}
	steps := func(op string, urns ...string) (out []scale.ResourceStep) {
		for _, urn := range urns {
			out = append(out, scale.ResourceStep{Op: op, URN: urn})
		}
		return out
	}
	const none = -1
	for _, c := range []struct {
		name       string
		resources  []string
		configured int
		steps      []scale.ResourceStep
		want       int
	}{
		{"without a step nothing tells", nil, 3, nil, none},
		{"a number that goes to the count tells", nil, 3, []scale.ResourceStep{goes(5, 3)}, 5},
		{"as the engine's events have it", nil, 3, []scale.ResourceStep{goes(5.0, 3.0)}, 5},
		{"also as a text", nil, 3, []scale.ResourceStep{goes("5", "3")}, 5},
		{"or one of each", nil, 3, []scale.ResourceStep{goes("5", 3.0)}, 5},
		{"to zero, too", nil, 0, []scale.ResourceStep{goes(5, 0)}, 5},
		{"and from zero", nil, 3, []scale.ResourceStep{goes(0, 3)}, 0},
		{"a number that goes elsewhere does not", nil, 3, []scale.ResourceStep{goes(7, 5)}, none},
		{"nor one that comes from the count", nil, 3, []scale.ResourceStep{goes(3, 5)}, none},
		{"nor one that is not whole", nil, 3, []scale.ResourceStep{goes(2.5, 3)}, none},
		{"nor one below zero", nil, 3, []scale.ResourceStep{goes(-1, 3)}, none},
		{"nor what is no number", nil, 3, []scale.ResourceStep{goes("five", 3), goes(nil, 3), goes(true, 3), goes(map[string]any{}, 3), goes([]any{5}, 3), goes(math.NaN(), 3)}, none},
		{"nor one of another resource", nil, 3, []scale.ResourceStep{{Op: "update", URN: scaletest.APIURN, Diffs: []scale.PropertyDiff{{Old: 5, New: 3}}}}, none},
		{"nor one of a replacement", nil, 3, []scale.ResourceStep{{Op: "replace", URN: scaletest.WorkerURN, Diffs: []scale.PropertyDiff{{Old: 5, New: 3}}}}, none},
		{"resources that come tell", worker("W", 2), 3, steps("create", worker("W", 3)[2]), 2},
		{"resources that go tell", worker("W", 5), 3, steps("delete", worker("W", 5)[3:]...), 5},
		{"two for each unit", append(worker("W", 4), worker("Disk", 4)...), 3, steps("delete", worker("W", 4)[3], worker("Disk", 4)[3]), 4},
		{"two for each unit, of which one is missing, do not", append(worker("W", 3), worker("Disk", 2)...), 3, steps("create", worker("Disk", 3)[2]), none},
		{"one resource besides those of the units does not", append(worker("W", 3), worker("Group", 1)...), 2, steps("delete", worker("W", 3)[2]), none},
		{"none that is left does not", worker("W", 2), 0, steps("delete", worker("W", 2)...), none},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := scaletest.Snapshot()
			rule := scaletest.LeastRule()
			if c.resources != nil {
				snap.Resources, rule.Targets = c.resources, []string{"**::worker-*"}
			}
			got, ok := scale.StateSize(snap, rule, c.configured, c.steps)
			if !ok {
				got = none
			}
			if got != c.want {
				t.Errorf("got %d", got)
			}
		})
	}
}

func TestWhatMakesTheSizesDoubtful(t *testing.T) {
	for _, c := range []struct {
		name    string
		updates []scale.Update
		want    bool
	}{
		{"an update tells them", []scale.Update{scaletest.Update(0)}, false},
		{"somebody's refresh after it", []scale.Update{scaletest.OfKind(scaletest.Update(0), "refresh"), scaletest.Update(time.Hour)}, true},
		{"a refresh that failed, which may have got half way", []scale.Update{scaletest.Failed(scaletest.OfKind(scaletest.Update(0), "refresh")), scaletest.Update(time.Hour)}, true},
		{"a refresh before it does not", []scale.Update{scaletest.Update(0), scaletest.OfKind(scaletest.Update(time.Hour), "refresh")}, false},
		{"a refresh before one that failed", []scale.Update{scaletest.Failed(scaletest.Update(0)), scaletest.OfKind(scaletest.Update(time.Hour), "refresh")}, true},
		{"an update that failed does not: it is unsettled", []scale.Update{scaletest.Failed(scaletest.Update(0)), scaletest.Update(time.Hour)}, false},
		{"without a history nothing does", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := scaletest.Snapshot(scaletest.WithUpdates(c.updates...)).DoubtsSizes(); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
