package cmd

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// queueAt is a server whose queue has a length, for those who know its token.
func queueAt(t *testing.T, length string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"length":%s}`, length)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// measuredAt is a stack whose pool has one unit for 10 of a queue.
func measuredAt(url string) *fake {
	f := newFake()
	f.secrets = map[string]string{"token": "s3cret"}
	f.rule.Min, f.rule.Strategy = 0, scale.Strategy{Type: scale.PerUnit, Target: 10}
	f.rule.Metrics = []scale.Metric{{
		Name: "queue", HTTP: &scale.HTTPQuery{URL: url, Pointer: "/length"}, MaxAge: time.Minute, Access: scale.Access{BearerKey: "token"},
	}}
	return f
}

func TestReconcile(t *testing.T) {
	for name, test := range map[string]struct {
		line, length   string
		change         func(*fake)
		code, changes  int
		stdout, stderr string
	}{
		"a metric scales out":    {"--yes", "61", nil, 0, 1, "worker-pool 3 -> 7 done in 1.5s\n", "note: pool worker-pool: queue is 61\n"},
		"a metric scales in":     {"", "0", nil, 0, 1, "worker-pool 3 -> 0 done in 1.5s\n", "updating worker-pool 3 -> 0 (metrics)\n"},
		"nothing to do":          {"", "30", nil, 0, 0, "worker-pool: nothing to do: already at 3\n", ""},
		"a dry run changes none": {"--dry-run", "61", nil, 0, 0, "worker-pool 3 -> 7\n", ""},
		"no value is no action":  {"", `null`, nil, 1, 0, "", `no metric has a value: queue: there is null at "/length"`},
		"a refused token": {
			"", "61", func(f *fake) { f.secrets["token"] = "other" }, 1, 0, "", "the server refused the credentials: 401 Unauthorized",
		},
		"a pool outside of its bounds comes inside": {
			"", "61", func(f *fake) { f.rule.Schedules = []scale.Window{{Name: "night", Min: 1, Max: 2}} }, 0, 1, "worker-pool 3 -> 2 done in 1.5s (clamped from 3 to max 2 of window \"night\")\n", "",
		},
		"inside of them its metrics count": {
			"worker-pool", "61", func(f *fake) { f.rule.Schedules = []scale.Window{{Name: "day", Min: 1, Max: 9}} }, 0, 1, "worker-pool 3 -> 7 done in 1.5s\n", "",
		},
		"a pool without either is left alone": {
			"", "61", func(f *fake) { f.rule.Metrics = nil }, 0, 0, "", "note: no rule names schedules or metrics: there is nothing to bring a pool to\n",
		},
		"a pool that does not exist": {"nobody", "61", nil, 2, 0, "", `nobody`},
	} {
		t.Run(name, func(t *testing.T) {
			f := measuredAt(queueAt(t, test.length))
			if test.change != nil {
				test.change(f)
			}
			term := newTerminal(f, "")
			term.run(t, "reconcile "+test.line, test.code)
			if test.stdout != "" {
				wantPart(t, term.stdout.String(), test.stdout)
			}
			wantPart(t, term.stderr.String(), test.stderr)
			if len(f.changes) != test.changes {
				t.Errorf("there were %d updates: %+v", len(f.changes), f.changes)
			}
		})
	}
}

func TestReconcileAsksOnATerminal(t *testing.T) {
	f := measuredAt(queueAt(t, "61"))
	term := newTerminal(f, "no\n")
	term.run(t, "reconcile", 1)
	wantPart(t, term.stderr.String(), "do you want to perform this update? [yes/no]")
	if len(f.changes) != 0 {
		t.Errorf("it went ahead: %+v", f.changes)
	}
}

func TestPreviewOfAMetricsValue(t *testing.T) {
	for name, test := range map[string]struct {
		line           string
		code           int
		stdout, stderr string
	}{
		"it says what would be wanted": {"--metric queue=61", 0, "worker-pool 3 -> 7\n", ""},
		"without a limit":              {"--metric queue=1e9", 0, "worker-pool 3 -> 50 (clamped from 100000000 to max 50)\n", ""},
		"another metric":               {"--metric length=61", 2, "", `--metric: names "length", which is no metric of pool worker-pool` + "\nhint: the rule names queue\n"},
		"no number":                    {"--metric queue=many", 2, "", "the name of a metric and its value, such as queue=1200"},
		"no name":                      {"--metric 5", 2, "", "the name of a metric and its value, such as queue=1200"},
		"a count beside it":            {"--metric queue=61 --count 3", 2, "", "--metric: cannot be given with --count or --delta"},
	} {
		t.Run(name, func(t *testing.T) {
			f := measuredAt("http://127.0.0.1:1") // which is not asked
			term := newTerminal(f, "")
			term.run(t, "preview worker-pool "+test.line, test.code)
			wantPart(t, term.stdout.String(), test.stdout)
			wantPart(t, term.stderr.String(), test.stderr)
			if len(f.changes) != 0 {
				t.Errorf("it changed %+v", f.changes)
			}
		})
	}
}
