package scale

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzDecide checks the rules that no intent, by no route, may break. Bits of flags choose what the numbers are used
// for.
func FuzzDecide(f *testing.F) {
	f.Add(uint32(0), 1, 10, 5, 5, 6, 0, 300, 300, -60, -120, 80.0, 60.0)
	f.Add(uint32(0xffff), 0, 0, 0, 3, -2, 10, 0, 60, 5, 5, 0.0, 0.0)
	f.Add(uint32(0x1234), 3, 3, 99, 1, 1<<62, 4, 1, 2, -1, 0, 1e300, 1e-300)
	f.Add(uint32(0x0842), 0, 1000, -7, 12, -1<<63, 7, 30, 900, -29, -899, -1.0, 12.5)
	f.Add(uint32(0x24d0), 1, 50, 12, 12, 0, 6, 0, 0, -60, -60, 0.0, 0.0)   // an exact size for more, below the present count
	f.Add(uint32(0x224d0), 4, 8, 12, 12, 0, 9, 0, 0, -60, -60, 80.0, 60.0) // for more, of a pool above max
	f.Fuzz(func(t *testing.T, flags uint32, least, most, count, configured, size, other, up, down, lastUp, lastDown int, value, threshold float64) {
		bit := func(i int) bool { return flags>>i&1 == 1 }
		rule := leastRule()
		rule.Min = clampTest(least, 0, MaxNumber)
		rule.Max = clampTest(most, rule.Min, MaxNumber)
		rule.Paused = []Pause{PauseNone, PauseBoth, PauseUp, PauseDown}[flags>>1&3]
		rule.Cooldown = Cooldown{Up: seconds(up, 0), Down: seconds(down, 0), Split: bit(0)}
		if !rule.Cooldown.Split {
			rule.Cooldown.Down = rule.Cooldown.Up
		}
		rule.Strategy = fuzzStrategy(flags>>3&3, clampTest(other, 1, MaxNumber), value)
		pool := Pool{LastUp: noon.Add(seconds(lastUp, -MaxNumber)), LastDown: noon.Add(seconds(lastDown, -MaxNumber)), Busy: bit(5)}
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
		rule.Triggers = map[string]Trigger{"": alert}
		got := Decide(rule, pool, intent, noon)
		if s := intent.Signal; s != nil && got.Outcome == Scale && pool.Count != nil && !s.Cleared && (s.Delta == nil || s.Direction != 0) {
			up, down := s.Direction == Up || s.Direction == 0 && alert.Direction == Up, s.Direction == Down || s.Direction == 0 && alert.Direction == Down
			if up && got.To < count || down && got.To > count {
				t.Errorf("a signal %v, of a trigger %v, moves the pool from %d to %d", s.Direction, alert.Direction, count, got.To)
			}
		}
		if diff := cmp.Diff(got, Decide(rule, pool, intent, noon), cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("two decisions on the same:\n%s", diff)
		}
		way := got.Direction(pool.Configured)
		limit := noon.Add(rule.Cooldown.Up) // what lies further ahead than the cooldown lasts holds nothing
		last := Later(believable(pool.LastUp, limit), believable(pool.LastDown, limit))
		switch got.Outcome {
		case Scale:
			if got.To < rule.Min || got.To > rule.Max {
				t.Errorf("scales to %d, outside %d to %d", got.To, rule.Min, rule.Max)
			}
			if got.Clamped != (got.Wanted != got.To) {
				t.Errorf("wants %d, scales to %d, and says clamped: %v", got.Wanted, got.To, got.Clamped)
			}
			if intent.Force {
				return
			}
			if rule.Paused == PauseBoth || rule.Paused == PauseUp && way == Up || rule.Paused == PauseDown && way == Down {
				t.Errorf("scales %v although paused: %s", way, rule.Paused)
			}
			if !rule.Cooldown.Split && way != 0 && !last.IsZero() && max(noon.Sub(last), 0) < rule.Cooldown.Up {
				t.Errorf("scales %v ago after a scaling, and the cooldown is %v", noon.Sub(last), rule.Cooldown.Up)
			}
			if intent.Signal != nil && pool.Busy {
				t.Error("a signal scales a busy pool")
			}
		case NoChange:
			turned := got.To == count && got.Wanted != got.To || got.Clamped
			if !equal(pool.Count, got.To) || !equal(pool.Configured, got.To) && !turned {
				t.Errorf("no change at %d, and the pool has %v of %v", got.To, pool.Count, pool.Configured)
			}
		case CoolingDown:
			if !got.Until.IsZero() && (!got.Until.After(noon) || got.Until.After(noon.Add(max(rule.Cooldown.Up, rule.Cooldown.Down)))) {
				t.Errorf("cools down until %v", got.Until)
			}
			if intent.Force && !got.Until.IsZero() {
				t.Error("a forced intent cools down")
			}
		case Paused:
			if intent.Force || rule.Paused == PauseNone {
				t.Errorf("paused by %q, force %v", rule.Paused, intent.Force)
			}
		case Cleared, Refused:
			if intent.Count != nil {
				t.Errorf("an absolute intent is %s: %s", got.Outcome, got.Reason)
			}
		default:
			t.Errorf("outcome %q", got.Outcome)
		}
		if got.Outcome != Scale && got.Reason == "" {
			t.Errorf("%s without a reason", got.Outcome)
		}
	})
}

func clampTest(n, least, most int) int { return min(max(n, least), most) }

func seconds(n, least int) time.Duration {
	return time.Duration(clampTest(n, least, MaxNumber)) * time.Second
}

func fuzzStrategy(kind uint32, n int, target float64) Strategy {
	switch kind {
	case 1:
		return Strategy{Type: Percent, Up: &n, Down: new(min(n, 100)), MinChange: n / 3}
	case 2:
		return Strategy{Type: Exact, Up: &n}
	case 3:
		if !(target > 0) || !finite(&target) {
			target = 1
		}
		return Strategy{Type: TargetTracking, Target: target, Tolerance: 0.1}
	}
	return Strategy{Type: Step, Up: &n, Down: new(1), Steps: []StepAdjustment{{Above: 5, Change: n}}}
}

// fuzzTrigger is the trigger of every alert.
func fuzzTrigger(flags uint32, size int) (t Trigger) {
	t.Direction = []Direction{0, Up, Down, 0}[flags&3]
	switch flags >> 2 & 3 {
	case 1:
		t.Count = new(clampTest(size, 0, MaxNumber))
	case 2:
		t.OnClear = &Trigger{Count: new(clampTest(size, 0, MaxNumber))}
	}
	return t
}

func fuzzIntent(flags uint32, size int, value, threshold float64) Intent {
	intent := Intent{Pool: "worker", Force: flags>>2&1 == 1}
	switch flags & 3 {
	case 0:
		intent.Count = new(max(size, 0))
	case 1:
		intent.Delta = &size
	default:
		intent.Signal = &Signal{Direction: Direction(flags>>3&3) - 1, Cleared: flags>>5&3 == 3, Comparison: Direction(flags>>7&1)*2 - 1}
		if flags>>8&1 == 1 {
			intent.Signal.Value, intent.Signal.Threshold = &value, &threshold
		}
		if flags>>9&3 == 3 {
			intent.Signal.Delta = &size
		}
		if flags>>10&7 == 5 {
			intent.Signal.Count = new(max(size, 0))
		}
		intent.Signal.Direction = Direction(clampTest(int(intent.Signal.Direction), -1, 1))
	}
	return intent
}
