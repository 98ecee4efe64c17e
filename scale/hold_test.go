package scale

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestHoldsOn(t *testing.T) {
	on := func(pool string, left time.Duration) Hold { return Hold{Pool: pool, Until: noon.Add(left)} }
	for _, c := range []struct {
		name  string
		holds Holds
		want  time.Duration
	}{
		{"nothing", nil, 0},
		{"the pool", Holds{on("worker", time.Hour)}, time.Hour},
		{"another pool", Holds{on("api", time.Hour)}, 0},
		{"the stack", Holds{on("", time.Hour)}, time.Hour},
		{"the one that ends last", Holds{on("worker", time.Minute), on("", time.Hour)}, time.Hour},
		{"whichever that is", Holds{on("", time.Minute), on("worker", time.Hour)}, time.Hour},
		{"one that ends now has ended", Holds{on("worker", 0)}, 0},
		{"one that has ended", Holds{on("", -time.Hour)}, 0},
	} {
		var got time.Duration
		if hold := c.holds.On("worker", noon); hold != nil {
			got = hold.Until.Sub(noon)
		}
		if got != c.want {
			t.Errorf("%s: held for %s, want %s", c.name, got, c.want)
		}
	}
}

func TestHoldsWith(t *testing.T) {
	stack, pool, longer := Hold{Until: noon}, Hold{Pool: "worker", Until: noon}, Hold{Pool: "worker", Until: noon.Add(time.Hour)}
	if diff := cmp.Diff(Holds{stack, longer}, Holds{stack, pool}.With(longer)); diff != "" {
		t.Errorf("a hold takes the place of an earlier one on the same pool: %s", diff)
	}
	if diff := cmp.Diff(Holds{pool}, Holds{stack, pool}.Without("")); diff != "" {
		t.Errorf("the end of the stack's hold leaves that on a pool: %s", diff)
	}
}

func TestNewHold(t *testing.T) {
	for lasts, ok := range map[time.Duration]bool{
		0: false, -time.Minute: false, time.Millisecond: false, time.Second: true, 30 * time.Minute: true, 720 * time.Hour: true, 721 * time.Hour: false,
	} {
		hold, err := NewHold("worker", lasts, "why", "ana", noon)
		if usage := new(*UsageError); (err == nil) != ok || err != nil && !errors.As(err, usage) || ok && !hold.Until.Equal(noon.Add(lasts)) {
			t.Errorf("%s: %+v, %v", lasts, hold, err)
		}
	}
}

// Nothing passes a hold: whoever placed it is looking at the pool.
func TestDecideHeld(t *testing.T) {
	held := at(5)
	held.Holds = Holds{{Pool: "worker", Until: noon.Add(time.Hour), By: "ana", Reason: "looking into it"}}
	for name, intent := range map[string]Intent{
		"a count": toCount(9), "no change": toCount(5), "a delta": byDelta(1), "force": forced(byDelta(1)), "a signal": signalUp(),
	} {
		d := Decide(twoPools()["worker"], held, intent, noon)
		if d.Outcome != Held || !d.Until.Equal(noon.Add(time.Hour)) || d.Reason != "worker is held until 2026-03-04 13:00:00 UTC by ana: looking into it" {
			t.Errorf("%s: %+v", name, d)
		}
	}
	if d := Decide(twoPools()["worker"], held, byDelta(1), noon.Add(time.Hour)); d.Outcome != Scale {
		t.Errorf("when the hold has ended: %+v", d)
	}
}
