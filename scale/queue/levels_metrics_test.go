package queue

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// gauges are metrics in memory: each pool has one, "queue".
type gauges struct {
	mu      sync.Mutex
	samples map[string]scale.Sample
}

func (g *gauges) PoolMetrics(pool string) scale.PoolMetrics {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s, ok := g.samples[pool]; ok {
		return scale.PoolMetrics{Samples: []scale.Sample{s}}
	}
	return scale.PoolMetrics{}
}

// show has the worker pool's metric be seen at a value now; problem, if there is one, says why there is none.
func (g *gauges) show(r *rig, value float64, problem string) {
	g.mu.Lock()
	if g.samples == nil {
		g.samples = map[string]scale.Sample{}
	}
	g.samples["worker"] = scale.Sample{Metric: "queue", Value: value, Problem: problem, At: time.Now()}
	g.mu.Unlock()
	r.LookAgain()
	time.Sleep(time.Second)
}

// measured gives the worker pool a metric, with one unit for 10.
func measured(r *scale.Rule) {
	r.Min, r.Cooldown = 0, scale.Cooldown{}
	r.Metrics = []scale.Metric{{Name: "queue", MaxAge: time.Hour}}
	r.Strategy = scale.Strategy{Type: scale.PerUnit, Target: 10}
}

func beginMeasured(t *testing.T, w *world, edits ...func(*scale.Rule)) (*rig, *gauges) {
	g := &gauges{}
	w.rule("worker", measured)
	for _, edit := range edits {
		w.rule("worker", edit)
	}
	return begin(t, w, func(o *Options) { o.Scaler.Metrics = g }), g
}

func TestQueueFollowsMetrics(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, g := beginMeasured(t, newWorld(t))
		g.show(r, 61, "")
		time.Sleep(time.Minute)
		r.wantCounts(7, 2, 1)
		g.show(r, 0, "")
		time.Sleep(time.Minute)
		r.wantCounts(0, 2, 2)
		g.show(r, 1, "")
		time.Sleep(time.Minute)
		r.wantCounts(1, 2, 3)
		g.show(r, 0, "no series")
		time.Sleep(time.Hour)
		r.wantCounts(1, 2, 3)
		recent, err := r.Recent("worker", 1)
		if err != nil || len(recent) != 1 {
			t.Fatal(recent, err)
		}
		if op := recent[0]; op.Intent.Source != SourceMetrics || op.Intent.Reason != "queue is 1" || op.Result != FinalScaled {
			t.Errorf("the last operation is %+v", op)
		}
	})
}

func TestAPoolIsKnownAsBusyWhileItIsScaled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, g := beginMeasured(t, newWorld(t))
		if p, ok := r.Known("worker"); !ok || p.Busy || p.Count == nil || *p.Count != 3 {
			t.Errorf("at first: %+v, %v", p, ok)
		}
		g.show(r, 61, "")
		if p, ok := r.Known("worker"); !ok || !p.Busy {
			t.Errorf("while it is scaled: %+v, %v", p, ok)
		}
		time.Sleep(time.Minute)
		if p, ok := r.Known("worker"); !ok || p.Busy || *p.Count != 7 {
			t.Errorf("afterwards: %+v, %v", p, ok)
		}
		if _, ok := r.Known("nobody"); ok {
			t.Error("a pool that does not exist is known")
		}
	})
}

// TestMetricsThatCannotBeMetAreTriedEverMoreSeldom has each scaling fail: a metric that goes up and down must not make a
// loop of updates.
func TestMetricsThatCannotBeMetAreTriedEverMoreSeldom(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.breaks(true)
		r, g := beginMeasured(t, w)
		for i := range 60 * 4 { // an hour, with a look each 15 s
			g.show(r, []float64{61, 30, 80}[i%3], "")
			time.Sleep(14 * time.Second)
		}
		if n := w.updatesBegun(); n < 3 || n > 12 {
			t.Errorf("there were %d updates in an hour of failures", n)
		}
		w.breaks(false)
		g.show(r, 61, "")
		time.Sleep(16 * time.Minute)
		g.show(r, 61, "")
		time.Sleep(time.Minute)
		if got := w.counts(); got != [2]int{7, 2} {
			t.Errorf("once it works again: %v", got)
		}
		before := w.updatesBegun()
		g.show(r, 80, "")
		time.Sleep(time.Minute)
		r.wantCounts(8, 2, before+1) // at once
	})
}

