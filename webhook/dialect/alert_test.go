package dialect

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestAThousandAlertsInOnePayload(t *testing.T) {
	var body strings.Builder
	body.WriteString(`{"version": "4", "alerts": [`)
	for i := range 1000 {
		if i > 0 {
			body.WriteString(",")
		}
		pool := []string{"worker", "web", "other"}[i%3]
		fmt.Fprintf(&body, `{"status": "firing", "labels": {"alertname": "A%d", "pool": %q}, "startsAt": "2026-03-04T11:58:30Z"}`, i, pool)
	}
	body.WriteString("]}")
	got, err := decode("prometheus", []byte(body.String()), route("", ""))
	if err != nil {
		t.Fatal(err)
	}
	count, keys := map[string]int{}, map[string]bool{}
	for _, i := range got.Intents {
		count[i.Pool]++
		keys[i.Key] = true
	}
	if count["worker"] != 334 || count["web"] != 333 || len(got.Skipped) != 333 || len(keys) != 667 {
		t.Errorf("%v, %d skipped, %d keys", count, len(got.Skipped), len(keys))
	}
}

func TestVersionsOfNotifications(t *testing.T) {
	for _, version := range []string{`"3"`, `""`, `"5"`, `null`} {
		_, err := decode("prometheus", []byte(`{"version": `+version+`, "alerts": []}`), route("worker", ""))
		refused(t, err, "version", `it must be "4"`)
	}
	_, err := decode("prometheus", []byte(`{"version": 4, "alerts": []}`), route("worker", ""))
	refused(t, err, "version", "is a number")
}

// One alert that is malformed leaves the others alone.
func TestMalformedAlertsAreSkipped(t *testing.T) {
	cases := map[string]struct{ alert, reason string }{
		"no object":           {`7`, "alerts[0]: is a number; it must be a JSON object"},
		"no status":           {`{"labels": {"pool": "worker"}}`, "alerts[0].status: is missing"},
		"labels that are not": {`{"status": "firing", "labels": []}`, "alerts[0].labels: is a list; it must be an object"},
		"a label of a number": {`{"status": "firing", "labels": {"pool": 7}}`, "alerts[0].labels.pool: is a number; it must be a string"},
		"a start of a number": {`{"status": "firing", "startsAt": 7}`, "alerts[0].startsAt: is a number"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			good := `{"status": "firing", "labels": {"alertname": "Good", "pool": "worker"}}`
			got, err := decode("prometheus", []byte(`{"version": "4", "alerts": [`+c.alert+`, `+good+`]}`), route("", ""))
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Intents) != 1 || len(got.Skipped) != 1 || !strings.Contains(got.Skipped[0].Reason, c.reason) {
				t.Errorf("%+v; want the reason %q", got, c.reason)
			}
		})
	}
}

