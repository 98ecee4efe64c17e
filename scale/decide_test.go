package scale_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// at is a pool whose configured and present counts agree, and that was never scaled.
func at(count int) scale.Pool { return scale.Pool{Count: new(count), Configured: new(count)} }

// scaledAt is the pool with its last scalings so long ago; a negative age says that there was none.
func scaledAt(p scale.Pool, up, down time.Duration) scale.Pool {
	if up >= 0 {
		p.LastUp = scaletest.Ago(up)
	}
	if down >= 0 {
		p.LastDown = scaletest.Ago(down)
	}
	return p
}

const never = time.Duration(-1)

func busyPool(p scale.Pool) scale.Pool {
	p.Busy = true
	return p
}

func signalDown() scale.Intent           { return scaletest.Signal(scale.Signal{Direction: scale.Down}) }
func limits(a, b int) scaletest.RuleEdit { return func(r *scale.Rule) { r.Min, r.Max = a, b } }

type decideCase struct {
	name   string
	rule   scaletest.RuleEdit
	pool   scale.Pool
	intent scale.Intent
	// want lacks the intent and the count before, which every decision repeats.
	want scale.Decision
}

func testDecide(t *testing.T, cases []decideCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.want.Intent, c.want.From = c.intent, c.pool.Count
			if diff := cmp.Diff(c.want, scale.Decide(scaletest.RuleWith(c.rule), c.pool, c.intent, scaletest.Noon), cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func scaleTo(n int) scale.Decision { return scale.Decision{Outcome: scale.Scale, Wanted: n, To: n} }

func clampedTo(wanted, to int, reason string) scale.Decision {
	return scale.Decision{Outcome: scale.Scale, Wanted: wanted, To: to, Clamped: true, Reason: reason}
}

func staysAt(n int, reason string) scale.Decision {
	return scale.Decision{Outcome: scale.NoChange, Wanted: n, To: n, Reason: reason}
}

func coolsDown(to int, left time.Duration, reason string) scale.Decision {
	return scale.Decision{Outcome: scale.CoolingDown, Wanted: to, To: to, Until: scaletest.Noon.Add(left), Reason: reason}
}

func isPaused(to int, reason string) scale.Decision {
	return scale.Decision{Outcome: scale.Paused, Wanted: to, To: to, Reason: reason}
}

func refused(reason string) scale.Decision {
	return scale.Decision{Outcome: scale.Refused, Reason: reason}
}

func TestDecideOrder(t *testing.T) {
	justScaled := scaledAt(at(5), 0, 0)
	testDecide(t, []decideCase{
		{
			"a pause comes before everything else", scaletest.Paused(scale.PauseBoth), justScaled, scaletest.ToCount(99),
			scale.Decision{Outcome: scale.Paused, Reason: "the rule is paused"},
		},
		{
			"a pause comes before a refusal", scaletest.Paused(scale.PauseBoth), scale.Pool{}, scaletest.ByDelta(1),
			scale.Decision{Outcome: scale.Paused, Reason: "the rule is paused"},
		},
		{"what cannot be computed comes before the cooldown", nil, scale.Pool{LastUp: scaletest.Noon}, scaletest.ByDelta(1), refused(startValueHint)},
		{
			"the guardrails come before the pause of a direction", scaletest.Paused(scale.PauseUp), scaledAt(at(10), 0, never), scaletest.ByDelta(1),
			scale.Decision{Outcome: scale.NoChange, Wanted: 11, To: 10, Clamped: true, Reason: "already at 10; clamped from 11 to max 10"},
		},
		{"the pause of a direction comes before the cooldown", scaletest.Paused(scale.PauseUp), justScaled, scaletest.ByDelta(1), isPaused(6, "the rule is paused for scaling up")},
		{
			"the guardrails come before no change", nil, justScaled, scaletest.ToCount(99),
			scale.Decision{Outcome: scale.CoolingDown, Wanted: 99, To: 10, Clamped: true, Until: scaletest.Noon.Add(5 * time.Minute), Reason: "cooling down for another 5m0s"},
		},
		{"no change comes before the cooldown", nil, justScaled, scaletest.ToCount(5), staysAt(5, "already at 5")},
		{"no change comes before a busy pool", nil, busyPool(at(5)), scaletest.Signal(scale.Signal{Count: new(5)}), staysAt(5, "already at 5")},
		{"the cooldown comes before scaling", nil, justScaled, scaletest.ToCount(6), coolsDown(6, 5*time.Minute, "cooling down for another 5m0s")},
		{"what nothing holds is scaled", nil, at(5), scaletest.ToCount(6), scaleTo(6)},
	})
}

const startValueHint = `the present count is not known: the configuration has no "workerCount" and the rule no "current"; ` +
	`give a start value with --count, or export "current"`

func TestDecidePause(t *testing.T) {
	whole := scale.Decision{Outcome: scale.Paused, Reason: "the rule is paused"}
	testDecide(t, []decideCase{
		{"true refuses to scale out", scaletest.Paused(scale.PauseBoth), at(5), scaletest.ByDelta(1), whole},
		{"true refuses to scale in", scaletest.Paused(scale.PauseBoth), at(5), scaletest.ByDelta(-1), whole},
		{"true refuses signals", scaletest.Paused(scale.PauseBoth), at(5), scaletest.SignalUp(), whole},
		{"up refuses to scale out", scaletest.Paused(scale.PauseUp), at(5), scaletest.ByDelta(1), isPaused(6, "the rule is paused for scaling up")},
		{"up lets the pool be scaled in", scaletest.Paused(scale.PauseUp), at(5), scaletest.ByDelta(-1), scaleTo(4)},
		{"down refuses to scale in", scaletest.Paused(scale.PauseDown), at(5), signalDown(), isPaused(4, "the rule is paused for scaling down")},
		{"down lets the pool be scaled out", scaletest.Paused(scale.PauseDown), at(5), scaletest.SignalUp(), scaleTo(6)},
		{"force passes true", scaletest.Paused(scale.PauseBoth), at(5), scaletest.Forced(scaletest.ByDelta(1)), scaleTo(6)},
		{"force passes up", scaletest.Paused(scale.PauseUp), at(5), scaletest.Forced(scaletest.ByDelta(1)), scaleTo(6)},
		{"force passes down", scaletest.Paused(scale.PauseDown), at(5), scaletest.Forced(signalDown()), scaleTo(4)},
		{"force finds no change under a pause", scaletest.Paused(scale.PauseBoth), at(5), scaletest.Forced(scaletest.ToCount(5)), staysAt(5, "already at 5")},
		{
			"down also refuses to move a count inside from above", scaletest.Paused(scale.PauseDown), at(12), scaletest.ByDelta(0),
			scale.Decision{Outcome: scale.Paused, Wanted: 12, To: 10, Clamped: true, Reason: "the rule is paused for scaling down"},
		},
	})
}

func TestDecideGuardrails(t *testing.T) {
	testDecide(t, []decideCase{
		{"a count above max becomes max", nil, at(5), scaletest.ToCount(25), clampedTo(25, 10, "clamped from 25 to max 10")},
		{"a count below min becomes min", nil, at(5), scaletest.ToCount(0), clampedTo(0, 1, "clamped from 0 to min 1")},
		{"max itself is inside", nil, at(5), scaletest.ToCount(10), scaleTo(10)},
		{"min itself is inside", nil, at(5), scaletest.ToCount(1), scaleTo(1)},
		{"a delta past max becomes max", nil, at(8), scaletest.ByDelta(5), clampedTo(13, 10, "clamped from 13 to max 10")},
		{"a delta past min becomes min", nil, at(3), scaletest.ByDelta(-5), clampedTo(-2, 1, "clamped from -2 to min 1")},
		{
			"a signal at max changes nothing", nil, at(10), scaletest.SignalUp(),
			scale.Decision{Outcome: scale.NoChange, Wanted: 11, To: 10, Clamped: true, Reason: "already at 10; clamped from 11 to max 10"},
		},
		{
			"a signal at min changes nothing", nil, at(1), signalDown(),
			scale.Decision{Outcome: scale.NoChange, Wanted: 0, To: 1, Clamped: true, Reason: "already at 1; clamped from 0 to min 1"},
		},
		{"force never passes max", nil, at(5), scaletest.Forced(scaletest.ToCount(25)), clampedTo(25, 10, "clamped from 25 to max 10")},
		{"force never passes min", nil, at(5), scaletest.Forced(scaletest.ByDelta(-9)), clampedTo(-4, 1, "clamped from -4 to min 1")},
		{"min and max may be zero", limits(0, 0), at(3), scaletest.ToCount(7), clampedTo(7, 0, "clamped from 7 to max 0")},
		{"a count above max is moved inside by a wish for less", nil, at(20), scaletest.ByDelta(-1), clampedTo(19, 10, "clamped from 19 to max 10")},
		{"a count above max is moved inside by the same count", nil, at(20), scaletest.ToCount(20), clampedTo(20, 10, "clamped from 20 to max 10")},
		{"a count below min is moved inside by no delta", limits(3, 10), at(1), scaletest.ByDelta(0), clampedTo(1, 3, "clamped from 1 to min 3")},
		{"an overflow upwards stays upwards", nil, at(5), scaletest.ByDelta(math.MaxInt), clampedTo(math.MaxInt, 10, "clamped from 9223372036854775807 to max 10")},
		{"the smallest number stays downwards", nil, at(5), scaletest.Signal(scale.Signal{Count: new(math.MinInt)}), clampedTo(math.MinInt, 1, "clamped from -9223372036854775808 to min 1")},
		{
			"the smallest delta of a signal does not turn its direction", nil, at(5), scaletest.Signal(scale.Signal{Delta: new(math.MinInt)}),
			clampedTo(5-math.MaxInt, 1, "clamped from -9223372036854775802 to min 1"),
		},
	})
}

func TestDecideCount(t *testing.T) {
	apart := scale.Pool{Count: new(3), Configured: new(5)}
	testDecide(t, []decideCase{
		{"a delta starts at the present count, not at the configured one", nil, apart, scaletest.ByDelta(1), scaleTo(4)},
		{"a present count that is configured otherwise is written down", nil, apart, scaletest.ToCount(3), scaleTo(3)},
		{"a configured count that the pool does not have is applied", nil, apart, scaletest.ToCount(5), scaleTo(5)},
		{"a count that is nowhere configured is written down", nil, scale.Pool{Count: new(3)}, scaletest.ToCount(3), scaleTo(3)},
		{
			"writing a lower count down is held off by a pause of scaling in", scaletest.Paused(scale.PauseDown), apart, scaletest.ToCount(3),
			isPaused(3, "the rule is paused for scaling down"),
		},
		{
			"a signal for no change does not take back a scaling that is still under way",
			func(r *scale.Rule) {
				r.Strategy = scale.Strategy{Type: scale.TargetTracking, Target: 50, Tolerance: scale.Tolerance{Up: 0.1, Down: 0.1}}
			},
			scaledAt(apart, time.Minute, never), scaletest.Signal(scale.Signal{Value: new(50.0)}), coolsDown(3, 4*time.Minute, "cooling down for another 4m0s"),
		},
		{"an unknown count takes an absolute one", nil, scale.Pool{}, scaletest.ToCount(4), scaleTo(4)},
		{"an unknown count is kept inside the guardrails", nil, scale.Pool{}, scaletest.ToCount(99), clampedTo(99, 10, "clamped from 99 to max 10")},
		{"an unknown count refuses a delta", nil, scale.Pool{}, scaletest.ByDelta(1), refused(startValueHint)},
		{"an unknown count refuses a delta by force", nil, scale.Pool{}, scaletest.Forced(scaletest.ByDelta(1)), refused(startValueHint)},
		{"an unknown count refuses a signal", nil, scale.Pool{}, scaletest.SignalUp(), refused(startValueHint)},
		{"an unknown count refuses a signal's delta", nil, scale.Pool{}, scaletest.Signal(scale.Signal{Delta: new(2)}), refused(startValueHint)},
		{"an unknown count takes a signal's count", nil, scale.Pool{}, scaletest.Signal(scale.Signal{Count: new(2)}), scaleTo(2)},
		{
			"an unknown count takes an exact strategy", func(r *scale.Rule) { r.Strategy = scale.Strategy{Type: scale.Exact, Up: new(7)} },
			scale.Pool{}, scaletest.SignalUp(), scaleTo(7),
		},
	})
}

func TestDecideBusy(t *testing.T) {
	running := scale.Decision{Outcome: scale.CoolingDown, Wanted: 6, To: 6, Reason: "an update of the pool is running"}
	testDecide(t, []decideCase{
		{"a signal counts as within the cooldown", nil, busyPool(at(5)), scaletest.SignalUp(), running},
		{"a signal does so without any cooldown", func(r *scale.Rule) { r.Cooldown = scale.Cooldown{} }, busyPool(at(5)), scaletest.SignalUp(), running},
		{"an absolute intent does not", nil, busyPool(at(5)), scaletest.ToCount(6), scaleTo(6)},
		{"a relative intent does not", nil, busyPool(at(5)), scaletest.ByDelta(1), scaleTo(6)},
	})
}
