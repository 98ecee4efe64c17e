package webhook

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/pulumiscale/pulumiscale/scale/span"
)

// linesOf are the records of a log whose message is one of those given.
func linesOf(t *testing.T, text string, messages ...string) (out []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		record := map[string]any{}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		for _, message := range messages {
			if record["msg"] == message {
				out = append(out, record)
			}
		}
	}
	return out
}

const notLogged = "more of the same were not logged"

// Strangers do not fill the log: the first few of a minute are logged, and then their number, once a minute.
func TestStrangersDoNotFillTheLog(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		strangers := func(n int, header string) {
			for i := range n {
				request := httptest.NewRequest(http.MethodGet, fmt.Sprintf("/nowhere/%d", i), http.NoBody)
				if header != "" {
					request.Header.Set("Authorization", header)
				}
				r.send(request).is(http.StatusUnauthorized)
			}
		}
		strangers(1000, "")
		strangers(500, "Bearer "+tokenB)
		if refused := linesOf(t, r.logged.String(), "refused"); len(refused) != 2*floodFirst {
			t.Errorf("%d lines", len(refused))
		}
		r.get("/pools/none").is(404) // a request with the token is logged as ever
		if refused := linesOf(t, r.logged.String(), "refused"); len(refused) != 2*floodFirst+1 {
			t.Errorf("%d lines", len(refused))
		}
		time.Sleep(floodMinute + time.Second)
		counted := map[any]any{}
		for _, line := range linesOf(t, r.logged.String(), notLogged) {
			counted[line["kind"]] = line["requests"]
		}
		if len(counted) != 2 || counted[floodNoToken] != 1000.0-floodFirst || counted[floodWrongToken] != 500.0-floodFirst {
			t.Errorf("%v", counted)
		}
		// In the next minute the first few are logged again. What comes just before the end is counted at the end.
		strangers(floodFirst+3, "")
		if refused := linesOf(t, r.logged.String(), "refused"); len(refused) != 3*floodFirst+1 {
			t.Errorf("%d lines", len(refused))
		}
		r.Stop()
		r.Finish(t.Context())
		if lines := linesOf(t, r.logged.String(), notLogged); len(lines) != 3 || lines[2]["requests"] != 3.0 {
			t.Errorf("%v", lines)
		}
	})
}

// A few requests without a token, as SNS sends them before each message, are all logged, however long that goes on.
// Nothing is counted.
func TestWhatIsRareIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out safeBuffer
		log := slog.New(slog.NewJSONHandler(&out, nil))
		var f flood
		for range 100 {
			if !f.admits(log, floodNoToken) {
				t.Fatal("not logged")
			}
			time.Sleep(floodMinute / floodFirst)
		}
		if out.String() != "" {
			t.Error(out.String())
		}
	})
}

// Strangers, and whoever probes, leave no trace.
func TestStrangersLeaveNoTrace(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		recorder := tracetest.NewSpanRecorder()
		provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
		ctx, whole := provider.Tracer(span.Scope).Start(t.Context(), "serve")
		defer whole.End()
		send := func(target, token string) {
			request := httptest.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
			request.Header.Set("Authorization", "Bearer "+token)
			r.send(request)
		}
		for _, target := range []string{"/pools", "/nowhere", "/metrics"} {
			send(target, tokenB)
			send(target, "")
		}
		send("/healthz", "")
		send("/readyz", "")
		if ended := recorder.Ended(); len(ended) != 0 {
			t.Errorf("%d spans: %v", len(ended), ended[0].Name())
		}
		send("/status", tokenA)
		if ended := recorder.Ended(); len(ended) == 0 || ended[len(ended)-1].Name() != "GET /status" {
			t.Errorf("%d spans", len(ended))
		}
	})
}

// Strangers do not make up labels of metrics either.
func TestStrangersMakeNoLabels(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		series := func() int { return strings.Count(r.get("/metrics").Body.String(), "\n") }
		ask := func(from, to int) {
			for i := from; i < to; i++ {
				request := httptest.NewRequest(http.MethodPost, fmt.Sprintf("/webhook/pool-%d/prometheus?x=%d", i, i), strings.NewReader("{}"))
				request.Header.Set("User-Agent", fmt.Sprint("agent ", i))
				r.send(request).is(http.StatusUnauthorized)
			}
		}
		ask(0, 1)
		before := series()
		ask(1, 500)
		if got := series(); got != before {
			t.Errorf("%d lines of metrics, which were %d", got, before)
		}
	})
}

// What net/http itself complains of is logged like that too, each kind by itself.
func TestComplaintsDoNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out safeBuffer
		server := NewHTTPServer(http.NotFoundHandler(), slog.New(slog.NewJSONHandler(&out, nil)))
		for i := range 1000 {
			server.ErrorLog.Printf("http: TLS handshake error from 10.0.0.1:%d: EOF", i)
			server.ErrorLog.Printf("http: Accept error: too many open files; retrying in %d", i)
			server.ErrorLog.Printf("http2: server connection error from %d", i)
		}
		server.ErrorLog.Printf("http: panic serving 10.0.0.1:5: boom")
		if lines := strings.Count(out.String(), "\n"); lines != 3*floodFirst+1 {
			t.Errorf("%d lines", lines)
		}
		if !strings.Contains(out.String(), `"level":"ERROR","msg":"http: panic serving`) {
			t.Error(out.String())
		}
		time.Sleep(floodMinute)
		synctest.Wait()
		counted := map[any]any{}
		for _, line := range linesOf(t, out.String(), notLogged) {
			counted[line["kind"]] = line["requests"]
		}
		if len(counted) != 3 || counted[floodTLS] != 1000.0-floodFirst || counted[floodAccept] != 1000.0-floodFirst || counted[floodConnection] != 1000.0-floodFirst {
			t.Errorf("%v", counted)
		}
	})
}

// A certificate that is gone is not told of at every connection that a stranger makes.
func TestALostCertificateDoesNotFillTheLog(t *testing.T) {
	cert, key := certificateFiles(t, t.TempDir(), "first")
	var out bytes.Buffer
	c, err := LoadCertificate(cert, key, slog.New(slog.NewJSONHandler(&out, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if got, err := c.TLS().GetCertificate(&tls.ClientHelloInfo{}); err != nil || got == nil {
			t.Fatal(got, err)
		}
	}
	if lines := strings.Count(out.String(), "\n"); lines != floodFirst {
		t.Errorf("%d lines", lines)
	}
}
