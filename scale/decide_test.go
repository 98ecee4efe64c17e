package scale

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// noon is the time at which the tests decide.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return noon.Add(-d) }

// at is a pool whose configured and present counts agree, and that was never scaled.
func at(count int) Pool { return Pool{Count: new(count), Configured: new(count)} }

// scaledAt is the pool with its last scalings so long ago; a negative age says that there was none.
func scaledAt(p Pool, up, down time.Duration) Pool {
	if up >= 0 {
		p.LastUp = ago(up)
	}
	if down >= 0 {
		p.LastDown = ago(down)
	}
	return p
}

const never = time.Duration(-1)

func busyPool(p Pool) Pool {
	p.Busy = true
	return p
}

func toCount(n int) Intent     { return Intent{Pool: "worker", Count: new(n)} }
func byDelta(n int) Intent     { return Intent{Pool: "worker", Delta: new(n)} }
func signal(s Signal) Intent   { return Intent{Pool: "worker", Signal: &s} }
func signalUp() Intent         { return signal(Signal{Direction: Up}) }
func signalDown() Intent       { return signal(Signal{Direction: Down}) }
func forced(i Intent) Intent   { i.Force = true; return i }
func paused(p Pause) ruleEdit  { return func(r *Rule) { r.Paused = p } }
func limits(a, b int) ruleEdit { return func(r *Rule) { r.Min, r.Max = a, b } }

func split(up, down time.Duration) ruleEdit {
	return func(r *Rule) { r.Cooldown = Cooldown{Up: up, Down: down, Split: true} }
}

// ruleEdit is how the rule of a case differs from leastRule: 1 to 10 units, 5 minutes of cooldown, steps of 1.
type ruleEdit func(*Rule)

func ruleWith(edits ...ruleEdit) Rule {
	rule := leastRule()
	for _, edit := range edits {
		if edit != nil {
			edit(&rule)
		}
	}
	return rule
}

type decideCase struct {
	name   string
	rule   ruleEdit
	pool   Pool
	intent Intent
	// want lacks the intent and the count before, which every decision repeats.
	want Decision
}