// TestAClockThatIsSetBackHoldsNothingUp has the queue ask in vain, and then sets its clock back by a day.
func TestAClockThatIsSetBackHoldsNothingUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.rule("worker", measured)
		w.breaks(true)
		var back atomic.Int64
		g := &gauges{}
		r := begin(t, w, func(o *Options) {
			o.Scaler.Metrics = g
			o.Scaler.Now = func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }
		})
		g.show(r, 61, "")
		time.Sleep(time.Minute)
		w.breaks(false)
		back.Store(int64(24 * time.Hour))
		g.show(r, 61, "")
		time.Sleep(time.Minute)
		if got := w.counts(); got != [2]int{7, 2} {
			t.Errorf("a minute later the pools are %v", got)
		}
	})
}

func TestWhatTheMetricsDoNotGetIsToldOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, g := beginMeasured(t, newWorld(t), func(rule *scale.Rule) { rule.Paused = scale.PauseUp })
		for range 5 {
			g.show(r, 61, "")
			time.Sleep(time.Minute)
		}
		r.wantCounts(3, 2, 0)
		told := 0
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, e := range r.events {
			if unmet, ok := e.(Unmet); ok {
				told++
				if unmet.Decision.Outcome != scale.Paused || unmet.Decision.To != 7 {
					t.Errorf("it is told as %+v", unmet.Decision)
				}
			}
		}
		if told != 1 {
			t.Errorf("it was told %d times", told)
		}
	})
}

func TestAnAlertThatComesAgainWithAnotherValue(t *testing.T) {
	alert := func(value float64) scale.Intent {
		i := firing("a", 0)
		i.Signal.Value = &value
		return i
	}
	tracking := func(rule *scale.Rule) {
		rule.Max, rule.Strategy = 100, scale.Strategy{Type: scale.TargetTracking, Target: 10}
	}
	t.Run("is decided anew, after the cooldown", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			w := newWorld(t)
			w.rule("worker", tracking)
			r := begin(t, w)
			first := r.accepted(alert(21))
			r.wants(FinalScaled, first)
			r.wantCounts(7, 2, 1)
			if sub := r.submit(alert(21))[0]; !sub.Duplicate {
				t.Errorf("with the same value: %+v", sub)
			}
			if sub := r.submit(alert(40))[0]; sub.Accepted || sub.Duplicate || sub.Decision.Outcome != scale.CoolingDown {
				t.Errorf("in the cooldown: %+v", sub)
			}
			time.Sleep(time.Hour)
			second := r.accepted(alert(40))
			r.wants(FinalScaled, second)
			r.wantCounts(28, 2, 2)
			if op := r.result(second); op.Previous != first || op.Failures != 0 {
				t.Errorf("the second one is %+v", op)
			}
		})
	})
	t.Run("takes the place of the one that is deferred", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			w := newWorld(t)
			w.rule("worker", tracking)
			w.rule("worker", deferring)
			r := begin(t, w)
			r.wants(FinalScaled, r.accepted(alert(21)))
			older := r.accepted(alert(30))
			newer := r.accepted(alert(20))
			r.wants(FinalSuperseded, older)
			r.wants(FinalScaled, newer)
			r.wantCounts(14, 2, 2)
		})
	})
	t.Run("is a duplicate if the value means nothing", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r := begin(t, newWorld(t))
			r.wants(FinalScaled, r.accepted(alert(21)))
			time.Sleep(time.Hour)
			if sub := r.submit(alert(40))[0]; !sub.Duplicate || sub.Accepted {
				t.Errorf("under a plain step: %+v", sub)
			}
		})
	})
}
