package webhook

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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

// makeCloudEvents installs the pinned package in a folder of the test's own, and has it make each payload's events.
func makeCloudEvents(t *testing.T, payloads []json.RawMessage) (out []madeRequest) {
	t.Helper()
	lacks := func(format string, args ...any) {
		t.Helper()
		if os.Getenv("CI") != "" {
			t.Fatalf(format, args...)
		}
		t.Skipf("the CloudEvents SDK was not asked: "+format, args...)
	}
	dir := t.TempDir()
	for _, name := range []string{"make.js", "package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", "cloudevents", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			lacks("%s is not installed", tool)
		}
	}
	npm := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	npm.Dir = dir
	if output, err := npm.CombinedOutput(); err != nil {
		lacks("npm ci: %v\n%s", err, output)
	}
	text, err := json.Marshal(payloads)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "make.js")
	node.Dir, node.Stdin = dir, bytes.NewReader(text)
	var stderr bytes.Buffer
	node.Stderr = &stderr
	output, err := node.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, &stderr)
	}
	for line := range strings.Lines(string(output)) {
		var made madeRequest
		if err := json.Unmarshal([]byte(line), &made); err != nil {
			t.Fatal(err)
		}
		out = append(out, made)
	}
	return out
}
