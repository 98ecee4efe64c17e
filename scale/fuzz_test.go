package scale_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// FuzzDecide checks the rules that no intent, by no route, may break. Bits of flags choose what the numbers are used
// for.
func FuzzDecide(f *testing.F) {
	f.Add(uint32(0), 1, 10, 5, 5, 6, 0, 300, 300, -60, -120, 80.0, 60.0)
	f.Add(uint32(0xffff), 0, 0, 0, 3, -2, 10, 0, 60, 5, 5, 0.0, 0.0)
	f.Add(uint32(0x1234), 3, 3, 99, 1, 1<<62, 4, 1, 2, -1, 0, 1e300, 1e-300)
	f.Add(uint32(0x0842), 0, 1000, -7, 12, -1<<63, 7, 30, 900, -29, -899, -1.0, 12.5)
	f.Add(uint32(0x24d0), 1, 50, 12, 12, 0, 6, 0, 0, -60, -60, 0.0, 0.0)      // an exact size for more, below the present count
	f.Add(uint32(0x40002d8), 1, 50, 12, 12, 0, 6, 0, 0, -60, -60, 80.0, 60.0) // a total
	f.Add(uint32(0x224d0), 4, 8, 12, 12, 0, 9, 0, 0, -60, -60, 80.0, 60.0)    // for more, of a pool above max
	f.Fuzz(func(t *testing.T, flags uint32, least, most, count, configured, size, other, up, down, lastUp, lastDown int, value, threshold float64) {
		bit := func(i int) bool { return flags>>i&1 == 1 }
		rule := scaletest.LeastRule()
		rule.Min = clampTest(least, 0, scale.MaxNumber)
		rule.Max = clampTest(most, rule.Min, scale.MaxNumber)
		rule.Paused = []scale.Pause{scale.PauseNone, scale.PauseBoth, scale.PauseUp, scale.PauseDown}[flags>>1&3]
		rule.Cooldown = scale.Cooldown{Up: seconds(up, 0), Down: seconds(down, 0), Split: bit(0)}
		if !rule.Cooldown.Split {
			rule.Cooldown.Down = rule.Cooldown.Up
		}
		rule.Strategy = fuzzStrategy(flags>>3&3, bit(26), clampTest(other, 1, scale.MaxNumber), value)
		pool := scale.Pool{LastUp: scaletest.Noon.Add(seconds(lastUp, -scale.MaxNumber)), LastDown: scaletest.Noon.Add(seconds(lastDown, -scale.MaxNumber)), Busy: bit(5)}
		if bit(6) {
			pool.Count = &count
		}
		if bit(7) && pool.Count != nil { // a configured count stands for an unknown one
			pool.Configured = &configured
		}
		if bit(8) {
			pool.LastUp = time.Time{}
		}
		intent := fuzzIntent(flags>>9, size, value, threshold)

		alert := fuzzTrigger(flags>>22, size)
		rule.Triggers = map[string]scale.Trigger{"": alert}
		got := scale.Decide(rule, pool, intent, scaletest.Noon)
		if s := intent.Signal; s != nil && got.Outcome == scale.Scale && pool.Count != nil && !s.Cleared && (s.Delta == nil || s.Direction != 0) {
			up, down := s.Direction == scale.Up || s.Direction == 0 && alert.Direction == scale.Up, s.Direction == scale.Down || s.Direction == 0 && alert.Direction == scale.Down
			if up && got.To < count || down && got.To > count {
				t.Errorf("a signal %v, of a trigger %v, moves the pool from %d to %d", s.Direction, alert.Direction, count, got.To)
			}
		}
		if diff := cmp.Diff(got, scale.Decide(rule, pool, intent, scaletest.Noon), cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("two decisions on the same:\n%s", diff)
		}
		way := got.Direction(pool.Configured)
		limit := scaletest.Noon.Add(rule.Cooldown.Up) // what lies further ahead than the cooldown lasts holds nothing
		last := scale.Later(scale.Believable(pool.LastUp, limit), scale.Believable(pool.LastDown, limit))
		switch got.Outcome {
		case scale.Scale:
			if got.To < rule.Min || got.To > rule.Max {
				t.Errorf("scales to %d, outside %d to %d", got.To, rule.Min, rule.Max)
			}
			if got.Clamped != (got.Wanted != got.To) {
				t.Errorf("wants %d, scales to %d, and says clamped: %v", got.Wanted, got.To, got.Clamped)
			}
			if intent.Force {
				return
			}
			if rule.Paused == scale.PauseBoth || rule.Paused == scale.PauseUp && way == scale.Up || rule.Paused == scale.PauseDown && way == scale.Down {
				t.Errorf("scales %v although paused: %s", way, rule.Paused)
			}
			if !rule.Cooldown.Split && way != 0 && !last.IsZero() && max(scaletest.Noon.Sub(last), 0) < rule.Cooldown.Up {
				t.Errorf("scales %v ago after a scaling, and the cooldown is %v", scaletest.Noon.Sub(last), rule.Cooldown.Up)
			}
			if intent.Signal != nil && pool.Busy {
				t.Error("a signal scales a busy pool")
			}
		case scale.NoChange:
			turned := got.To == count && got.Wanted != got.To || got.Clamped
			if !scale.Equal(pool.Count, got.To) || !scale.Equal(pool.Configured, got.To) && !turned {
				t.Errorf("no change at %d, and the pool has %v of %v", got.To, pool.Count, pool.Configured)
			}
		case scale.CoolingDown:
			if !got.Until.IsZero() && (!got.Until.After(scaletest.Noon) || got.Until.After(scaletest.Noon.Add(max(rule.Cooldown.Up, rule.Cooldown.Down)))) {
				t.Errorf("cools down until %v", got.Until)
			}
			if intent.Force && !got.Until.IsZero() {
				t.Error("a forced intent cools down")
			}
		case scale.Paused:
			if intent.Force || rule.Paused == scale.PauseNone {
				t.Errorf("paused by %q, force %v", rule.Paused, intent.Force)
			}
		case scale.Cleared, scale.Refused:
			if intent.Count != nil {
				t.Errorf("an absolute intent is %s: %s", got.Outcome, got.Reason)
			}
		default:
			t.Errorf("outcome %q", got.Outcome)
		}
		if got.Outcome != scale.Scale && got.Reason == "" {
			t.Errorf("%s without a reason", got.Outcome)
		}
	})
}

