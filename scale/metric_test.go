package scale_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// queued is a rule with the metric queue, of which there is one unit for 10, in a pool of 0 to 20.
func queued(more ...scaletest.RuleEdit) scaletest.RuleEdit {
	return func(r *scale.Rule) {
		r.Min, r.Max = 0, 20
		r.Strategy = scale.Strategy{Type: scale.PerUnit, Target: 10, Tolerance: scale.Tolerance{Up: 0.1, Down: 0.1}}
		r.Metrics = []scale.Metric{{Name: "queue", MaxAge: time.Minute}}
		for _, edit := range more {
			edit(r)
		}
	}
}

// seen is the pool with samples of its metrics.
func seen(p scale.Pool, samples ...scale.Sample) scale.Pool {
	p.Metrics.Samples = samples
	return p
}

func sample(metric string, value float64) scale.Sample {
	return scale.Sample{Metric: metric, Value: value, At: scaletest.Noon}
}

func lacking(metric, problem string) scale.Sample {
	return scale.Sample{Metric: metric, Problem: problem, At: scaletest.Noon}
}

func wanted(p scale.Pool, least, most *int) scale.Pool {
	p.Metrics.Least, p.Metrics.Most = least, most
	return p
}

func toMetrics() scale.Intent {
	return scale.Intent{Pool: "worker", ToMetrics: true, Source: "metrics"}
}

func noValue(reason string) scale.Decision {
	return scale.Decision{Outcome: scale.Refused, Reason: reason}
}

func stays(n int, reason string) scale.Decision {
	return scale.Decision{Outcome: scale.NoChange, Wanted: n, To: n, Reason: reason}
}

func TestMetricsGiveTheCount(t *testing.T) {
	second := func(r *scale.Rule) { r.Metrics = append(r.Metrics, scale.Metric{Name: "busy", MaxAge: time.Minute}) }
	testDecide(t, []decideCase{
		{"a total has a unit for each part of it", queued(), seen(at(3), sample("queue", 71)), toMetrics(), scaleTo(8)},
		{"a total works from zero", queued(), seen(at(0), sample("queue", 1)), toMetrics(), scaleTo(1)},
		{"a total of nothing needs no unit", queued(), seen(at(3), sample("queue", 0)), toMetrics(), scaleTo(0)},
		{"a pool of none stays without work", queued(), seen(at(0), sample("queue", 0)), toMetrics(), stays(0, "already at 0")},
		{"a total inside the tolerance is no change", queued(), seen(at(10), sample("queue", 109)), toMetrics(), stays(10, "already at 10")},
		{"a total below the tolerance is one", queued(), seen(at(10), sample("queue", 89)), toMetrics(), scaleTo(9)},
		{
			"each direction has its tolerance",
			queued(func(r *scale.Rule) { r.Strategy.Tolerance = scale.Tolerance{Up: 0, Down: 0.5} }),
			seen(at(10), sample("queue", 51)), toMetrics(), stays(10, "already at 10"),
		},
		{"the largest of several counts", queued(second), seen(at(3), sample("queue", 10), sample("busy", 50)), toMetrics(), scaleTo(5)},
		{
			"a metric without a value is no reason to scale in",
			queued(second), seen(at(3), sample("queue", 10), lacking("busy", "no series")), toMetrics(),
			noValue("1 is wanted, and nothing is scaled in while a metric has no value: busy: no series"),
		},
		{"nor to wait with a scale-out", queued(second), seen(at(3), sample("queue", 50), lacking("busy", "no series")), toMetrics(), scaleTo(5)},
		{"without any value nothing is done", queued(), seen(at(3), lacking("queue", "no series")), toMetrics(), noValue("no metric has a value: queue: no series")},
		{"what was not looked at has no value", queued(), at(3), toMetrics(), noValue("no metric has a value: queue: it has not been looked at yet")},
		{
			"an old sample is none", queued(), seen(at(3), scale.Sample{Metric: "queue", Value: 50, At: scaletest.Ago(61 * time.Second)}), toMetrics(),
			noValue("no metric has a value: queue: the latest sample is 1m1s old"),
		},
		{"a negative total is none", queued(), seen(at(3), sample("queue", -1)), toMetrics(), noValue("no metric has a value: queue: the strategy perUnit needs the metric's value, 0 or more, and the signal does not carry one")},
		{
			"a rule without metrics has nothing to go by", func(r *scale.Rule) {}, at(3), toMetrics(), noValue("the rule has no metrics"),
		},
		{
			"an update of the pool that runs holds it off", queued(), busyPool(seen(at(3), sample("queue", 50))), toMetrics(),
			scale.Decision{Outcome: scale.CoolingDown, Wanted: 5, To: 5, Reason: "an update of the pool is running"},
		},
	})
}

