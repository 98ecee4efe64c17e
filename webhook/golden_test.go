package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// pools are the rules in force in the tests. Decoders look at nothing but the names.
func pools() scale.Rules {
	return scale.Rules{"worker": {Pool: "worker"}, "web": {Pool: "web"}}
}

func route(pool, query string) Route { return Route{Pool: pool, Rules: pools(), Query: query} }

// TestGolden decodes each real payload in testdata/DIALECT and compares the result with the golden file beside it.
func TestGolden(t *testing.T) {
	shared := route("", "")
	routes := map[string]Route{"prometheus/pools-shared-route": shared, "prometheus/hostile-text": shared}
	decoders := map[string]func(body []byte, route Route) (any, error){
		"direct": func(body []byte, route Route) (any, error) {
			direct, err := DecodeDirect(body, "key-1", route)
			return show(direct.Intent), err
		},
		"cloudwatch": func(body []byte, route Route) (any, error) {
			return shown(DecodeCloudWatch(body, "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", route))
		},
		"eventbridge": func(body []byte, route Route) (any, error) { return shown(DecodeEventBridge(body, route)) },
		"lambda":      func(body []byte, route Route) (any, error) { return shown(DecodeLambda(body, route)) },
		"prometheus":  func(body []byte, route Route) (any, error) { return shown(DecodeAlertmanager(body, route)) },
		"grafana":     func(body []byte, route Route) (any, error) { return shown(DecodeAlertmanager(body, route)) },
		"sns":         func(body []byte, _ Route) (any, error) { return ParseSNS(body, http.Header{}) },
	}
	for dialect, decode := range decoders {
		files, err := filepath.Glob(filepath.Join("testdata", dialect, "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no payloads of %s: %v", dialect, err)
		}
		for _, file := range files {
			name := dialect + "/" + strings.TrimSuffix(filepath.Base(file), ".json")
			t.Run(name, func(t *testing.T) {
				to, ok := routes[name]
				if !ok {
					to = route("worker", "")
				}
				got, err := decode(read(t, file), to)
				if err != nil {
					t.Fatal(err)
				}
				checkGolden(t, strings.TrimSuffix(file, ".json")+".golden", got)
			})
		}
	}
}

// shownIntent is an intent as the golden files show it: without what decoders leave alone.
type shownIntent struct {
	Pool, Source, Reason string
	Key                  string      `json:",omitempty"`
	Count, Delta         *int        `json:",omitempty"`
	Signal               *shownAlert `json:",omitempty"`
}

type shownAlert struct {
	Alert                 string
	Cleared               bool      `json:",omitempty"`
	Lapsed, Identity      string    `json:",omitempty"`
	Since, Ended          time.Time `json:",omitzero"`
	Repeats               bool      `json:",omitempty"`
	Direction, Comparison string    `json:",omitempty"`
	Count, Delta          *int      `json:",omitempty"`
	Value, Threshold      *float64  `json:",omitempty"`
}

func show(i scale.Intent) shownIntent {
	out := shownIntent{Pool: i.Pool, Source: i.Source, Reason: i.Reason, Key: i.Key, Count: i.Count, Delta: i.Delta}
	if s := i.Signal; s != nil {
		out.Signal = &shownAlert{
			Alert: s.Alert, Cleared: s.Cleared, Lapsed: s.Lapsed, Identity: s.Identity, Since: s.Since, Ended: s.Ended, Repeats: s.Repeats,
			Direction: s.Direction.String(), Comparison: s.Comparison.String(),
			Count: s.Count, Delta: s.Delta, Value: s.Value, Threshold: s.Threshold,
		}
	}
	return out
}

func shown(d Delivery, err error) (any, error) {
	intents := []shownIntent{}
	for _, i := range d.Intents {
		intents = append(intents, show(i))
	}
	return struct {
		Intents []shownIntent
		Skipped []Skipped `json:",omitempty"`
	}{intents, d.Skipped}, err
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func checkGolden(t *testing.T, file string, got any) {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(got); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, file)), text.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// refused checks that an error is a BadRequestError for the field, whose problem holds the text.
func refused(t *testing.T, err error, field, problem string) {
	t.Helper()
	var bad *BadRequestError
	if !errors.As(err, &bad) {
		t.Fatalf("error %v; want a BadRequestError for %s", err, field)
	}
	if bad.Field != field || !strings.Contains(bad.Problem, problem) {
		t.Errorf("error %v; want one for %q with %q", err, field, problem)
	}
}