func clampTest(n, least, most int) int { return min(max(n, least), most) }

func seconds(n, least int) time.Duration {
	return time.Duration(clampTest(n, least, scale.MaxNumber)) * time.Second
}

func fuzzStrategy(kind uint32, total bool, n int, target float64) scale.Strategy {
	switch kind {
	case 1:
		return scale.Strategy{Type: scale.Percent, Up: &n, Down: new(min(n, 100)), MinChange: n / 3}
	case 2:
		return scale.Strategy{Type: scale.Exact, Up: &n}
	case 3:
		if !(target > 0) || !scale.Finite(&target) {
			target = 1
		}
		follows := scale.TargetTracking
		if total {
			follows = scale.PerUnit
		}
		return scale.Strategy{Type: follows, Target: target, Tolerance: scale.Tolerance{Up: 0.1, Down: 0.1}}
	}
	return scale.Strategy{Type: scale.Step, Up: &n, Down: new(1), Steps: []scale.StepAdjustment{{Above: 5, Change: n}}}
}

// fuzzTrigger is the trigger of every alert.
func fuzzTrigger(flags uint32, size int) (t scale.Trigger) {
	t.Direction = []scale.Direction{0, scale.Up, scale.Down, 0}[flags&3]
	switch flags >> 2 & 3 {
	case 1:
		t.Count = new(clampTest(size, 0, scale.MaxNumber))
	case 2:
		t.OnClear = &scale.Trigger{Count: new(clampTest(size, 0, scale.MaxNumber))}
	}
	return t
}

func fuzzIntent(flags uint32, size int, value, threshold float64) scale.Intent {
	intent := scale.Intent{Pool: "worker", Force: flags>>2&1 == 1}
	switch flags & 3 {
	case 0:
		intent.Count = new(max(size, 0))
	case 1:
		intent.Delta = &size
	default:
		intent.Signal = &scale.Signal{Direction: scale.Direction(flags>>3&3) - 1, Cleared: flags>>5&3 == 3, Comparison: scale.Direction(flags>>7&1)*2 - 1}
		if flags>>8&1 == 1 {
			intent.Signal.Value, intent.Signal.Threshold = &value, &threshold
		}
		if flags>>9&3 == 3 {
			intent.Signal.Delta = &size
		}
		if flags>>10&7 == 5 {
			intent.Signal.Count = new(max(size, 0))
		}
		intent.Signal.Direction = scale.Direction(clampTest(int(intent.Signal.Direction), -1, 1))
	}
	return intent
}
