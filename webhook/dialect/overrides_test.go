package dialect

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pulumiscale/pulumiscale/scale"
)

// oneAlert is a notification of one alert of the pool "worker", with further labels and annotations as JSON members.
func oneAlert(labels, annotations string) []byte {
	return []byte(`{"version": "4", "alerts": [{"status": "firing", "startsAt": "2026-03-04T11:58:30Z", "fingerprint": "1db0e3c0a1f2b3c4",
		"labels": {"alertname": "HighCPU", "pool": "worker"` + labels + `}, "annotations": {"summary": "hot"` + annotations + `}}]}`)
}

func TestOverridesComeFromTheQueryThenTheAlert(t *testing.T) {
	up := `, "pulumiscale_direction": "up"`
	cases := map[string]struct {
		query, labels, annotations string
		want                       scale.Signal
	}{
		"none":                                         {"", "", "", scale.Signal{}},
		"a label":                                      {"", up, "", scale.Signal{Direction: scale.Up}},
		"an annotation":                                {"", "", up, scale.Signal{Direction: scale.Up}},
		"a label before an annotation":                 {"", `, "pulumiscale_delta": "2"`, `, "pulumiscale_delta": "3"`, scale.Signal{Delta: new(2)}},
		"an empty label is none":                       {"", `, "pulumiscale_delta": ""`, `, "pulumiscale_delta": " 3 "`, scale.Signal{Delta: new(3)}},
		"the query before a label":                     {"direction=down", up, "", scale.Signal{Direction: scale.Down}},
		"the query's count replaces a delta":           {"count=0", `, "pulumiscale_delta": "2"`, "", scale.Signal{Count: new(0)}},
		"the query's delta replaces a count":           {"delta=2", `, "pulumiscale_count": "9"`, "", scale.Signal{Delta: new(2)}},
		"the query's delta brings its own direction":   {"delta=-2", up, "", scale.Signal{Delta: new(-2)}},
		"the query's direction keeps the alert's size": {"direction=down", `, "pulumiscale_delta": "4"`, "", scale.Signal{Direction: scale.Down, Delta: new(4)}},
		"direction and delta together":                 {"direction=down&delta=3", up, "", scale.Signal{Direction: scale.Down, Delta: new(3)}},
		"a plus that is escaped":                       {"delta=%2B3", "", "", scale.Signal{Delta: new(3)}},
		"a plus that is not":                           {"delta=+3", "", "", scale.Signal{Delta: new(3)}},
		"a plus before a count":                        {"count=+3", "", "", scale.Signal{Count: new(3)}},
		"value and threshold": {
			"", `, "pulumiscale_value": "1.5e+02"`, `, "pulumiscale_threshold": "100"`, scale.Signal{Value: new(150.0), Threshold: new(100.0)},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := decode("prometheus", oneAlert(c.labels, c.annotations), route("worker", c.query))
			if err != nil || len(got.Intents) != 1 {
				t.Fatalf("%v, %+v", err, got)
			}
			c.want.Alert = "HighCPU"
			if diff := cmp.Diff(c.want, *got.Intents[0].Signal, cmpopts.IgnoreFields(scale.Signal{}, "Identity", "Since", "Repeats")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestMalformedQueriesAreRefused(t *testing.T) {
	cases := map[string]struct{ query, field, problem string }{
		"a direction that is none": {"direction=sideways", "direction", `is "sideways"; it must be "up" or "down"`},
		"an upper case direction":  {"direction=UP", "direction", "must be"},
		"an empty direction":       {"direction=", "direction", "must be"},
		"a plus alone":             {"delta=+", "delta", `is ""; it must be`},
		"two of them":              {"delta=++1", "delta", "must be a whole number"},
		"a plus before a minus":    {"delta=+-1", "delta", "must be a whole number"},
		"a delta with a fraction":  {"delta=1.5", "delta", "must be a whole number"},
		"a delta too large":        {"delta=1000000001", "delta", "must be a whole number"},
		"a negative count":         {"count=-1", "count", "must be a whole number, 0 or more"},
		"an empty count":           {"count", "count", "must be a whole number, 0 or more"},
		"a count and a delta":      {"count=1&delta=1", "delta", "stands beside a count"},
		"a parameter twice":        {"delta=1&delta=2", "delta", "is given twice"},
		"a misspelt parameter":     {"dircetion=down", "dircetion", "is not a parameter of this route"},
		"a token":                  {"token=0123456789abcdef", "token", "is not a parameter of this route"},
		"a wrong escape":           {"delta=%zz", "query", "cannot be parsed"},
		"a semicolon":              {"delta=1;count=2", "query", "cannot be parsed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			to := route("worker", c.query)
			_, err := decode("prometheus", oneAlert("", ""), to)
			refused(t, err, c.field, c.problem)
			_, err = decode("cloudwatch", read(t, "testdata/cloudwatch/metric-high.json"), to)
			refused(t, err, c.field, c.problem)
			_, err = decode("eventbridge", read(t, "testdata/eventbridge/metric.json"), to)
			refused(t, err, c.field, c.problem)
			if strings.Contains(err.Error(), "0123456789abcdef") {
				t.Error("the error repeats what may be a token:", err)
			}
		})
	}
}

func TestDirect(t *testing.T) {
	cases := map[string]struct {
		body, query string
		want        scale.Intent
		dryRun      bool
	}{
		"a count in the body":       {`{"count": 5}`, "", scale.Intent{Count: new(5)}, false},
		"a count in the query":      {"", "count=5", scale.Intent{Count: new(5)}, false},
		"a delta in the body":       {`{"delta": -2, "reason": "sale\nover"}`, "", scale.Intent{Delta: new(-2), Reason: "sale over"}, false},
		"a delta in the query":      {"", "delta=-2&reason=sale+over", scale.Intent{Delta: new(-2), Reason: "sale over"}, false},
		"a reason beside the query": {`{"reason": "sale"}`, "delta=0", scale.Intent{Delta: new(0), Reason: "sale"}, false},
		"a dry run":                 {`{"count": 0}`, "dryRun=true&force=false", scale.Intent{Count: new(0)}, true},
		"a delta with a plus":       {"", "delta=+2", scale.Intent{Delta: new(2)}, false},
		"force":                     {`{"count": 0}`, "force=true", scale.Intent{Count: new(0), Force: true}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := decode("http", []byte(c.body), Route{Pool: "worker", Query: c.query})
			if err != nil {
				t.Fatal(err)
			}
			c.want.Pool, c.want.Source = "worker", "http"
			if diff := cmp.Diff(Delivery{Intents: []scale.Intent{c.want}, DryRun: c.dryRun}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDirectRefused(t *testing.T) {
	long := strings.Repeat("k", maxKey+1)
	cases := map[string]struct{ body, query, key, field, problem string }{
		"neither":                     {`{}`, "", "", "count, delta", "exactly one"},
		"nothing at all":              {"", "", "", "count, delta", "exactly one"},
		"both":                        {`{"count": 1, "delta": 1}`, "", "", "count, delta", "exactly one"},
		"one in each place":           {`{"count": 1}`, "delta=1", "", "count, delta", "exactly one"},
		"the same in both places":     {`{"count": 1}`, "count=1", "", "count", "in the body and in the query"},
		"a negative count":            {`{"count": -1}`, "", "", "count", "0 or more"},
		"a count with a fraction":     {`{"count": 5.0}`, "", "", "count", "a whole number"},
		"a count in exponents":        {`{"count": 5e0}`, "", "", "count", "a whole number"},
		"a count too large":           {`{"count": 99999999999999999999}`, "", "", "count", "a whole number"},
		"a count that is text":        {`{"count": "5"}`, "", "", "count", "is a string; it must be a whole number"},
		"a count that is null":        {`{"count": null, "delta": 1}`, "", "", "count", "is null"},
		"a reason that is no text":    {`{"count": 1, "reason": 1}`, "", "", "reason", "is a number; it must be a string"},
		"an unknown field":            {`{"count": 1, "dryRun": true}`, "", "", "dryRun", "is not a field of this request"},
		"an unknown parameter":        {`{"count": 1}`, "dryrun=true", "", "dryrun", "is not a parameter"},
		"a flag that is none":         {`{"count": 1}`, "dryRun=yes", "", "dryRun", `is "yes"; it must be true or false`},
		"a flag without a value":      {`{"count": 1}`, "force", "", "force", "must be true or false"},
		"a key that is too long":      {`{"count": 1}`, "", long, "Idempotency-Key", "at most 255"},
		"a key that is not printable": {`{"count": 1}`, "", "a\x00b", "Idempotency-Key", "printable ASCII"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := decode("http", []byte(c.body), Route{Pool: "worker", Query: c.query, Key: c.key})
			refused(t, err, c.field, c.problem)
		})
	}
}