func TestKeysOfAlerts(t *testing.T) {
	key := func(pool, alert string) string {
		t.Helper()
		got, err := decode("prometheus", []byte(`{"version": "4", "alerts": [`+alert+`]}`), route(pool, ""))
		if err != nil || len(got.Intents) != 1 {
			t.Fatalf("%v, %+v", err, got)
		}
		return got.Intents[0].Key
	}
	alert := func(status, labels, start, fingerprint string) string {
		return fmt.Sprintf(`{"status": %q, "labels": {%s}, "startsAt": %q, "fingerprint": %q}`, status, labels, start, fingerprint)
	}
	const start, print1, print2 = "2026-03-04T11:58:30Z", "1db0e3c0a1f2b3c4", "2db0e3c0a1f2b3c4"
	base := key("worker", alert("firing", `"a": "1", "b": "2"`, start, print1))
	if got := key("worker", alert("firing", `"a": "9"`, "2026-03-04T12:58:30+01:00", print1)); got != base {
		t.Errorf("the same firing has the keys %s and %s", base, got)
	}
	differ := map[string]string{
		"another fingerprint": key("worker", alert("firing", `"a": "1"`, start, print2)),
		"another start":       key("worker", alert("firing", `"a": "1"`, "2026-03-04T11:58:31Z", print1)),
		"another status":      key("worker", alert("resolved", `"a": "1"`, start, print1)),
		"another pool":        key("web", alert("firing", `"a": "1"`, start, print1)),
	}
	for name, got := range differ {
		if got == base {
			t.Errorf("%s has the same key %s", name, got)
		}
	}
	own := key("worker", alert("firing", `"a": "1", "b": "2"`, start, ""))
	for _, none := range []string{"../../not a fingerprint", longName(7), longName(65)} {
		if got := key("worker", alert("firing", `"b": "2", "a": "1"`, start, none)); got != own {
			t.Errorf("the order of labels, or the fingerprint %q, makes the keys %s and %s", none, own, got)
		}
	}
	for _, some := range []string{longName(8), longName(64)} {
		if got := key("worker", alert("firing", `"b": "2", "a": "1"`, start, some)); !strings.Contains(got, some) {
			t.Errorf("with the fingerprint %q the key is %s", some, got)
		}
	}
	if got := key("worker", alert("firing", `"a": "1\"\n\"b\"=\"2"`, start, "")); got == own {
		t.Error("a label's text passes for two labels")
	}
	for _, none := range []string{"", "0001-01-01T00:00:00Z"} {
		if got := key("worker", alert("firing", "", none, print1)); got != "" {
			t.Errorf("an alert that started at %q has the key %s; want none", none, got)
		}
	}
}

func TestComparison(t *testing.T) {
	cases := map[string]scale.Direction{
		"GreaterThanOrEqualToThreshold": scale.Up, "GreaterThanThreshold": scale.Up, "GreaterThanUpperThreshold": scale.Up,
		"LessThanThreshold": scale.Down, "LessThanOrEqualToThreshold": scale.Down, "LessThanLowerThreshold": scale.Down,
		"LessThanLowerOrGreaterThanUpperThreshold": 0, "": 0, "EqualToThreshold": 0,
	}
	for operator, want := range cases {
		if got := comparison(operator); got != want {
			t.Errorf("%s: %v; want %v", operator, got, want)
		}
	}
}

func TestTextOfAStatesReason(t *testing.T) {
	cases := map[string]struct {
		reason     string
		value      *float64
		comparison scale.Direction
	}{
		"one datapoint": {
			"Threshold Crossed: 1 datapoint [93.4 (27/10/22 09:24:00)] was greater than the threshold (80.0).", new(93.4), scale.Up,
		},
		"the newest first": {
			"Threshold Crossed: 2 datapoints [1.0 (27/10/22 09:24:00), 2.0 (27/10/22 09:19:00)] were less than the threshold (3.0).", new(1.0), scale.Down,
		},
		"the newest last": {
			"Threshold Crossed: 2 datapoints [1.0 (27/10/22 09:19:00), 2.0 (27/10/22 09:24:00)] were not less than or equal to the threshold (0.0).",
			new(2.0), scale.Down,
		},
		"days before months": {
			"Threshold Crossed: 2 datapoints [1.0 (01/02/22 00:00:00), 2.0 (31/01/22 00:00:00)] were greater than the threshold (0.0).", new(1.0), scale.Up,
		},
		"exponents": {
			"Threshold Crossed: 1 datapoint [1.2E-4 (27/10/22 09:24:00)] was greater than or equal to the threshold (1.0E-4).", new(1.2e-4), scale.Up,
		},
		"out of the band, upwards": {
			"Thresholds Crossed: 1 out of the last 1 datapoints [239.0 (25/07/24 07:21:00)] was greater than the upper thresholds [225.7] " +
				"(minimum 1 datapoint for OK -> ALARM transition).", new(239.0), scale.Up,
		},
		"out of the band, either way": {
			"Thresholds Crossed: 1 out of the last 1 datapoints [0.1 (25/07/24 07:21:00)] was not less than the lower thresholds [0.02] " +
				"or not greater than the upper thresholds [0.3] (minimum 1 datapoint for ALARM -> OK transition).", new(0.1), 0,
		},
		"one datapoint, older text": {"Threshold Crossed: 1 datapoint (10.0) was greater than or equal to the threshold (1.0).", new(10.0), scale.Up},
		"several, in an order that is not told": {
			"Threshold Crossed: 2 datapoints were greater than the threshold (1.0). The most recent datapoints: [2.0, 3.0].", nil, scale.Up,
		},
		"missing data": {
			"Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [Breaching].", nil, 0,
		},
		"a datapoint that is no number": {"Threshold Crossed: 1 datapoint [NaN (27/10/22 09:24:00)] was greater than the threshold (80.0).", nil, scale.Up},
		"a time that is none":           {"Threshold Crossed: 1 datapoint [1.0 (32/13/22 09:24:00)] was greater than the threshold (80.0).", nil, scale.Up},
		"a bracket without end":         {"1 datapoint [93.4 (27/10/22 09:24:00)", nil, 0},
		"a child of a composite alarm":  {"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:A transitioned to ALARM at Sunday 30 October, 2022 20:47:35 UTC", nil, 0},
		"set by hand":                   {"testing", nil, 0},
		"nothing":                       {"", nil, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.value, recentDatapoint(c.reason)); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
			if got := comparisonIn(c.reason); got != c.comparison {
				t.Errorf("comparison %v; want %v", got, c.comparison)
			}
		})
	}
}

