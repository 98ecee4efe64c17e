package scale_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestHoldsOn(t *testing.T) {
	on := func(pool string, left time.Duration) scale.Hold {
		return scale.Hold{Pool: pool, Until: scaletest.Noon.Add(left)}
	}
	for _, c := range []struct {
		name  string
		holds scale.Holds
		want  time.Duration
	}{
		{"nothing", nil, 0},
		{"the pool", scale.Holds{on("worker", time.Hour)}, time.Hour},
		{"another pool", scale.Holds{on("api", time.Hour)}, 0},
		{"the stack", scale.Holds{on("", time.Hour)}, time.Hour},
		{"the one that ends last", scale.Holds{on("worker", time.Minute), on("", time.Hour)}, time.Hour},
		{"whichever that is", scale.Holds{on("", time.Minute), on("worker", time.Hour)}, time.Hour},
		{"one that ends now has ended", scale.Holds{on("worker", 0)}, 0},
		{"one that has ended", scale.Holds{on("", -time.Hour)}, 0},
	} {
		var got time.Duration
		if hold := c.holds.On("worker", scaletest.Noon); hold != nil {
			got = hold.Until.Sub(scaletest.Noon)
		}
		if got != c.want {
			t.Errorf("%s: held for %s, want %s", c.name, got, c.want)
		}
	}
}

func TestHoldsWith(t *testing.T) {
	stack, pool, longer := scale.Hold{Until: scaletest.Noon}, scale.Hold{Pool: "worker", Until: scaletest.Noon}, scale.Hold{Pool: "worker", Until: scaletest.Noon.Add(time.Hour)}
	if diff := cmp.Diff(scale.Holds{stack, longer}, scale.Holds{stack, pool}.With(longer)); diff != "" {
		t.Errorf("a hold takes the place of an earlier one on the same pool: %s", diff)
	}
	if diff := cmp.Diff(scale.Holds{pool}, scale.Holds{stack, pool}.Without("")); diff != "" {
		t.Errorf("the end of the stack's hold leaves that on a pool: %s", diff)
	}
}

func TestNewHold(t *testing.T) {
	for lasts, ok := range map[time.Duration]bool{
		0: false, -time.Minute: false, time.Millisecond: false, time.Second: true, 30 * time.Minute: true, 720 * time.Hour: true, 721 * time.Hour: false,
	} {
		hold, err := scale.NewHold("worker", lasts, "why", "ana", scaletest.Noon)
		if usage := new(*scale.UsageError); (err == nil) != ok || err != nil && !errors.As(err, usage) || ok && !hold.Until.Equal(scaletest.Noon.Add(lasts)) {
			t.Errorf("%s: %+v, %v", lasts, hold, err)
		}
	}
}

// Nothing passes a hold: whoever placed it is looking at the pool.
func TestDecideHeld(t *testing.T) {
	held := at(5)
	held.Holds = scale.Holds{{Pool: "worker", Until: scaletest.Noon.Add(time.Hour), By: "ana", Reason: "looking into it"}}
	for name, intent := range map[string]scale.Intent{
		"a count": scaletest.ToCount(9), "no change": scaletest.ToCount(5), "a delta": scaletest.ByDelta(1), "force": scaletest.Forced(scaletest.ByDelta(1)), "a signal": scaletest.SignalUp(),
	} {
		d := scale.Decide(scaletest.TwoPools()["worker"], held, intent, scaletest.Noon)
		if d.Outcome != scale.Held || !d.Until.Equal(scaletest.Noon.Add(time.Hour)) || d.Reason != "worker is held until 2026-03-04 13:00:00 UTC by ana: looking into it" {
			t.Errorf("%s: %+v", name, d)
		}
	}
	if d := scale.Decide(scaletest.TwoPools()["worker"], held, scaletest.ByDelta(1), scaletest.Noon.Add(time.Hour)); d.Outcome != scale.Scale {
		t.Errorf("when the hold has ended: %+v", d)
	}
}
