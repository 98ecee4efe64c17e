package scale

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// made is what became of one intent of several.
type made struct {
	Outcome Outcome
	To      int
}

func TestDecidePool(t *testing.T) {
	up := func(n int) Intent { return signal(Signal{Delta: &n}) }
	atCount := func(n int) Intent { return signal(Signal{Count: &n}) }
	cold := func(r *Rule) { r.Cooldown = Cooldown{} }
	for _, c := range []struct {
		name    string
		rule    ruleEdit
		pool    Pool
		intents []Intent
		want    []made
		// after is the count that the pool ends at.
		after int
	}{
		{"a signal alone is decided as ever", cold, at(5), []Intent{up(2)}, []made{{Scale, 7}}, 7},
		{
			"of several signals the largest capacity wins", cold, at(5), []Intent{up(1), up(3), up(-2)},
			[]made{{Superseded, 6}, {Scale, 8}, {Superseded, 3}}, 8,
		},
		{"of signals that need the same the first wins", cold, at(5), []Intent{up(2), up(2)}, []made{{Scale, 7}, {Superseded, 7}}, 7},
		{"signals are no sum", cold, at(5), []Intent{up(1), up(1)}, []made{{Scale, 6}, {Superseded, 6}}, 6},
		{"the largest is the largest inside the guardrails", cold, at(5), []Intent{atCount(50), atCount(60)}, []made{{Scale, 10}, {Superseded, 10}}, 10},
		{
			"a signal that is content keeps others from scaling in", cold, at(5), []Intent{up(-2), atCount(5)},
			[]made{{Superseded, 3}, {NoChange, 5}}, 5,
		},
		{
			"a signal that is held off keeps others from scaling in", split(time.Hour, 0), scaledAt(at(5), 0, 0), []Intent{up(2), up(-2)},
			[]made{{CoolingDown, 7}, {Superseded, 3}}, 5,
		},
		{
			"a signal that is paused keeps others from scaling in",
			func(r *Rule) { r.Cooldown, r.Paused = Cooldown{}, PauseUp }, at(5), []Intent{up(2), up(-2)},
			[]made{{Paused, 7}, {Superseded, 3}}, 5,
		},
		{
			"a signal that is cleared or refused keeps none back", cold, at(5),
			[]Intent{signal(Signal{Cleared: true}), signal(Signal{Delta: new(-2)})}, []made{{Cleared, 0}, {Scale, 3}}, 3,
		},
		{
			"a forced signal passes a rule that is paused", func(r *Rule) { r.Paused = PauseBoth }, at(5),
			[]Intent{up(3), forced(up(1))}, []made{{Paused, 0}, {Scale, 6}}, 6,
		},
		{"deltas add up", cold, at(5), []Intent{byDelta(1), byDelta(2), byDelta(-1)}, []made{{Scale, 6}, {Scale, 8}, {Scale, 7}}, 7},
		{"deltas add up without overflow", cold, at(5), []Intent{byDelta(math.MaxInt), byDelta(math.MaxInt)}, []made{{Scale, 10}, {NoChange, 10}}, 10},
		{"the newest absolute intent wins", cold, at(5), []Intent{toCount(8), toCount(3)}, []made{{Scale, 8}, {Scale, 3}}, 3},
		{"a delta follows the absolute intent before it", cold, at(5), []Intent{toCount(8), byDelta(-1)}, []made{{Scale, 8}, {Scale, 7}}, 7},
		{"an absolute intent forgets the delta before it", cold, at(5), []Intent{byDelta(4), toCount(6)}, []made{{Scale, 9}, {Scale, 6}}, 6},
		{"a count for a pool of none lets a delta follow", cold, Pool{}, []Intent{toCount(4), byDelta(1)}, []made{{Scale, 4}, {Scale, 5}}, 5},
		{
			"direct intents follow what the signals come to", cold, at(5), []Intent{byDelta(1), up(2), up(1)},
			[]made{{Scale, 8}, {Scale, 7}, {Superseded, 6}}, 8,
		},
		{"each direct intent cools down by itself", nil, scaledAt(at(5), 0, 0), []Intent{byDelta(1), forced(byDelta(2))}, []made{{CoolingDown, 6}, {Scale, 7}}, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			decisions, after := decidePool(ruleWith(c.rule), c.pool, c.intents, noon)
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
	_, after := decidePool(ruleWith(), pool, []Intent{byDelta(1)}, noon)
	if diff := cmp.Diff(at(5), pool); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(at(6), after); diff != "" {
		t.Errorf("configured and present count both move: -want +got:\n%s", diff)
	}
}