func testDecide(t *testing.T, cases []decideCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.want.Intent, c.want.From = c.intent, c.pool.Count
			if diff := cmp.Diff(c.want, Decide(ruleWith(c.rule), c.pool, c.intent, noon), cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func scaleTo(n int) Decision { return Decision{Outcome: Scale, Wanted: n, To: n} }

func clampedTo(wanted, to int, reason string) Decision {
	return Decision{Outcome: Scale, Wanted: wanted, To: to, Clamped: true, Reason: reason}
}

func staysAt(n int, reason string) Decision {
	return Decision{Outcome: NoChange, Wanted: n, To: n, Reason: reason}
}

func coolsDown(to int, left time.Duration, reason string) Decision {
	return Decision{Outcome: CoolingDown, Wanted: to, To: to, Until: noon.Add(left), Reason: reason}
}

func isPaused(to int, reason string) Decision {
	return Decision{Outcome: Paused, Wanted: to, To: to, Reason: reason}
}

func refused(reason string) Decision { return Decision{Outcome: Refused, Reason: reason} }

func TestDecideOrder(t *testing.T) {
	justScaled := scaledAt(at(5), 0, 0)
	testDecide(t, []decideCase{
		{
			"a pause comes before everything else", paused(PauseBoth), justScaled, toCount(99),
			Decision{Outcome: Paused, Reason: "the rule is paused"},
		},
		{
			"a pause comes before a refusal", paused(PauseBoth), Pool{}, byDelta(1),
			Decision{Outcome: Paused, Reason: "the rule is paused"},
		},
		{"what cannot be computed comes before the cooldown", nil, Pool{LastUp: noon}, byDelta(1), refused(startValueHint)},
		{
			"the guardrails come before the pause of a direction", paused(PauseUp), scaledAt(at(10), 0, never), byDelta(1),
			Decision{Outcome: NoChange, Wanted: 11, To: 10, Clamped: true, Reason: "already at 10; clamped from 11 to max 10"},
		},
		{"the pause of a direction comes before the cooldown", paused(PauseUp), justScaled, byDelta(1), isPaused(6, "the rule is paused for scaling up")},
		{
			"the guardrails come before no change", nil, justScaled, toCount(99),
			Decision{Outcome: CoolingDown, Wanted: 99, To: 10, Clamped: true, Until: noon.Add(5 * time.Minute), Reason: "cooling down for another 5m0s"},
		},
		{"no change comes before the cooldown", nil, justScaled, toCount(5), staysAt(5, "already at 5")},
		{"no change comes before a busy pool", nil, busyPool(at(5)), signal(Signal{Count: new(5)}), staysAt(5, "already at 5")},
		{"the cooldown comes before scaling", nil, justScaled, toCount(6), coolsDown(6, 5*time.Minute, "cooling down for another 5m0s")},
		{"what nothing holds is scaled", nil, at(5), toCount(6), scaleTo(6)},
	})
}

const startValueHint = `the present count is not known: the configuration has no "workerCount" and the rule no "current"; ` +
	`give a start value with --count, or export "current"`

func TestDecidePause(t *testing.T) {
	whole := Decision{Outcome: Paused, Reason: "the rule is paused"}
	testDecide(t, []decideCase{
		{"true refuses to scale out", paused(PauseBoth), at(5), byDelta(1), whole},
		{"true refuses to scale in", paused(PauseBoth), at(5), byDelta(-1), whole},
		{"true refuses signals", paused(PauseBoth), at(5), signalUp(), whole},
		{"up refuses to scale out", paused(PauseUp), at(5), byDelta(1), isPaused(6, "the rule is paused for scaling up")},
		{"up lets the pool be scaled in", paused(PauseUp), at(5), byDelta(-1), scaleTo(4)},
		{"down refuses to scale in", paused(PauseDown), at(5), signalDown(), isPaused(4, "the rule is paused for scaling down")},
		{"down lets the pool be scaled out", paused(PauseDown), at(5), signalUp(), scaleTo(6)},
		{"force passes true", paused(PauseBoth), at(5), forced(byDelta(1)), scaleTo(6)},
		{"force passes up", paused(PauseUp), at(5), forced(byDelta(1)), scaleTo(6)},
		{"force passes down", paused(PauseDown), at(5), forced(signalDown()), scaleTo(4)},
		{"force finds no change under a pause", paused(PauseBoth), at(5), forced(toCount(5)), staysAt(5, "already at 5")},
		{
			"down also refuses to move a count inside from above", paused(PauseDown), at(12), byDelta(0),
			Decision{Outcome: Paused, Wanted: 12, To: 10, Clamped: true, Reason: "the rule is paused for scaling down"},
		},
	})
}

func TestDecideGuardrails(t *testing.T) {
	testDecide(t, []decideCase{
		{"a count above max becomes max", nil, at(5), toCount(25), clampedTo(25, 10, "clamped from 25 to max 10")},
		{"a count below min becomes min", nil, at(5), toCount(0), clampedTo(0, 1, "clamped from 0 to min 1")},
		{"max itself is inside", nil, at(5), toCount(10), scaleTo(10)},
		{"min itself is inside", nil, at(5), toCount(1), scaleTo(1)},
		{"a delta past max becomes max", nil, at(8), byDelta(5), clampedTo(13, 10, "clamped from 13 to max 10")},
		{"a delta past min becomes min", nil, at(3), byDelta(-5), clampedTo(-2, 1, "clamped from -2 to min 1")},
		{
			"a signal at max changes nothing", nil, at(10), signalUp(),
			Decision{Outcome: NoChange, Wanted: 11, To: 10, Clamped: true, Reason: "already at 10; clamped from 11 to max 10"},
		},
		{
			"a signal at min changes nothing", nil, at(1), signalDown(),
			Decision{Outcome: NoChange, Wanted: 0, To: 1, Clamped: true, Reason: "already at 1; clamped from 0 to min 1"},
		},
		{"force never passes max", nil, at(5), forced(toCount(25)), clampedTo(25, 10, "clamped from 25 to max 10")},
		{"force never passes min", nil, at(5), forced(byDelta(-9)), clampedTo(-4, 1, "clamped from -4 to min 1")},
		{"min and max may be zero", limits(0, 0), at(3), toCount(7), clampedTo(7, 0, "clamped from 7 to max 0")},
		{"a count above max is moved inside by a wish for less", nil, at(20), byDelta(-1), clampedTo(19, 10, "clamped from 19 to max 10")},
		{"a count above max is moved inside by the same count", nil, at(20), toCount(20), clampedTo(20, 10, "clamped from 20 to max 10")},
		{"a count below min is moved inside by no delta", limits(3, 10), at(1), byDelta(0), clampedTo(1, 3, "clamped from 1 to min 3")},
		{"an overflow upwards stays upwards", nil, at(5), byDelta(math.MaxInt), clampedTo(math.MaxInt, 10, "clamped from 9223372036854775807 to max 10")},
		{"the smallest number stays downwards", nil, at(5), signal(Signal{Count: new(math.MinInt)}), clampedTo(math.MinInt, 1, "clamped from -9223372036854775808 to min 1")},
		{
			"the smallest delta of a signal does not turn its direction", nil, at(5), signal(Signal{Delta: new(math.MinInt)}),
			clampedTo(5-math.MaxInt, 1, "clamped from -9223372036854775802 to min 1"),
		},
	})
}

func TestDecideCount(t *testing.T) {
	apart := Pool{Count: new(3), Configured: new(5)}
	testDecide(t, []decideCase{
		{"a delta starts at the present count, not at the configured one", nil, apart, byDelta(1), scaleTo(4)},
		{"a present count that is configured otherwise is written down", nil, apart, toCount(3), scaleTo(3)},
		{"a configured count that the pool does not have is applied", nil, apart, toCount(5), scaleTo(5)},
		{"a count that is nowhere configured is written down", nil, Pool{Count: new(3)}, toCount(3), scaleTo(3)},
		{
			"writing a lower count down is held off by a pause of scaling in", paused(PauseDown), apart, toCount(3),
			isPaused(3, "the rule is paused for scaling down"),
		},
		{
			"a signal for no change does not take back a scaling that is still under way",
			func(r *Rule) { r.Strategy = Strategy{Type: TargetTracking, Target: 50, Tolerance: 0.1} },
			scaledAt(apart, time.Minute, never), signal(Signal{Value: new(50.0)}), coolsDown(3, 4*time.Minute, "cooling down for another 4m0s"),
		},
		{"an unknown count takes an absolute one", nil, Pool{}, toCount(4), scaleTo(4)},
		{"an unknown count is kept inside the guardrails", nil, Pool{}, toCount(99), clampedTo(99, 10, "clamped from 99 to max 10")},
		{"an unknown count refuses a delta", nil, Pool{}, byDelta(1), refused(startValueHint)},
		{"an unknown count refuses a delta by force", nil, Pool{}, forced(byDelta(1)), refused(startValueHint)},
		{"an unknown count refuses a signal", nil, Pool{}, signalUp(), refused(startValueHint)},
		{"an unknown count refuses a signal's delta", nil, Pool{}, signal(Signal{Delta: new(2)}), refused(startValueHint)},
		{"an unknown count takes a signal's count", nil, Pool{}, signal(Signal{Count: new(2)}), scaleTo(2)},
		{
			"an unknown count takes an exact strategy", func(r *Rule) { r.Strategy = Strategy{Type: Exact, Up: new(7)} },
			Pool{}, signalUp(), scaleTo(7),
		},
	})
}

func TestDecideBusy(t *testing.T) {
	running := Decision{Outcome: CoolingDown, Wanted: 6, To: 6, Reason: "an update of the pool is running"}
	testDecide(t, []decideCase{
		{"a signal counts as within the cooldown", nil, busyPool(at(5)), signalUp(), running},
		{"a signal does so without any cooldown", func(r *Rule) { r.Cooldown = Cooldown{} }, busyPool(at(5)), signalUp(), running},
		{"an absolute intent does not", nil, busyPool(at(5)), toCount(6), scaleTo(6)},
		{"a relative intent does not", nil, busyPool(at(5)), byDelta(1), scaleTo(6)},
	})
}