func TestThresholdsOfAMetric(t *testing.T) {
	between := queued(func(r *scale.Rule) {
		r.Strategy = scale.Strategy{Type: scale.Step, Up: new(2), Down: new(1), Steps: []scale.StepAdjustment{{Above: 20, Change: 5}}}
		r.Metrics[0].Above, r.Metrics[0].Below = new(80.0), new(20.0)
	})
	testDecide(t, []decideCase{
		{"past above it is a signal up", between, seen(at(3), sample("queue", 81)), toMetrics(), scaleTo(5)},
		{"further past it takes a larger step", between, seen(at(3), sample("queue", 100)), toMetrics(), scaleTo(8)},
		{"past below it is a signal down", between, seen(at(3), sample("queue", 19)), toMetrics(), scaleTo(2)},
		{"at a threshold nothing happens", between, seen(at(3), sample("queue", 80)), toMetrics(), stays(3, "already at 3")},
		{"in between it wants the pool to stay", between, seen(at(3), sample("queue", 50)), toMetrics(), stays(3, "already at 3")},
		{
			"a trigger of its name has a strategy of its own",
			queued(func(r *scale.Rule) {
				r.Triggers = map[string]scale.Trigger{"queue": {Strategy: &scale.Strategy{Type: scale.PerUnit, Target: 5}}}
			}),
			seen(at(3), sample("queue", 50)), toMetrics(), scaleTo(10),
		},
		{
			"target tracking does not scale in above its threshold",
			queued(func(r *scale.Rule) {
				r.Strategy.Type, r.Strategy.Target, r.Metrics[0].Above = scale.TargetTracking, 100, new(20.0)
			}),
			seen(at(8), sample("queue", 50)), toMetrics(), stays(8, "already at 8"),
		},
	})
}

func TestMeasuredSteps(t *testing.T) {
	step := func(up, down int) scaletest.RuleEdit {
		return queued(func(r *scale.Rule) { r.MaxStep = scale.MaxStep{Up: up, Down: down} })
	}
	limited := func(wanted, to int, reason string) scale.Decision {
		return scale.Decision{Outcome: scale.Scale, Wanted: wanted, To: to, Reason: reason}
	}
	tens := scaletest.Signal(scale.Signal{Direction: scale.Up, Delta: new(10)})
	testDecide(t, []decideCase{
		{"a step up is limited", step(2, 1), seen(at(3), sample("queue", 90)), toMetrics(), limited(9, 5, "9 is wanted, and maxStep allows +2 at once")},
		{"a step down is limited", step(2, 1), seen(at(9), sample("queue", 30)), toMetrics(), limited(3, 8, "3 is wanted, and maxStep allows -1 at once")},
		{"a direction without a limit has none", step(2, 0), seen(at(9), sample("queue", 30)), toMetrics(), scaleTo(3)},
		{"an alert is limited too", step(2, 0), at(3), tens, limited(13, 5, "13 is wanted, and maxStep allows +2 at once")},
		{"what a person asks for is not", step(2, 0), at(3), scale.Intent{Pool: "worker", Delta: new(10)}, scaleTo(13)},
		{
			"the guardrails win over it", func(r *scale.Rule) { r.Min, r.Max, r.MaxStep = 8, 20, scale.MaxStep{Up: 1} }, at(3), tens,
			scale.Decision{Outcome: scale.Scale, Wanted: 13, To: 8, Clamped: true, Reason: "clamped from 4 to min 8"},
		},
	})
}

func TestMetricsAreStabilized(t *testing.T) {
	testDecide(t, []decideCase{
		{"a scale-in goes to the largest count of the window", queued(), wanted(seen(at(9), sample("queue", 30)), nil, new(6)), toMetrics(), scaleTo(6)},
		{"a count that was wanted a moment ago stays", queued(), wanted(seen(at(9), sample("queue", 30)), nil, new(9)), toMetrics(), stays(9, "already at 9")},
		{"a window for a scale-in raises nothing", queued(), wanted(seen(at(5), sample("queue", 30)), nil, new(5)), toMetrics(), stays(5, "already at 5")},
		{"a scale-out goes to the smallest count of the window", queued(), wanted(seen(at(3), sample("queue", 90)), new(5), new(9)), toMetrics(), scaleTo(5)},
		{"a window for a scale-out lowers nothing", queued(), wanted(seen(at(3), sample("queue", 90)), new(2), new(9)), toMetrics(), stays(3, "already at 3")},
	})
}

