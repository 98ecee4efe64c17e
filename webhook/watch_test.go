package webhook

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// exposed are the metrics of a server on which everything has happened, as their names, types and labels, such as
// "pulumiscale_ready gauge []".
func (r *rig) exposed() map[string]string {
	r.t.Helper()
	r.exercise()
	r.scraped()
	r.Metrics.Observe(scale.Retrying{Err: &scale.LockedError{Stack: "dev"}})
	families, err := r.Metrics.registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	fleet := NewFleetMetrics()
	fleet.set(nil, board.Engines{})
	ofFleet, err := fleet.registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	families = append(families, ofFleet...)
	out := map[string]string{}
	for _, family := range families {
		var labels []string
		for _, pair := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, pair.GetName())
		}
		slices.Sort(labels)
		out[family.GetName()] = fmt.Sprint(strings.ToLower(family.GetType().String()), " ", labels)
	}
	return out
}

// row matches a line of the table of metrics on docs/metrics.md.
var row = regexp.MustCompile("(?m)^\\| `(pulumiscale_[a-z_]+)` \\| (\\w+) \\| (.*?) ?\\| .+ \\|$")

func TestEveryMetricIsDocumented(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		page, err := os.ReadFile("../docs/metrics.md")
		if err != nil {
			t.Fatal(err)
		}
		documented := map[string]string{}
		for _, m := range row.FindAllStringSubmatch(string(page), -1) {
			labels := strings.Fields(strings.NewReplacer("`", "", ",", "").Replace(m[3]))
			documented[m[1]] = fmt.Sprint(m[2], " ", labels)
		}
		exposed := r.exposed()
		for name := range exposed {
			if !strings.HasPrefix(name, "pulumiscale_") {
				delete(exposed, name)
			}
		}
		if diff := cmp.Diff(exposed, documented); diff != "" {
			t.Errorf("docs/metrics.md (+) and /metrics (-) differ:\n%s", diff)
		}
	})
}

// metricName matches metrics of a server in a PromQL expression, and what a histogram adds to its name.
var metricName = regexp.MustCompile(`\b((?:pulumiscale|process|go)_[a-z_]+?)(?:_bucket)?\b`)

func TestDashboardAndAlertsUseMetricsThatExist(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		exposed := r.exposed()
		for _, name := range []string{"grafana-dashboard.json", "prometheus-alerts.yaml", "prometheus-alerts_test.yaml"} {
			text, err := os.ReadFile("../packaging/" + name)
			if err != nil {
				t.Fatal(err)
			}
			used := metricName.FindAllStringSubmatch(string(text), -1)
			if len(used) < 10 {
				t.Errorf("%s uses only %d metrics", name, len(used))
			}
			for _, m := range used {
				if exposed[m[1]] == "" {
					t.Errorf("%s uses %s, which no server has", name, m[1])
				}
			}
		}
	})
}

func TestAlertsNeedNoFirstTimeToBeSeen(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.wantMetrics(`pulumiscale_scaling_failures_total{kind="engine",pool="api"} 0`, `pulumiscale_scaling_failures_total{kind="unverified",pool="worker"} 0`,
			`pulumiscale_operations_total{pool="api",result="failed"} 0`, `pulumiscale_scaling_duration_seconds_count{pool="worker"} 0`)
	})
}

func TestJournalFailuresAreCounted(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.wantMetrics("pulumiscale_journal_failures_total 0")
		r.Metrics.Observe(queue.JournalFailed{Err: &queue.JournalError{Err: os.ErrClosed}})
		r.wantMetrics("pulumiscale_journal_failures_total 1")
		r.journal.fail(&queue.JournalError{Err: os.ErrClosed})
		r.post(pathScale, `{"count":5}`).is(503)
		r.wantMetrics("pulumiscale_journal_failures_total 2", `pulumiscale_webhooks_total{code="503",dialect="http"} 1`)
	})
}

func TestTheOldestOperationIsKnown(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.wantMetrics(`pulumiscale_queue_oldest_timestamp_seconds{state="running"} 0`)
		accepted := time.Now().Unix()
		r.post(pathScale, `{"count":5}`).is(202)
		time.Sleep(2 * time.Second)
		r.post("/scale/api", `{"count":5}`).is(202)
		r.wantMetrics(fmt.Sprintf(`pulumiscale_queue_oldest_timestamp_seconds{state="running"} %v`, float64(accepted)),
			fmt.Sprintf(`pulumiscale_queue_oldest_timestamp_seconds{state="accepted"} %v`, float64(accepted+2)),
			`pulumiscale_queue_length{state="running"} 1`, `pulumiscale_queue_length{state="accepted"} 1`)
	})
}