func TestReasonData(t *testing.T) {
	cases := map[string]struct {
		text             string
		value, threshold *float64
	}{
		"the last datapoint is the newest": {`{"recentDatapoints": [38.36, 38.39, 38.41], "threshold": 80.0}`, new(38.41), new(80.0)},
		"no datapoints":                    {`{"recentDatapoints": [], "threshold": 10.0}`, nil, new(10.0)},
		"a datapoint that is null":         {`{"recentDatapoints": [1.0, null]}`, nil, nil},
		"a list that is none":              {`{"recentDatapoints": 7}`, nil, nil},
		"a composite alarm's":              {`{"triggeringAlarms": [{"arn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:A"}]}`, nil, nil},
		"no JSON":                          {"testing", nil, nil},
		"none":                             {"", nil, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			value, threshold := reasonData(c.text)
			if diff := cmp.Diff([]*float64{c.value, c.threshold}, []*float64{value, threshold}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// One SNS message reaches the routes of every pool that subscribed to its topic.
func TestOneEventOnTheRoutesOfTwoPools(t *testing.T) {
	alarm := read(t, "testdata/cloudwatch/metric-high.json")
	one, err1 := decode("cloudwatch", alarm, Route{Pool: "worker", Key: "22b80b92"})
	two, err2 := decode("cloudwatch", alarm, Route{Pool: "web", Key: "22b80b92"})
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if one.Intents[0].Key == two.Intents[0].Key {
		t.Error("both pools have the key", one.Intents[0].Key)
	}
}

// An alert's name of a megabyte is bounded as it comes in, and two of them stay two.
func TestNamesOfAlertsAreBounded(t *testing.T) {
	name := func(text string) string {
		body := `{"version":"4","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"` + text + `","pool":"worker"},"startsAt":"2026-03-04T12:00:00Z"}]}`
		got, err := decode("prometheus", []byte(body), Route{Rules: pools()})
		if err != nil || len(got.Intents) != 1 {
			t.Fatal(err, got.Skipped)
		}
		return got.Intents[0].Signal.Alert
	}
	long := strings.Repeat("n", 1<<18)
	if a, b := name(long+"a"), name(long+"b"); len(a) > 1024 || a == b {
		t.Errorf("%d bytes, alike: %v", len(a), a == b)
	}
}
