package webhook

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pulumiscale/pulumiscale/webhook/npmtest"
)

// TestEventsOfTheCloudEventsSDK takes events that the SDK of CloudEvents makes, the npm package cloudevents, in both
// modes, around payloads of several dialects.
func TestEventsOfTheCloudEventsSDK(t *testing.T) {
	paths := []string{pathSignal, pathAzure, pathGoogle, pathScale, pathPrometheus}
	payloads := []json.RawMessage{
		payload(t, "signal/plain"), payload(t, "azure/metric-fired"), payload(t, "google/threshold-open"),
		json.RawMessage(`{"delta":1,"reason":"über \u0001 \"x\""}`), json.RawMessage(alertsOf("firing", `{"alertname":"A"}`)),
	}
	requests := makeCloudEvents(t, payloads)
	if len(requests) != 2*len(paths) {
		t.Fatalf("%d requests of %d payloads", len(requests), len(payloads))
	}
	serving(t, func(t *testing.T, r *rig) {
		operations := map[string]string{}
		for i, made := range requests {
			path := paths[i/2]
			request := httptest.NewRequest(http.MethodPost, path, strings.NewReader(made.Body))
			for name, value := range made.Headers {
				request.Header.Set(name, value)
			}
			request.Header.Set("Authorization", "Bearer "+tokenA)
			at := []any{"results", 0}
			if path == pathScale {
				at = nil
			}
			id := r.send(request).is(http.StatusAccepted).operation(at...)
			if first, ok := operations[path]; ok && first != id {
				t.Errorf("%s: the same event in another mode is another event", path)
			}
			operations[path] = id
		}
	})
}

// madeRequest is a request as the SDK makes it.
type madeRequest struct {
	Mode    string
	Headers map[string]string
	Body    string
}

// makeCloudEvents has the SDK make each payload's events.
func makeCloudEvents(t *testing.T, payloads []json.RawMessage) (out []madeRequest) {
	t.Helper()
	for _, line := range npmtest.Ask(t, "testdata/cloudevents", "make.js", payloads) {
		var made madeRequest
		if err := json.Unmarshal([]byte(line), &made); err != nil {
			t.Fatal(err)
		}
		out = append(out, made)
	}
	return out
}
