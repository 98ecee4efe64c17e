package cmd

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// What a server has seen of a metric is on the page of the next one, even if nobody tells it the metric any more.
func TestServeShowsValuesOfMetricsAfterARestart(t *testing.T) {
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"length": 1204}`)
	}))
	defer source.Close()
	s, never := newServed(t), 1e9
	s.rule.Metrics = []scale.Metric{{
		Name: "queue", HTTP: &scale.HTTPQuery{URL: source.URL, Pointer: "/length"}, Every: 100 * time.Millisecond, MaxAge: time.Minute, Above: &never,
	}}
	const drawn = `<text class="caption" x="0" y="154">queue: 1204</text>`
	first := launch(t, s, "--log-level", "debug")
	for began := time.Now(); !strings.Contains(first.wants(http.StatusOK, http.MethodGet, "/", token), drawn); time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			t.Fatalf("the page does not show the metric:\n%s", first.log)
		}
	}
	first.signals <- syscall.SIGTERM
	first.ends()
	source.Close()
	second := launch(t, s)
	if page := second.wants(http.StatusOK, http.MethodGet, "/?span=week", token); !strings.Contains(page, drawn) {
		t.Errorf("the value is gone:\n%s", page)
	}
}
