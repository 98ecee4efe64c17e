package dialect

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
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

// decode decodes a body of the dialect of that name.
func decode(name string, body []byte, to Route) (Delivery, error) {
	for _, d := range Table() {
		if d.Name == name {
			return d.Decode(Parse(body), to)
		}
	}
	panic("there is no dialect " + name)
}

// payloads are the real payloads of a dialect, testdata/NAME/*.json.
func payloads(t testing.TB, d Dialect) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", d.Name, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no payloads of %s: %v", d.Name, err)
	}
	return files
}

// TestGolden decodes each real payload of each dialect, and compares the result with the golden file beside it.
func TestGolden(t *testing.T) {
	shared := route("", "")
	routes := map[string]Route{"prometheus/pools-shared-route": shared, "prometheus/hostile-text": shared}
	for _, d := range Table() {
		for _, file := range payloads(t, d) {
			name := d.Name + "/" + strings.TrimSuffix(filepath.Base(file), ".json")
			t.Run(name, func(t *testing.T) {
				to, ok := routes[name]
				if !ok {
					to = route("worker", "")
				}
				to.Key = "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324"
				got, err := d.Decode(Parse(read(t, file)), to)
				if err != nil {
					t.Fatal(err)
				}
				checkGolden(t, strings.TrimSuffix(file, ".json")+".golden", shown(got))
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

func shown(d Delivery) any {
	intents := []shownIntent{}
	for _, i := range d.Intents {
		intents = append(intents, show(i))
	}
	return struct {
		Intents []shownIntent
		Skipped []Skipped `json:",omitempty"`
	}{intents, d.Skipped}
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

func longName(n int) string { return strings.Repeat("a", n) }
