package scale

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// to is the intent for a pool, from a source and for a reason.
func to(pool string, n int, source, reason string) Intent {
	return Intent{Pool: pool, Count: &n, Source: source, Reason: reason}
}

func TestPlanIsOneChangeForAllPools(t *testing.T) {
	snap := snapshot(withRule("api", func(r *Rule) { r.TargetDependents, r.Targets = true, []string{apiURN, "**::api-*"} }),
		withRule("worker", func(r *Rule) { r.Refresh = true }))
	intents := []Intent{to("worker", 5, "prometheus", "HighCPU"), to("api", 1, "cli", ""), to("worker", 7, "cli", "deploy day")}
	got := MakePlan(snap, intents, noon)
	want := Plan{
		Decisions: []Decision{
			{Intent: intents[0], Outcome: Scale, From: new(3), Wanted: 5, To: 5},
			{Intent: intents[1], Outcome: Scale, From: new(2), Wanted: 1, To: 1},
			{Intent: intents[2], Outcome: Scale, From: new(5), Wanted: 7, To: 7},
		},
		Moves: []Move{
			{Pool: "api", From: new(2), To: 1, Why: "cli"},
			{Pool: "worker", From: new(3), To: 7, Why: "prometheus: HighCPU, cli: deploy day"},
		},
		Change: Change{
			Settings: settingsOf("apiCount", "1", "workerCount", "7"), Pools: []string{"api", "worker"},
			Targets: []string{apiURN, "**::api-*", workerURN}, TargetDependents: true, Refresh: true,
			Message: "pulumiscale: api 2 -> 1 (cli); worker 3 -> 7 (prometheus: HighCPU, cli: deploy day)", Head: "head",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPlanNamesEachCauseOnce(t *testing.T) {
	high := to("worker", 5, "prometheus", "HighCPU")
	low := Intent{Pool: "worker", Delta: new(0), Source: "cli", Reason: "changes nothing"}
	p := MakePlan(snapshot(), []Intent{high, low, {Pool: "worker", Count: new(6), Source: "prometheus", Reason: "HighCPU"}, toCount(7)}, noon)
	if diff := cmp.Diff("prometheus: HighCPU", p.Moves[0].Why); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPlanMoves(t *testing.T) {
	for _, c := range []struct {
		name    string
		snap    *Snapshot
		intents []Intent
		want    string
		// outcomes are those of the decisions.
		outcomes []Outcome
	}{
		{"a scaling is a move", snapshot(), []Intent{byDelta(2)}, "worker 3 -> 5", []Outcome{Scale}},
		{"no change is none", snapshot(), []Intent{toCount(3)}, "", []Outcome{NoChange}},
		{"intents that cancel each other out are none", snapshot(), []Intent{byDelta(2), byDelta(-2)}, "", []Outcome{Scale, Scale}},
		{
			"an unknown count is a question mark", snapshot(withUpdates()), []Intent{toCount(5)}, "worker ? -> 5", []Outcome{Scale},
		},
		{
			"a present count that is only to be written down is a move", snapshot(withRule("worker", func(r *Rule) { r.Current = new(4) })),
			[]Intent{toCount(4)}, "worker 4 -> 4", []Outcome{Scale},
		},
		{
			"a present count that is to become the configured one is a move", snapshot(withRule("worker", func(r *Rule) { r.Current = new(4) })),
			[]Intent{toCount(3)}, "worker 4 -> 3", []Outcome{Scale},
		},
		{
			"intents that cancel each other out write down what is configured otherwise",
			snapshot(withRule("worker", func(r *Rule) { r.Current = new(4) })), []Intent{byDelta(2), byDelta(-2)}, "worker 4 -> 4", []Outcome{Scale, Scale},
		},
		{
			"what is paused does not hold back another pool", snapshot(withRule("worker", paused(PauseBoth))),
			[]Intent{byDelta(2), {Pool: "api", Delta: new(1)}}, "api 2 -> 3", []Outcome{Paused, Scale},
		},
		{
			"the cooldown is read from the history",
			snapshot(withUpdates(update(time.Minute, "worker", "3", "api", "2"), update(time.Hour, "worker", "2", "api", "2"))),
			[]Intent{byDelta(2), {Pool: "api", Delta: new(1)}}, "api 2 -> 3", []Outcome{CoolingDown, Scale},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := MakePlan(c.snap, c.intents, noon)
			moves := ""
			for _, m := range p.Moves {
				moves += m.String()
			}
			if diff := cmp.Diff(c.want, moves); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.outcomes, outcomes(p)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func outcomes(p Plan) []Outcome {
	var out []Outcome
	for _, d := range p.Decisions {
		out = append(out, d.Outcome)
	}
	return out
}

func TestPlanRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		snap   *Snapshot
		intent Intent
		want   error
	}{
		{"a pool without a rule", snapshot(), Intent{Pool: "workers", Count: new(1)}, &UnknownPoolError{Pool: "workers", Nearest: "worker", Known: []string{"api", "worker"}}},
		{
			"a configured value that is no count", snapshot(withUpdates(update(0, "worker", "many", "api", "2"))), toCount(5),
			&ValueError{Pool: "worker", Key: "workerCount", Found: `"many"`},
		},
		{
			"to write over what is no count in the file", snapshot(withFile("worker", "many")), toCount(5),
			&ValueError{Pool: "worker", Key: "workerCount", Found: `"many" in the configuration file`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			intents := []Intent{c.intent, {Pool: "api", Count: new(9)}, c.intent}
			p := MakePlan(c.snap, intents, noon)
			want := Decision{Intent: c.intent, Outcome: Refused, Reason: c.want.Error(), Err: c.want}
			for _, i := range []int{0, 2} {
				if diff := cmp.Diff(want, p.Decisions[i]); diff != "" {
					t.Errorf("decision %d: -want +got:\n%s", i, diff)
				}
			}
			if len(p.Moves) != 1 || p.Moves[0].String() != "api 2 -> 9" {
				t.Errorf("the other pool is held back: %v", p.Moves)
			}
		})
	}
}

func TestChangeFixesTheKeyOfEveryRule(t *testing.T) {
	path := func(r *Rule) { r.ConfigKey, r.ConfigPath = "pools.api.count", true }
	for _, c := range []struct {
		name string
		snap *Snapshot
		want []Setting
	}{
		{"to what is configured, whatever the file says", snapshot(withFile("api", "9")), settingsOf("apiCount", "2", "workerCount", "5")},
		{"to nothing where nothing is configured", snapshot(withUpdates(update(0, "worker", "3", "api", "-")), withFile("api", "9")), settingsOf("apiCount", "-", "workerCount", "5")},
		{"by its path", snapshot(withRule("api", path)), []Setting{{Key: "pools.api.count", Path: true, Value: new("2")}, {Key: "workerCount", Value: new("5")}}},
		{
			"unless it holds what is no count and so not ours", snapshot(withUpdates(update(0, "worker", "3", "api", "[secret]"))),
			settingsOf("workerCount", "5"),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ChangeFor(c.snap, []Move{{Pool: "worker", From: new(3), To: 5}})
			if diff := cmp.Diff(c.want, got.Settings); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestChangeTargetsMovedPoolsOnly(t *testing.T) {
	got := ChangeFor(snapshot(withRule("api", func(r *Rule) { r.TargetDependents, r.Refresh = true, true })), []Move{{Pool: "worker", To: 5}})
	want := Change{
		Settings: settingsOf("apiCount", "2", "workerCount", "5"), Pools: []string{"worker"}, Targets: []string{workerURN},
		Message: "pulumiscale: worker ? -> 5", Head: "head",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSameMoves(t *testing.T) {
	base := Plan{Moves: []Move{{Pool: "worker", From: new(3), To: 5, Why: "cli"}}}
	for _, c := range []struct {
		name  string
		moves []Move
		want  bool
	}{
		{"the same pool, from and to the same", []Move{{Pool: "worker", From: new(3), To: 5}}, true},
		{"another count before", []Move{{Pool: "worker", From: new(4), To: 5}}, false},
		{"an unknown count before", []Move{{Pool: "worker", To: 5}}, false},
		{"another count after", []Move{{Pool: "worker", From: new(3), To: 6}}, false},
		{"another pool", []Move{{Pool: "api", From: new(3), To: 5}}, false},
		{"none", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := base.SameMoves(Plan{Moves: c.moves}); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestNameTarget(t *testing.T) {
	p := Plan{Moves: []Move{{Pool: "api"}, {Pool: "worker"}}}
	other := errors.New("other")
	for _, c := range []struct {
		name      string
		err, want error
	}{
		{"a target gets the pool whose it is", &TargetError{Target: workerURN}, &TargetError{Pool: "worker", Target: workerURN}},
		{"a target of no moved pool stays", &TargetError{Target: "urn:x"}, &TargetError{Target: "urn:x"}},
		{"a named one keeps its name", &TargetError{Pool: "x", Target: workerURN}, &TargetError{Pool: "x", Target: workerURN}},
		{"another error stays", other, other},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := NameTarget(snapshot(), p, c.err)
			if got.Error() != c.want.Error() {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
