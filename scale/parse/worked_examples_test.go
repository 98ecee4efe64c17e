package parse

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// TestWorkedExamples runs the tables of docs/schedules.md and docs/metric-scaling.md, each of which follows the rule in
// YAML that it is about. A column is a time, the units before, the value of a metric by its name, or the units then.
func TestWorkedExamples(t *testing.T) {
	for _, page := range []struct {
		file     string
		examples int
	}{{"schedules.md", 2}, {"metric-scaling.md", 5}} {
		text, err := os.ReadFile("../../docs/" + page.file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile("(?s)```yaml\n(.*?)```\n\n((?:\\|[^\n]*\n)+)").FindAllStringSubmatch(string(text), -1)
		if len(found) != page.examples {
			t.Errorf("%s has %d rules with tables, want %d", page.file, len(found), page.examples)
		}
		for i, example := range found {
			content, err := json.Marshal(documentedRules(t, example[1]))
			if err != nil {
				t.Fatal(err)
			}
			rules, err := Rules(content)
			if err != nil {
				t.Fatal(err)
			}
			rule := rules["worker"]
			rows := strings.Split(strings.TrimSpace(example[2]), "\n")
			columns := cellsOf(rows[0])
			for _, row := range rows[2:] {
				t.Run(fmt.Sprintf("%s/%d/%s", page.file, i, row), func(t *testing.T) { runExample(t, rule, columns, cellsOf(row)) })
			}
		}
	}
}

func cellsOf(row string) []string {
	cells := strings.Split(strings.Trim(row, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

func runExample(t *testing.T, rule scale.Rule, columns, cells []string) {
	t.Helper()
	if len(cells) != len(columns) {
		t.Fatalf("the line has %d columns, and the table %d", len(cells), len(columns))
	}
	now := time.Date(2026, time.November, 30, 12, 0, 0, 0, time.UTC)
	if at := slices.Index(columns, "at"); at >= 0 {
		var err error
		if now, err = time.Parse("2006-01-02T15:04Z07:00", cells[at]); err != nil {
			t.Fatal(err)
		}
	}
	var pool scale.Pool
	want := -1
	for i, column := range columns {
		switch column {
		case "at":
		case "units":
			pool.Count = new(number(t, cells[i]))
			pool.Configured = pool.Count
		case "units then":
			want = number(t, cells[i])
		default:
			if !slices.ContainsFunc(rule.Metrics, func(m scale.Metric) bool { return m.Name == column }) {
				t.Fatalf("the rule has no metric %q", column)
			}
			sample := scale.Sample{Metric: column, At: now}
			if cells[i] == "none" {
				sample.Problem = "there is no value"
			} else {
				sample.Value = float64(number(t, cells[i]))
			}
			pool.Metrics.Samples = append(pool.Metrics.Samples, sample)
		}
	}
	intent := scale.Intent{Pool: "worker", ToBounds: true}
	if len(rule.Metrics) > 0 {
		intent = scale.Intent{Pool: "worker", ToMetrics: true}
	}
	d := scale.Decide(rule, pool, intent, now)
	got := *pool.Count
	if d.Outcome == scale.Scale {
		got = d.To
	}
	if got != want {
		t.Errorf("it becomes %d: %s, %s", got, d.Outcome, d.Reason)
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
