package scale_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// made is what became of one intent of several.
type made struct {
	Outcome scale.Outcome
	To      int
}

func TestDecidePool(t *testing.T) {
	up := func(n int) scale.Intent { return scaletest.Signal(scale.Signal{Delta: &n}) }
	atCount := func(n int) scale.Intent { return scaletest.Signal(scale.Signal{Count: &n}) }
	cold := func(r *scale.Rule) { r.Cooldown = scale.Cooldown{} }
	for _, c := range []struct {
		name    string
		rule    scaletest.RuleEdit
		pool    scale.Pool
		intents []scale.Intent
		want    []made
		// after is the count that the pool ends at.
		after int
	}{
		{"a signal alone is decided as ever", cold, at(5), []scale.Intent{up(2)}, []made{{scale.Scale, 7}}, 7},
		{
			"of several signals the largest capacity wins", cold, at(5), []scale.Intent{up(1), up(3), up(-2)},
			[]made{{scale.Superseded, 6}, {scale.Scale, 8}, {scale.Superseded, 3}}, 8,
		},
		{"of signals that need the same the first wins", cold, at(5), []scale.Intent{up(2), up(2)}, []made{{scale.Scale, 7}, {scale.Superseded, 7}}, 7},
		{"signals are no sum", cold, at(5), []scale.Intent{up(1), up(1)}, []made{{scale.Scale, 6}, {scale.Superseded, 6}}, 6},
		{"the largest is the largest inside the guardrails", cold, at(5), []scale.Intent{atCount(50), atCount(60)}, []made{{scale.Scale, 10}, {scale.Superseded, 10}}, 10},
		{
			"a signal that is content keeps others from scaling in", cold, at(5), []scale.Intent{up(-2), atCount(5)},
			[]made{{scale.Superseded, 3}, {scale.NoChange, 5}}, 5,
		},
		{
			"a signal that is held off keeps others from scaling in", scaletest.Split(time.Hour, 0), scaledAt(at(5), 0, 0), []scale.Intent{up(2), up(-2)},
			[]made{{scale.CoolingDown, 7}, {scale.Superseded, 3}}, 5,
		},
		{
			"a signal that is paused keeps others from scaling in",
			func(r *scale.Rule) { r.Cooldown, r.Paused = scale.Cooldown{}, scale.PauseUp }, at(5), []scale.Intent{up(2), up(-2)},
			[]made{{scale.Paused, 7}, {scale.Superseded, 3}}, 5,
		},
		{
			"a signal that is cleared or refused keeps none back", cold, at(5),
			[]scale.Intent{scaletest.Signal(scale.Signal{Cleared: true}), scaletest.Signal(scale.Signal{Delta: new(-2)})}, []made{{scale.Cleared, 0}, {scale.Scale, 3}}, 3,
		},
		{
			"a forced signal passes a rule that is paused", func(r *scale.Rule) { r.Paused = scale.PauseBoth }, at(5),
			[]scale.Intent{up(3), scaletest.Forced(up(1))}, []made{{scale.Paused, 0}, {scale.Scale, 6}}, 6,
		},
		{"deltas add up", cold, at(5), []scale.Intent{scaletest.ByDelta(1), scaletest.ByDelta(2), scaletest.ByDelta(-1)}, []made{{scale.Scale, 6}, {scale.Scale, 8}, {scale.Scale, 7}}, 7},
		{"deltas add up without overflow", cold, at(5), []scale.Intent{scaletest.ByDelta(math.MaxInt), scaletest.ByDelta(math.MaxInt)}, []made{{scale.Scale, 10}, {scale.NoChange, 10}}, 10},
		{"the newest absolute intent wins", cold, at(5), []scale.Intent{scaletest.ToCount(8), scaletest.ToCount(3)}, []made{{scale.Scale, 8}, {scale.Scale, 3}}, 3},
		{"a delta follows the absolute intent before it", cold, at(5), []scale.Intent{scaletest.ToCount(8), scaletest.ByDelta(-1)}, []made{{scale.Scale, 8}, {scale.Scale, 7}}, 7},
		{"an absolute intent forgets the delta before it", cold, at(5), []scale.Intent{scaletest.ByDelta(4), scaletest.ToCount(6)}, []made{{scale.Scale, 9}, {scale.Scale, 6}}, 6},
		{"a count for a pool of none lets a delta follow", cold, scale.Pool{}, []scale.Intent{scaletest.ToCount(4), scaletest.ByDelta(1)}, []made{{scale.Scale, 4}, {scale.Scale, 5}}, 5},
		{
			"direct intents follow what the signals come to", cold, at(5), []scale.Intent{scaletest.ByDelta(1), up(2), up(1)},
			[]made{{scale.Scale, 8}, {scale.Scale, 7}, {scale.Superseded, 6}}, 8,
		},
		{"each direct intent cools down by itself", nil, scaledAt(at(5), 0, 0), []scale.Intent{scaletest.ByDelta(1), scaletest.Forced(scaletest.ByDelta(2))}, []made{{scale.CoolingDown, 6}, {scale.Scale, 7}}, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			decisions, after := scale.DecidePool(scaletest.RuleWith(c.rule), c.pool, c.intents, scaletest.Noon)
			got := make([]made, len(decisions))
			for i, d := range decisions {
				got[i] = made{d.Outcome, d.To}
				if diff := cmp.Diff(c.intents[i], d.Intent); diff != "" {
					t.Errorf("decision %d is of another intent: -want +got:\n%s", i, diff)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if after.Count == nil || *after.Count != c.after {
				t.Errorf("the pool ends at %s, want %d", cmp.Diff(nil, after.Count), c.after)
			}
		})
	}
}

func TestDecidePoolLeavesThePoolOfTheCaller(t *testing.T) {
	pool := at(5)
	_, after := scale.DecidePool(scaletest.RuleWith(), pool, []scale.Intent{scaletest.ByDelta(1)}, scaletest.Noon)
	if diff := cmp.Diff(at(5), pool); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(at(6), after); diff != "" {
		t.Errorf("configured and present count both move: -want +got:\n%s", diff)
	}
}
