package webhook

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// scraped are the lines of a scrape.
func (r *rig) scraped() string {
	r.t.Helper()
	got := r.get("/metrics").is(http.StatusOK)
	return got.Body.String()
}

// wantMetrics checks that the lines stand in a scrape.
func (r *rig) wantMetrics(lines ...string) {
	r.t.Helper()
	text := "\n" + r.scraped()
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line) {
			r.t.Errorf("no %q in\n%s", line, ours(text))
		}
	}
}

// ours are the lines of metrics of our own.
func ours(text string) string {
	return strings.Join(regexp.MustCompile(`(?m)^pulumiscale_.*$`).FindAllString(text, -1), "\n")
}

// exercise does everything that is counted.
func (r *rig) exercise() {
	r.stack.set(func() { r.stack.broken["api"] = true })
	r.done(r.post(pathScale, `{"count":5}`).is(202).operation(), "scaled")
	r.post(pathScale, `{"count":6}`).is(409)
	r.done(r.post("/scale/api", `{"count":5}`).is(202).operation(), "failed")
	r.post(pathPrometheus, alertsOf("firing", `{}`)).is(200)
	r.post(pathCloudWatch, "").is(400)
	// The metric is far below its threshold: it is seen, and nothing is scaled because of it.
	r.stack.rule("worker", func(rule *scale.Rule) {
		rule.Metrics = []scale.Metric{{Name: "queue", HTTP: &scale.HTTPQuery{URL: "http://queue"}, Every: time.Minute, MaxAge: time.Hour, Above: new(1000.0)}}
	})
	r.post("/-/reload", "").is(200)
	r.Metrics.Looked("worker", scale.Sample{Metric: "queue", Value: 7})
}

func TestMetricsFollowPrometheussConventions(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.exercise()
		problems, err := promlint.New(strings.NewReader(r.scraped())).Lint()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	})
}

func TestMetrics(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.wantMetrics("pulumiscale_ready 1", "pulumiscale_rules 2", "pulumiscale_rule_errors 0", `pulumiscale_queue_length{state="accepted"} 0`,
			`pulumiscale_pool_current{pool="worker"} 3`, `pulumiscale_pool_desired{pool="api"} 2`, `pulumiscale_pool_min{pool="api"} 1`,
			`pulumiscale_pool_max{pool="api"} 10`, `pulumiscale_pending{pool="api"} 0`, `pulumiscale_pool_cooldown_end_timestamp_seconds{direction="up",pool="worker"} 0`)
		r.exercise()
		r.wantMetrics(
			`pulumiscale_webhooks_total{code="202",dialect="http"} 2`, `pulumiscale_webhooks_total{code="409",dialect="http"} 1`,
			`pulumiscale_webhooks_total{code="200",dialect="prometheus"} 1`, `pulumiscale_webhooks_total{code="400",dialect="cloudwatch"} 1`,
			`pulumiscale_webhook_duration_seconds_count{dialect="http"} 3`,
			`pulumiscale_decisions_total{outcome="scale",pool="worker"} 1`, `pulumiscale_decisions_total{outcome="cooldown",pool="worker"} 2`,
			`pulumiscale_operations_total{pool="worker",result="scaled"} 1`, `pulumiscale_operations_total{pool="api",result="failed"} 1`,
			`pulumiscale_scaling_failures_total{kind="engine",pool="api"} 1`, `pulumiscale_scaling_duration_seconds_count{pool="worker"} 1`,
			`pulumiscale_last_successful_scaling_timestamp_seconds{pool="worker"} 1.77`, `pulumiscale_pool_current{pool="worker"} 5`,
			`pulumiscale_pool_cooldown_end_timestamp_seconds{direction="up",pool="worker"} 1.77`)
		r.stack.set(func() {
			r.stack.rulesErr = &scale.RulesError{Problems: []scale.Problem{{Expected: "a map"}, {Expected: "a map"}}}
		})
		time.Sleep(time.Minute)
		r.wantMetrics("pulumiscale_rule_errors 2", "pulumiscale_rules 2", "pulumiscale_ready 1")
		r.stack.set(func() { r.stack.readErr = &scale.UnavailableError{} })
		time.Sleep(time.Minute)
		r.wantMetrics("pulumiscale_ready 0", `pulumiscale_pool_current{pool="worker"} 5`)
	})
}

// What is pending concerns the pools that it keeps from being scaled. It does not concern a pool whose rule allows it.
func TestMetricsOfWhatIsPending(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.stack.rule("api", func(rule *scale.Rule) { rule.Pending = scale.AllowPending })
		r.stack.set(func() {
			changes := []scale.PendingChange{{Op: "output", Name: "url"}}
			r.stack.pending = map[string][]scale.PendingChange{"worker": changes, "api": changes}
		})
		time.Sleep(2 * time.Minute)
		r.wantMetrics(`pulumiscale_pending{pool="worker"} 1`, `pulumiscale_pending{pool="api"} 0`)
		r.post(pathScale, `{"count":5}`).is(409, "Changes are pending", `"pending":[{"op":"output","name":"url"}]`)
		r.wantMetrics(`pulumiscale_decisions_total{outcome="pending",pool="worker"} 1`)
		r.stack.set(func() { r.stack.pending = nil })
		time.Sleep(2 * time.Minute)
		r.wantMetrics(`pulumiscale_pending{pool="worker"} 0`)
	})
}

// A sender can make up pools, methods, paths and tokens, but no label.
func TestLabelsCannotBeMadeUp(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		for _, name := range []string{"made-up-1", "made-up-2"} {
			r.post("/scale/"+name+"?count=5", nil).is(404)
			r.post("/webhook/"+name+"/prometheus", alertsOf("firing", `{}`)).is(404)
			r.post(pathShared, alertsOf("firing", `{"pool":"`+name+`","alertname":"`+name+`"}`, `{"pool":"worker"}`))
			r.call(name, "/"+name, nil).is(404)
			r.get("/operations?pool=" + name).is(200)
		}
		if text := r.scraped(); strings.Contains(text, "made-up") {
			t.Error(ours(text))
		}
	})
}

// A pool may go between the look at the rules and the decision.
func TestTheLabelOfAPoolThatIsUnknown(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		refused := scale.Decision{Intent: scale.Intent{Pool: "made-up"}, Outcome: scale.Refused, Err: &scale.UnknownPoolError{Pool: "made-up"}}
		r.Metrics.Observe(queue.Submitted{Submission: queue.Submission{Decision: refused}})
		r.wantMetrics(`pulumiscale_decisions_total{outcome="refused",pool="unknown"} 1`)
	})
}

// A pool that is misspelt in an alert is answered with 200, so the operator must be told in another way.
func TestAlertsOfPoolsThatNobodyHasAreCounted(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.post("/webhook/prometheus", alertsOf("firing", `{"alertname":"A","pool":"wroker"}`)).is(200, "did you mean")
		r.wantMetrics(`pulumiscale_decisions_total{outcome="refused",pool="unknown"} 1`)
		if log := r.logged.String(); !strings.Contains(log, `"level":"WARN","msg":"skipped"`) {
			t.Error(log)
		}
	})
}

func TestConflictsAndRetriesAreCounted(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.wantMetrics("pulumiscale_conflicts_total 0", "pulumiscale_retries_total 0")
		r.Metrics.Observe(scale.Retrying{Err: &scale.LockedError{Stack: "dev"}})
		r.Metrics.Observe(scale.Retrying{Err: &scale.UnavailableError{}})
		r.wantMetrics("pulumiscale_conflicts_total 1", "pulumiscale_retries_total 2")
	})
}