func TestSamplesFromBeforeTheLastScaling(t *testing.T) {
	warm := queued(func(r *scale.Rule) { r.Warmup, r.Cooldown = time.Minute, scale.Cooldown{} })
	taken := func(ago time.Duration) scale.Sample {
		return scale.Sample{Metric: "queue", Value: 90, At: scaletest.Ago(ago)}
	}
	held := scale.Decision{Outcome: scale.CoolingDown, Wanted: 3, To: 3, Reason: "the sample of queue does not show yet what the last scaling did"}
	testDecide(t, []decideCase{
		{"one from before it says nothing", warm, scaledAt(seen(at(3), taken(40*time.Second)), 30*time.Second, never), toMetrics(), held},
		{"nor does one while the pool warms up", warm, scaledAt(seen(at(3), taken(0)), never, 30*time.Second), toMetrics(), held},
		{"one after that does", warm, scaledAt(seen(at(3), taken(0)), 61*time.Second, never), toMetrics(), scaleTo(9)},
		{"a scaling of the future is no guide", warm, scaledAt(seen(at(3), taken(0)), -time.Hour, never), toMetrics(), scaleTo(9)},
	})
}

func TestMetricsAndAlertsThatDisagree(t *testing.T) {
	testDecide(t, []decideCase{
		{
			"an alert scales in no further than the metrics want", queued(), seen(at(9), sample("queue", 70)),
			scaletest.Signal(scale.Signal{Direction: scale.Down, Delta: new(5)}),
			scale.Decision{Outcome: scale.Scale, Wanted: 4, To: 7, Reason: "the metrics want 7"},
		},
		{
			"nor at all if they want as much", queued(), seen(at(9), sample("queue", 140)), scaletest.Signal(scale.Signal{Direction: scale.Down, Delta: new(5)}),
			scale.Decision{Outcome: scale.NoChange, Wanted: 4, To: 9, Reason: "already at 9; the metrics want 14"},
		},
		{"an alert scales out further", queued(), seen(at(3), sample("queue", 30)), scaletest.Signal(scale.Signal{Direction: scale.Up, Delta: new(5)}), scaleTo(8)},
		{"what a person asks for is done", queued(), seen(at(9), sample("queue", 140)), scale.Intent{Pool: "worker", Count: new(2)}, scaleTo(2)},
		{"metrics without a value hold nobody back", queued(), seen(at(9), lacking("queue", "down")), scaletest.Signal(scale.Signal{Direction: scale.Down, Delta: new(5)}), scaleTo(4)},
	})
}

func TestRecommendationsOfTheWindow(t *testing.T) {
	rule := scale.Rule{Stabilize: scale.Stabilize{Up: 30 * time.Second, Down: time.Minute}}
	var r scale.Recommendations
	for i, count := range []int{5, 2, 4, 3} {
		r = r.With(rule, scale.Recommendation{At: scaletest.Noon.Add(time.Duration(i) * 20 * time.Second), Count: count}, new(7))
	}
	window := func(now time.Time) []*int {
		least, most := rule.Stabilize.Window(r, now)
		return []*int{least, most}
	}
	last := scaletest.Noon.Add(time.Minute)
	if diff := cmp.Diff([]*int{new(3), new(4)}, window(last)); diff != "" {
		t.Errorf("at the end: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]*int{new(2), new(7)}, window(last.Add(-20*time.Second))); diff == "" {
		t.Error("what came later counts for nothing earlier")
	}
	if len(r) != 3 {
		t.Errorf("%d are kept, want those of a minute: %v", len(r), r)
	}
	if least, most := rule.Stabilize.Window(r, last.Add(time.Hour)); least != nil || most != nil {
		t.Errorf("an hour later: %v, %v", least, most)
	}
	seeded := scale.Recommendations(nil).With(rule, scale.Recommendation{At: last, Count: 1}, new(7))
	if _, most := rule.Stabilize.Window(seeded, last); most == nil || *most != 7 {
		t.Errorf("the first one: %v, want what the pool has", most)
	}
}
