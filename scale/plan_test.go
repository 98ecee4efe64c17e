package scale_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// to is the intent for a pool, from a source and for a reason.
func to(pool string, n int, source, reason string) scale.Intent {
	return scale.Intent{Pool: pool, Count: &n, Source: source, Reason: reason}
}

func TestPlanIsOneChangeForAllPools(t *testing.T) {
	snap := scaletest.Snapshot(scaletest.WithRule("api", func(r *scale.Rule) { r.TargetDependents, r.Targets = true, []string{scaletest.APIURN, "**::api-*"} }),
		scaletest.WithRule("worker", func(r *scale.Rule) { r.Refresh = true }))
	intents := []scale.Intent{to("worker", 5, "prometheus", "HighCPU"), to("api", 1, "cli", ""), to("worker", 7, "cli", "deploy day")}
	got := scale.MakePlan(snap, intents, scaletest.Noon)
	want := scale.Plan{
		Decisions: []scale.Decision{
			{Intent: intents[0], Outcome: scale.Scale, From: new(3), Wanted: 5, To: 5},
			{Intent: intents[1], Outcome: scale.Scale, From: new(2), Wanted: 1, To: 1},
			{Intent: intents[2], Outcome: scale.Scale, From: new(5), Wanted: 7, To: 7},
		},
		Moves: []scale.Move{
			{Pool: "api", From: new(2), To: 1, Why: "cli"},
			{Pool: "worker", From: new(3), To: 7, Why: "prometheus: HighCPU, cli: deploy day"},
		},
		Change: scale.Change{
			Settings: scaletest.SettingsOf("apiCount", "1", "workerCount", "7"), Pools: []string{"api", "worker"},
			Targets: []string{scaletest.APIURN, "**::api-*", scaletest.WorkerURN}, TargetDependents: true, Refresh: true,
			Message: "pulumiscale: api 2 -> 1 (cli); worker 3 -> 7 (prometheus: HighCPU, cli: deploy day)", Head: "head",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPlanNamesEachCauseOnce(t *testing.T) {
	high := to("worker", 5, "prometheus", "HighCPU")
	low := scale.Intent{Pool: "worker", Delta: new(0), Source: "cli", Reason: "changes nothing"}
	p := scale.MakePlan(scaletest.Snapshot(), []scale.Intent{high, low, {Pool: "worker", Count: new(6), Source: "prometheus", Reason: "HighCPU"}, scaletest.ToCount(7)}, scaletest.Noon)
	if diff := cmp.Diff("prometheus: HighCPU", p.Moves[0].Why); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPlanMoves(t *testing.T) {
	for _, c := range []struct {
		name    string
		snap    *scale.Snapshot
		intents []scale.Intent
		want    string
		// outcomes are those of the decisions.
		outcomes []scale.Outcome
	}{
		{"a scaling is a move", scaletest.Snapshot(), []scale.Intent{scaletest.ByDelta(2)}, "worker 3 -> 5", []scale.Outcome{scale.Scale}},
		{"no change is none", scaletest.Snapshot(), []scale.Intent{scaletest.ToCount(3)}, "", []scale.Outcome{scale.NoChange}},
		{"intents that cancel each other out are none", scaletest.Snapshot(), []scale.Intent{scaletest.ByDelta(2), scaletest.ByDelta(-2)}, "", []scale.Outcome{scale.Scale, scale.Scale}},
		{
			"an unknown count is a question mark", scaletest.Snapshot(scaletest.WithUpdates()), []scale.Intent{scaletest.ToCount(5)}, "worker ? -> 5", []scale.Outcome{scale.Scale},
		},
		{
			"a present count that is only to be written down is a move", scaletest.Snapshot(scaletest.WithRule("worker", func(r *scale.Rule) { r.Current = new(4) })),
			[]scale.Intent{scaletest.ToCount(4)}, "worker 4 -> 4", []scale.Outcome{scale.Scale},
		},
		{
			"a present count that is to become the configured one is a move", scaletest.Snapshot(scaletest.WithRule("worker", func(r *scale.Rule) { r.Current = new(4) })),
			[]scale.Intent{scaletest.ToCount(3)}, "worker 4 -> 3", []scale.Outcome{scale.Scale},
		},
		{
			"intents that cancel each other out write down what is configured otherwise",
			scaletest.Snapshot(scaletest.WithRule("worker", func(r *scale.Rule) { r.Current = new(4) })), []scale.Intent{scaletest.ByDelta(2), scaletest.ByDelta(-2)}, "worker 4 -> 4", []scale.Outcome{scale.Scale, scale.Scale},
		},
		{
			"what is paused does not hold back another pool", scaletest.Snapshot(scaletest.WithRule("worker", scaletest.Paused(scale.PauseBoth))),
			[]scale.Intent{scaletest.ByDelta(2), {Pool: "api", Delta: new(1)}}, "api 2 -> 3", []scale.Outcome{scale.Paused, scale.Scale},
		},
		{
			"the cooldown is read from the history",
			scaletest.Snapshot(scaletest.WithUpdates(scaletest.Update(time.Minute, "worker", "3", "api", "2"), scaletest.Update(time.Hour, "worker", "2", "api", "2"))),
			[]scale.Intent{scaletest.ByDelta(2), {Pool: "api", Delta: new(1)}}, "api 2 -> 3", []scale.Outcome{scale.CoolingDown, scale.Scale},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := scale.MakePlan(c.snap, c.intents, scaletest.Noon)
			moves := ""
			for _, m := range p.Moves {
				moves += m.String()
			}
			if diff := cmp.Diff(c.want, moves); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.outcomes, scaletest.Outcomes(p)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestPlanRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		snap   *scale.Snapshot
		intent scale.Intent
		want   error
	}{
		{"a pool without a rule", scaletest.Snapshot(), scale.Intent{Pool: "workers", Count: new(1)}, &scale.UnknownPoolError{Pool: "workers", Nearest: "worker", Known: []string{"api", "worker"}}},
		{
			"a configured value that is no count", scaletest.Snapshot(scaletest.WithUpdates(scaletest.Update(0, "worker", "many", "api", "2"))), scaletest.ToCount(5),
			&scale.ValueError{Pool: "worker", Key: "workerCount", Found: `"many"`},
		},
		{
			"to write over what is no count in the file", scaletest.Snapshot(scaletest.WithFile("worker", "many")), scaletest.ToCount(5),
			&scale.ValueError{Pool: "worker", Key: "workerCount", Found: `"many" in the configuration file`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			intents := []scale.Intent{c.intent, {Pool: "api", Count: new(9)}, c.intent}
			p := scale.MakePlan(c.snap, intents, scaletest.Noon)
			want := scale.Decision{Intent: c.intent, Outcome: scale.Refused, Reason: c.want.Error(), Err: c.want}
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
	path := func(r *scale.Rule) { r.ConfigKey, r.ConfigPath = "pools.api.count", true }
	for _, c := range []struct {
		name string
		snap *scale.Snapshot
		want []scale.Setting
	}{
		{"to what is configured, whatever the file says", scaletest.Snapshot(scaletest.WithFile("api", "9")), scaletest.SettingsOf("apiCount", "2", "workerCount", "5")},
		{"to nothing where nothing is configured", scaletest.Snapshot(scaletest.WithUpdates(scaletest.Update(0, "worker", "3", "api", "-")), scaletest.WithFile("api", "9")), scaletest.SettingsOf("apiCount", "-", "workerCount", "5")},
		{"by its path", scaletest.Snapshot(scaletest.WithRule("api", path)), []scale.Setting{{Key: "pools.api.count", Path: true, Value: new("2")}, {Key: "workerCount", Value: new("5")}}},
		{
			"unless it holds what is no count and so not ours", scaletest.Snapshot(scaletest.WithUpdates(scaletest.Update(0, "worker", "3", "api", "[secret]"))),
			scaletest.SettingsOf("workerCount", "5"),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := scale.ChangeFor(c.snap, []scale.Move{{Pool: "worker", From: new(3), To: 5}})
			if diff := cmp.Diff(c.want, got.Settings); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestChangeTargetsMovedPoolsOnly(t *testing.T) {
	got := scale.ChangeFor(scaletest.Snapshot(scaletest.WithRule("api", func(r *scale.Rule) { r.TargetDependents, r.Refresh = true, true })), []scale.Move{{Pool: "worker", To: 5}})
	want := scale.Change{
		Settings: scaletest.SettingsOf("apiCount", "2", "workerCount", "5"), Pools: []string{"worker"}, Targets: []string{scaletest.WorkerURN},
		Message: "pulumiscale: worker ? -> 5", Head: "head",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSameMoves(t *testing.T) {
	base := scale.Plan{Moves: []scale.Move{{Pool: "worker", From: new(3), To: 5, Why: "cli"}}}
	for _, c := range []struct {
		name  string
		moves []scale.Move
		want  bool
	}{
		{"the same pool, from and to the same", []scale.Move{{Pool: "worker", From: new(3), To: 5}}, true},
		{"another count before", []scale.Move{{Pool: "worker", From: new(4), To: 5}}, false},
		{"an unknown count before", []scale.Move{{Pool: "worker", To: 5}}, false},
		{"another count after", []scale.Move{{Pool: "worker", From: new(3), To: 6}}, false},
		{"another pool", []scale.Move{{Pool: "api", From: new(3), To: 5}}, false},
		{"none", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := base.SameMoves(scale.Plan{Moves: c.moves}); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestNameTarget(t *testing.T) {
	p := scale.Plan{Moves: []scale.Move{{Pool: "api"}, {Pool: "worker"}}}
	other := errors.New("other")
	for _, c := range []struct {
		name      string
		err, want error
	}{
		{"a target gets the pool whose it is", &scale.TargetError{Target: scaletest.WorkerURN}, &scale.TargetError{Pool: "worker", Target: scaletest.WorkerURN}},
		{"a target of no moved pool stays", &scale.TargetError{Target: "urn:x"}, &scale.TargetError{Target: "urn:x"}},
		{"a named one keeps its name", &scale.TargetError{Pool: "x", Target: scaletest.WorkerURN}, &scale.TargetError{Pool: "x", Target: scaletest.WorkerURN}},
		{"another error stays", other, other},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := scale.NameTarget(scaletest.Snapshot(), p, c.err)
			if got.Error() != c.want.Error() {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
