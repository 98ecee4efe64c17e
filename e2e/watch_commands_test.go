package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// sample is one series of the answer to an instant query. Its value is the time and the number, as a text.
type sample struct {
	Metric map[string]string
	Value  [2]any
}

// query asks the Prometheus at $PROMETHEUS.
func query(ts *testscript.TestScript, expr string) ([]sample, error) {
	answer, err := http.PostForm("http://"+ts.Getenv("PROMETHEUS")+"/api/v1/query", url.Values{"query": {expr}})
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	var doc struct {
		Error string
		Data  struct{ Result []sample }
	}
	if err := json.NewDecoder(answer.Body).Decode(&doc); err != nil {
		return nil, err
	}
	if doc.Error != "" {
		return nil, fmt.Errorf("%s: %s", expr, doc.Error)
	}
	return doc.Data.Result, nil
}

// queryTimeout is how long panels and firing wait for an answer that they want.
const queryTimeout = time.Minute

// firing waits until the Prometheus at $PROMETHEUS has an alert firing. With ! it checks that it has none now. A
// selector may stand for the name.
//
//	firing PulumiScaleNotReady
//	! firing '{pool!=""}'
func firing(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] firing ALERT|SELECTOR")
	}
	selector := args[0]
	if !strings.HasPrefix(selector, "{") {
		selector = fmt.Sprintf(`{alertname=%q}`, selector)
	}
	expr := "ALERTS" + strings.TrimSuffix(selector, "}") + `,alertstate="firing"}`
	for deadline := time.Now().Add(queryTimeout); ; time.Sleep(100 * time.Millisecond) {
		found, err := query(ts, expr)
		ts.Check(err)
		switch {
		case neg && len(found) > 0:
			ts.Fatalf("%s fires: %v", args[0], found)
		case neg || len(found) > 0:
			return
		case time.Now().After(deadline):
			all, _ := query(ts, "ALERTS")
			ts.Fatalf("%s does not fire, but %v", args[0], all)
		}
	}
}

// panel is a part of a Grafana dashboard.
type panel struct {
	Title   string
	Targets []struct{ Expr, LegendFormat string }
}

// legendLabel matches a label in the legend of a panel.
var legendLabel = regexp.MustCompile(`\{\{(\w+)\}\}`)

// panels asks the Prometheus at $PROMETHEUS what every panel of a Grafana dashboard asks, with the dashboard's
// variables replaced. It asks until each panel has something to show, in series that have the labels of its legend.
//
//	panels $ROOT/packaging/grafana-dashboard.json 'job=pulumiscale' 'pool=worker-pool'
func panels(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: panels FILE [VARIABLE=VALUE...]")
	}
	text, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	var dashboard struct{ Panels []panel }
	ts.Check(json.Unmarshal(text, &dashboard))
	variables := []string{"$__rate_interval", "1m"}
	for _, arg := range args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		variables = append(variables, "$"+name, value)
	}
	replaced := strings.NewReplacer(variables...)
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			shows(ts, p.Title, replaced.Replace(target.Expr), target.LegendFormat)
		}
	}
}

// shows waits until a query of a panel has a number to show.
func shows(ts *testscript.TestScript, title, expr, legend string) {
	for deadline := time.Now().Add(queryTimeout); ; time.Sleep(100 * time.Millisecond) {
		found, err := query(ts, expr)
		if err != nil {
			ts.Fatalf("panel %q: %v", title, err)
		}
		for _, s := range found {
			for _, m := range legendLabel.FindAllStringSubmatch(legend, -1) {
				if s.Metric[m[1]] == "" {
					ts.Fatalf("panel %q: the legend shows %s, and a series is %v", title, m[1], s.Metric)
				}
			}
			if s.Value[1] != "NaN" {
				return
			}
		}
		if time.Now().After(deadline) {
			ts.Fatalf("panel %q shows nothing: %s gives %v", title, expr, found)
		}
	}
}
