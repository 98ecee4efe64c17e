package scale_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// autoscaler is the algorithm that the documentation of Kubernetes' HorizontalPodAutoscaler publishes ("Algorithm
// details" and "Stabilization window"), for one metric, without limits to the rate, and with pods that are ready at
// once.
type autoscaler struct {
	target     float64
	total      bool // AverageValue of an external metric, else a value for each pod
	up, down   float64
	out, in    time.Duration
	least      int
	most       int
	recommends []scale.Recommendation
}

func (a *autoscaler) replicas(now time.Time, present int, value float64) int {
	if len(a.recommends) == 0 {
		a.recommends = append(a.recommends, scale.Recommendation{At: now, Count: present})
	}
	ratio := value / a.target
	desired := int(math.Ceil(ratio * float64(present)))
	if a.total {
		desired, ratio = int(math.Ceil(ratio)), ratio/float64(present)
	}
	if 1-a.down <= ratio && ratio <= 1+a.up {
		desired = present
	}
	up, down := desired, desired
	for _, r := range a.recommends {
		if r.At.After(now.Add(-a.out)) {
			up = min(up, r.Count)
		}
		if r.At.After(now.Add(-a.in)) {
			down = max(down, r.Count)
		}
	}
	a.recommends = append(a.recommends, scale.Recommendation{At: now, Count: desired})
	return min(max(min(max(present, up), down), a.least), a.most)
}

// series are loads, in units of work, every 30 s; NaN is a gap.
func series() map[string]func(i int) float64 {
	// noise is the same in each run: a linear congruential generator.
	noise := func(i int) float64 {
		x := uint32(i)*1664525 + 1013904223
		x ^= x >> 13
		x *= 2246822519
		return float64(x>>8) / (1 << 24)
	}
	peak := func(i, at, width int) float64 {
		d := float64(i-at) / float64(width)
		return math.Exp(-d * d)
	}
	day := func(i int) float64 { return 40 + 300*peak(i, 1100, 250) + 450*peak(i, 2150, 200) }
	return map[string]func(int) float64{
		"a day with two peaks": day,
		"a spike":              func(i int) float64 { return 60 + 600*peak(i, 500, 3) },
		"noise":                func(i int) float64 { return 200 + 90*(noise(i)-0.5) },
		"a noisy day":          func(i int) float64 { return day(i) * (0.8 + 0.4*noise(i)) },
		// It is never a whole number of units: if it were, the last binary digit of the share would decide there, by which
		// ours goes one way and theirs the other.
		"a queue that empties": func(i int) float64 { return math.Max(0, 500.3-float64(i)) },
		"a gap": func(i int) float64 {
			if i%1000 > 400 && i%1000 < 480 {
				return math.NaN()
			}
			return day(i)
		},
	}
}

// TestReplayAgainstTheHorizontalPodAutoscaler runs a day of loads through the policies that both have. They want the
// same counts at each look, and while there is no value both leave the pool as it is.
func TestReplayAgainstTheHorizontalPodAutoscaler(t *testing.T) {
	const every, day = 30 * time.Second, 24 * 60 * 2
	for name, load := range series() {
		for _, total := range []bool{true, false} {
			for _, windows := range []scale.Stabilize{{Down: 5 * time.Minute}, {Up: 2 * time.Minute, Down: 10 * time.Minute}, {}} {
				t.Run(fmt.Sprintf("%s/total %v/%v", name, total, windows), func(t *testing.T) {
					rule := scaletest.RuleWith(queued(func(r *scale.Rule) {
						r.Min, r.Max, r.Cooldown, r.Stabilize = 1, 30, scale.Cooldown{}, windows
						r.Strategy.Tolerance = scale.Tolerance{Up: 0.1, Down: 0.2}
						if !total {
							r.Strategy.Type = scale.TargetTracking
						}
					}))
					theirs := &autoscaler{target: 10, total: total, up: 0.1, down: 0.2, out: windows.Up, in: windows.Down, least: 1, most: 30}
					ours := &replay{rule: rule, count: 4}
					var want, got []int
					count, moves := 4, 0
					for i := range day {
						now := scaletest.Noon.Add(time.Duration(i) * every)
						value, share := load(i), load(i)
						if !total {
							value, share = value/float64(count), share/float64(ours.count)
						}
						before := ours.count
						ours.look(now, share)
						if !math.IsNaN(value) {
							count = theirs.replicas(now, count, value)
						}
						if before != ours.count {
							moves++
						}
						want, got = append(want, count), append(got, ours.count)
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("-the HorizontalPodAutoscaler's counts +ours\n%s", diff)
					}
					if moves < 2 && name != "noise" {
						t.Errorf("the pool was moved %d times: this shows nothing", moves)
					}
				})
			}
		}
	}
}

// replay is a pool whose decisions are carried out at once.
type replay struct {
	rule    scale.Rule
	count   int
	updated time.Time
	wanted  scale.Recommendations
}

func (r *replay) look(now time.Time, value float64) {
	pool := seen(at(r.count), scale.Sample{Metric: "queue", Value: value, At: now})
	if math.IsNaN(value) {
		pool = seen(at(r.count), scale.Sample{Metric: "queue", Problem: "no series", At: now})
	}
	pool.LastUp = r.updated
	if n, ok := scale.Recommend(r.rule, pool, now); ok {
		r.wanted = r.wanted.With(r.rule, scale.Recommendation{At: now, Count: n}, &r.count)
	}
	pool.Metrics.Least, pool.Metrics.Most = r.rule.Stabilize.Window(r.wanted, now)
	if d := scale.Decide(r.rule, pool, toMetrics(), now); d.Outcome == scale.Scale {
		r.count, r.updated = d.To, now
	}
}
