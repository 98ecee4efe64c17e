package scale

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const providerURN = "urn:pulumi:dev::demo::pulumi:providers:pkg::default"

// stepOf is a step of a preview, with changed properties.
func stepOf(op, urn string, properties ...string) ResourceStep {
	s := ResourceStep{Op: op, URN: urn, Type: "pkg:index:T", Name: urn[strings.LastIndex(urn, ":")+1:]}
	for _, path := range properties {
		s.Diffs = append(s.Diffs, PropertyDiff{Path: path, Old: "a", New: "b"})
	}
	return s
}

// waiting is the pending change that such a step shows.
func waiting(op, urn string, properties ...string) PendingChange {
	s := stepOf(op, urn)
	return PendingChange{Op: op, URN: urn, Type: s.Type, Name: s.Name, Properties: properties}
}

func perpetual(s ResourceStep) ResourceStep { s.Perpetual = true; return s }

func TestWhatOfAPreviewIsPending(t *testing.T) {
	of := func(pool string, changes ...PendingChange) map[string][]PendingChange {
		return map[string][]PendingChange{pool: changes}
	}
	bothPools := func(s *Snapshot) {
		withRule("api", func(r *Rule) { r.Targets = []string{workerURN} })(s)
	}
	for _, c := range []struct {
		name   string
		edit   func(*Snapshot)
		pools  []string
		result Result
		own    map[string][]PendingChange
		shared []PendingChange
	}{
		{name: "no step, nothing"},
		{
			name: "a step of a target is its pool's own, with its properties", result: Result{Steps: []ResourceStep{stepOf("update", workerURN, "dir", "size")}},
			own: of("worker", waiting("update", workerURN, "dir", "size")),
		},
		{
			name:   "a creation, a deletion and an import are pending too",
			result: Result{Steps: []ResourceStep{stepOf("create", workerURN), stepOf("delete", apiURN), stepOf("import", providerURN)}},
			own:    map[string][]PendingChange{"worker": {waiting("create", workerURN)}, "api": {waiting("delete", apiURN)}}, shared: []PendingChange{waiting("import", providerURN)},
		},
		{
			name: "a target of two pools is of both", edit: bothPools, result: Result{Steps: []ResourceStep{stepOf("update", workerURN, "dir")}},
			own: map[string][]PendingChange{"worker": {waiting("update", workerURN, "dir")}, "api": {waiting("update", workerURN, "dir")}},
		},
		{
			name: "a target of a pool that is not asked for is shared: it comes along all the same", pools: []string{"worker"},
			result: Result{Steps: []ResourceStep{stepOf("update", apiURN, "dir")}}, shared: []PendingChange{waiting("update", apiURN, "dir")},
		},
		{
			name: "a provider is shared", result: Result{Steps: []ResourceStep{stepOf("update", providerURN, "region")}},
			shared: []PendingChange{waiting("update", providerURN, "region")},
		},
		{
			name: "a perpetual difference is none", result: Result{Steps: []ResourceStep{perpetual(stepOf("update", workerURN, "hash"))}},
		},
		{
			name: "only an update can be perpetual", result: Result{Steps: []ResourceStep{perpetual(stepOf("replace", workerURN, "hash"))}},
			own: of("worker", waiting("replace", workerURN, "hash")),
		},
		{
			name: "a replacement counts once",
			result: Result{Steps: []ResourceStep{
				stepOf("create-replacement", workerURN, "name"), stepOf("replace", workerURN, "name"), stepOf("delete-replaced", workerURN),
			}},
			own: of("worker", waiting("replace", workerURN, "name")),
		},
		{
			name: "an option of a target is its pool's own", result: Result{ChangedOptions: []PendingChange{waiting("update", workerURN, "protect")}},
			own: of("worker", waiting("update", workerURN, "protect")),
		},
		{
			name: "an option of any other resource is left as it is", result: Result{ChangedOptions: []PendingChange{waiting("update", providerURN, "protect")}},
		},
		{
			name: "an output of the stack is shared", result: Result{ChangedOutputs: []string{"url"}}, shared: []PendingChange{{Op: "output", Name: "url"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := snapshot()
			if c.edit != nil {
				c.edit(snap)
			}
			if c.pools == nil {
				c.pools = []string{"api", "worker"}
			}
			if c.own == nil {
				c.own = map[string][]PendingChange{}
			}
			own, shared := JudgePending(snap, c.pools, &c.result)
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
	for want, change := range map[string]PendingChange{
		"stack output url":                             {Op: "output", Name: "url"},
		"create of pkg:index:T worker":                 waiting("create", workerURN),
		"update of pkg:index:T worker (dir, size)":     waiting("update", workerURN, "dir", "size"),
		"replace of pkg:index:T worker (name)":         waiting("replace", workerURN, "name"),
		"update of pkg:index:T worker (tags[\"a.b\"])": waiting("update", workerURN, `tags["a.b"]`),
	} {
		if got := change.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestReasonOfWhatIsPending(t *testing.T) {
	const commit, other = "0123456789abcdef", "fedcba9876543210"
	outputs := func(n int) []PendingChange {
		var out []PendingChange
		for i := range n {
			out = append(out, PendingChange{Op: "output", Name: string(rune('a' + i))})
		}
		return out
	}
	for _, c := range []struct {
		name    string
		program Program
		changes []PendingChange
		want    string
	}{
		{"says what", Program{}, outputs(1), "changes are pending that would come along: stack output a"},
		{
			"says five, and how many more there are", Program{}, outputs(7),
			"changes are pending that would come along: stack output a; stack output b; stack output c; stack output d; stack output e; 2 more",
		},
		{
			"says both commits", Program{Deploy: &Deploy{Commit: commit}, Commit: other}, outputs(1),
			"changes are pending that would come along: stack output a; the stack was deployed from commit 0123456789, and this checkout is at commit fedcba9876",
		},
		{
			"says that the deploy was not committed", Program{Deploy: &Deploy{Commit: commit, Dirty: true}, Commit: commit}, outputs(1),
			"changes are pending that would come along: stack output a; the stack was deployed from commit 0123456789 with changes that were not committed, " +
				"and this checkout is at commit 0123456789",
		},
		{
			"says that the deploy's commit is not known", Program{Deploy: &Deploy{}}, outputs(1),
			"changes are pending that would come along: stack output a; the stack was deployed from no known commit",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := snapshot()
			snap.Program = c.program
			if diff := cmp.Diff(c.want, snap.PendingReason(c.changes)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	if got := Abbreviate("ab"); got != "ab" {
		t.Errorf("of a short hash %q", got)
	}
}

func TestFollows(t *testing.T) {
	ours := func(head string) Update {
		return Update{Kind: KindUpdate, Succeeded: true, Head: head, Pools: []string{"worker"}}
	}
	theirs := func(head string) Update { return Update{Kind: KindUpdate, Succeeded: true, Head: head} }
	along := func(u Update) Update { u.BroughtAlong = true; return u }
	for _, c := range []struct {
		name    string
		updates []Update
		want    bool
	}{
		{"the newest update follows itself", []Update{theirs("proved")}, true},
		{"scalings of ours follow it", []Update{ours("3"), ours("2"), theirs("proved"), theirs("0")}, true},
		{"one of ours that failed too", []Update{failed(ours("2")), theirs("proved")}, true},
		{"somebody's update does not", []Update{theirs("2"), theirs("proved")}, false},
		{"nor one below ours", []Update{ours("3"), theirs("2"), theirs("proved")}, false},
		{"nor one that failed", []Update{failed(theirs("2")), theirs("proved")}, false},
		{"nor somebody's refresh", []Update{ofKind(theirs("2"), "refresh"), theirs("proved")}, false},
		{"nor one of ours that was allowed to bring something along", []Update{along(ours("2")), theirs("proved")}, false},
		{"one that brought something along before the proof does not matter", []Update{ours("2"), along(ours("proved"))}, true},
		{"a head that is not in the history is unknown", []Update{ours("3"), ours("2")}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := snapshot(withUpdates(c.updates...))
			snap.Head = c.updates[0].Head
			if got := snap.Follows("proved"); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
	if !(&Snapshot{}).Follows("") {
		t.Error("a stack without updates does not follow itself")
	}
}

func TestUnchangedCounts(t *testing.T) {
	const madeURN = "urn:pulumi:dev::demo::pkg:index:Worker::worker-0"
	for _, c := range []struct {
		name  string
		edit  func(*Snapshot)
		pools []string
		sizes map[string]int
		want  Change
		none  bool
	}{
		{
			name: "has every count as it is configured", pools: []string{"api", "worker"},
			want: Change{Settings: settingsOf("apiCount", "2", "workerCount", "3"), Targets: []string{apiURN, workerURN}},
		},
		{
			name: "targets the pools that are asked for alone", pools: []string{"worker"},
			want: Change{Settings: settingsOf("apiCount", "2", "workerCount", "3"), Targets: []string{workerURN}},
		},
		{
			name: "has the state's size where that is another", pools: []string{"worker"}, sizes: map[string]int{"worker": 7},
			want: Change{Settings: settingsOf("apiCount", "2", "workerCount", "7"), Targets: []string{workerURN}},
		},
		{
			name: "the size of a pool that is not asked for is not its concern", pools: []string{"api"}, sizes: map[string]int{"worker": 7},
			want: Change{Settings: settingsOf("apiCount", "2", "workerCount", "3"), Targets: []string{apiURN}},
		},
		{
			name: "updates dependents if one of the pools does", pools: []string{"api", "worker"}, edit: withRule("api", func(r *Rule) { r.TargetDependents = true }),
			want: Change{Settings: settingsOf("apiCount", "2", "workerCount", "3"), Targets: []string{apiURN, workerURN}, TargetDependents: true},
		},
		{
			name: "leaves out a URN that is not there, which the engine would refuse", pools: []string{"worker"},
			edit: withRule("worker", func(r *Rule) { r.Targets = []string{madeURN, workerURN} }),
			want: Change{Settings: settingsOf("apiCount", "2", "workerCount", "3"), Targets: []string{workerURN}},
		},
		{
			name: "keeps a pattern that matches nothing yet", pools: []string{"worker"},
			edit: withRule("worker", func(r *Rule) { r.Targets = []string{"**::none-*", workerURN} }),
			want: Change{Settings: settingsOf("apiCount", "2", "workerCount", "3"), Targets: []string{"**::none-*", workerURN}},
		},
		{
			name: "is of no use where no target is there, and none is a pattern", pools: []string{"worker"}, none: true,
			edit: withRule("worker", func(r *Rule) { r.Targets = []string{"urn:none"} }),
			want: Change{Settings: settingsOf("apiCount", "2", "workerCount", "3")},
		},
		{
			name: "looks at the outputs for a pattern of which nothing is there yet", pools: []string{"worker"},
			edit: withRule("worker", func(r *Rule) { r.Targets = []string{"**::none-*"} }),
			want: Change{Settings: settingsOf("apiCount", "2", "workerCount", "3"), Targets: []string{"**::none-*"}},
		},
		{
			name: "leaves a secret count to the file", pools: []string{"api"}, edit: withUpdates(update(0, "worker", "[secret]", "api", "2")),
			want: Change{Settings: settingsOf("apiCount", "2"), Targets: []string{apiURN}},
		},
		{
			name: "leaves a key away that is not set", pools: []string{"api"}, edit: withUpdates(update(0, "worker", "-", "api", "2")),
			want: Change{Settings: settingsOf("apiCount", "2", "workerCount", "-"), Targets: []string{apiURN}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := snapshot()
			if c.edit != nil {
				c.edit(snap)
			}
			got, ok := UnchangedCounts(snap, c.pools, c.sizes)
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
	goes := func(from, to any) ResourceStep {
		return ResourceStep{Op: "update", URN: workerURN, Diffs: []PropertyDiff{{Path: "labels", Old: "a", New: "b"}, {Path: "spec.size", Old: from, New: to}}}
	}
	steps := func(op string, urns ...string) (out []ResourceStep) {
		for _, urn := range urns {
			out = append(out, ResourceStep{Op: op, URN: urn})
		}
		return out
	}
	const none = -1
	for _, c := range []struct {
		name       string
		resources  []string
		configured int
		steps      []ResourceStep
		want       int
	}{
		{"without a step nothing tells", nil, 3, nil, none},
		{"a number that goes to the count tells", nil, 3, []ResourceStep{goes(5, 3)}, 5},
		{"as the engine's events have it", nil, 3, []ResourceStep{goes(5.0, 3.0)}, 5},
		{"also as a text", nil, 3, []ResourceStep{goes("5", "3")}, 5},
		{"or one of each", nil, 3, []ResourceStep{goes("5", 3.0)}, 5},
		{"to zero, too", nil, 0, []ResourceStep{goes(5, 0)}, 5},
		{"and from zero", nil, 3, []ResourceStep{goes(0, 3)}, 0},
		{"a number that goes elsewhere does not", nil, 3, []ResourceStep{goes(7, 5)}, none},
		{"nor one that comes from the count", nil, 3, []ResourceStep{goes(3, 5)}, none},
		{"nor one that is not whole", nil, 3, []ResourceStep{goes(2.5, 3)}, none},
		{"nor one below zero", nil, 3, []ResourceStep{goes(-1, 3)}, none},
		{"nor what is no number", nil, 3, []ResourceStep{goes("five", 3), goes(nil, 3), goes(true, 3), goes(map[string]any{}, 3), goes([]any{5}, 3), goes(math.NaN(), 3)}, none},
		{"nor one of another resource", nil, 3, []ResourceStep{{Op: "update", URN: apiURN, Diffs: []PropertyDiff{{Old: 5, New: 3}}}}, none},
		{"nor one of a replacement", nil, 3, []ResourceStep{{Op: "replace", URN: workerURN, Diffs: []PropertyDiff{{Old: 5, New: 3}}}}, none},
		{"resources that come tell", worker("W", 2), 3, steps("create", worker("W", 3)[2]), 2},
		{"resources that go tell", worker("W", 5), 3, steps("delete", worker("W", 5)[3:]...), 5},
		{"two for each unit", append(worker("W", 4), worker("Disk", 4)...), 3, steps("delete", worker("W", 4)[3], worker("Disk", 4)[3]), 4},
		{"two for each unit, of which one is missing, do not", append(worker("W", 3), worker("Disk", 2)...), 3, steps("create", worker("Disk", 3)[2]), none},
		{"one resource besides those of the units does not", append(worker("W", 3), worker("Group", 1)...), 2, steps("delete", worker("W", 3)[2]), none},
		{"none that is left does not", worker("W", 2), 0, steps("delete", worker("W", 2)...), none},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := snapshot()
			rule := leastRule()
			if c.resources != nil {
				snap.Resources, rule.Targets = c.resources, []string{"**::worker-*"}
			}
			got, ok := stateSize(snap, rule, c.configured, c.steps)
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
		updates []Update
		want    bool
	}{
		{"an update tells them", []Update{update(0)}, false},
		{"somebody's refresh after it", []Update{ofKind(update(0), "refresh"), update(time.Hour)}, true},
		{"a refresh that failed, which may have got half way", []Update{failed(ofKind(update(0), "refresh")), update(time.Hour)}, true},
		{"a refresh before it does not", []Update{update(0), ofKind(update(time.Hour), "refresh")}, false},
		{"a refresh before one that failed", []Update{failed(update(0)), ofKind(update(time.Hour), "refresh")}, true},
		{"an update that failed does not: it is unsettled", []Update{failed(update(0)), update(time.Hour)}, false},
		{"without a history nothing does", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := snapshot(withUpdates(c.updates...)).DoubtsSizes(); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
