package webhook

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

var challenges = []string{`Basic realm="pulumiscale", charset="UTF-8"`, `Bearer realm="pulumiscale"`}

// Whatever the table of endpoints holds is refused without the token, unless it is one of the two probes.
func TestEveryEndpointNeedsTheToken(t *testing.T) {
	wrong := map[string]func(*http.Request){
		"none":                func(*http.Request) {},
		"a wrong one":         func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+tokenB) },
		"a wrong password":    func(r *http.Request) { r.SetBasicAuth("sns", tokenB) },
		"the token as user":   func(r *http.Request) { r.SetBasicAuth(tokenA, "") },
		"the token in query":  func(r *http.Request) { r.URL.RawQuery = "token=" + tokenA + "&access_token=" + tokenA },
		"the token in cookie": func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "token", Value: tokenA}) },
		"the token in a header of its own": func(r *http.Request) {
			r.Header.Set("X-Api-Key", tokenA)
			r.Header.Set("Proxy-Authorization", "Bearer "+tokenA)
		},
		"two headers": func(r *http.Request) { r.Header["Authorization"] = []string{"Bearer " + tokenA, "Bearer " + tokenB} },
	}
	var open []string
	targets := []string{
		"GET /", "POST /", "GET /nothing", "POST /webhook", "POST /webhook/", "POST /webhook/worker/cloudwatch/", "POST /webhook/worker/other",
		"DELETE /pools", "PUT /scale/worker", "POST /pools", "GET /scale/worker", "OPTIONS /pools", "GET //pools", "GET /x/../pools", "POST //scale/worker",
		"GET /debug/pprof/", "CONNECT /pools", "GET /healthz/", "POST /healthz", "GET //healthz",
	}
	for _, e := range endpoints() {
		if e.open {
			open = append(open, e.pattern)
			continue
		}
		targets = append(targets, strings.NewReplacer("{pool}", "worker", "{id}", "x", "{$}", "", "{file}", "style.css").Replace(e.pattern))
	}
	if diff := cmp.Diff([]string{"GET /healthz", "GET /readyz"}, open); diff != "" {
		t.Errorf("the endpoints without a token are those two (-want +got):\n%s", diff)
	}
	serving(t, func(t *testing.T, r *rig) {
		for _, target := range targets {
			method, path, _ := strings.Cut(target, " ")
			for name, edit := range wrong {
				request := httptest.NewRequest(method, "/", strings.NewReader("token="+tokenA+"&count=5"))
				request.URL = &url.URL{Path: path}
				request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				edit(request)
				got := r.send(request)
				if got.Code != http.StatusUnauthorized || !cmp.Equal(got.Header().Values("WWW-Authenticate"), challenges) {
					t.Errorf("%s with %s: %d %v", target, name, got.Code, got.Header())
				}
			}
		}
		r.stack.wantUntouched()
	})
}

func TestBothTokensAndBothSchemesAreAccepted(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		for _, header := range []string{"Bearer " + tokenA, "Bearer " + tokenC, basic("sns", tokenA), basic("", tokenC)} {
			r.call(http.MethodGet, "/pools", nil, "Authorization", header).is(http.StatusOK)
		}
		if err := r.Tokens.Set(tokenB, tokenA); err != nil {
			t.Fatal(err)
		}
		r.get("/pools").is(http.StatusOK)
		r.call(http.MethodGet, "/pools", nil, "Authorization", "Bearer "+tokenB).is(http.StatusOK)
		r.call(http.MethodGet, "/pools", nil, "Authorization", "Bearer "+tokenC).is(http.StatusUnauthorized)
	})
}

func TestWhatHasNoEndpoint(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		for _, target := range []string{"/nothing", "/page", "/page/", "/page/page.html", "/page/../page", "/index.html", "/pools/", "//pools", "/pools/worker/x", "/webhook/worker"} {
			request := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
			request.URL = &url.URL{Path: target}
			request.Header.Set("Authorization", "Bearer "+tokenA)
			r.send(request).is(http.StatusNotFound)
		}
		for target, allow := range map[string]string{
			"DELETE /pools": "GET, HEAD", "POST /pools": "GET, HEAD", "GET /scale/worker": "POST", "PATCH /webhook/worker/cloudwatch": "POST",
			"POST /healthz": "GET, HEAD",
		} {
			method, path, _ := strings.Cut(target, " ")
			if got := r.call(method, path, nil).is(http.StatusMethodNotAllowed); got.Header().Get("Allow") != allow {
				t.Errorf("%s: Allow: %q, want %q", target, got.Header().Get("Allow"), allow)
			}
		}
	})
}

const (
	pathCloudWatch = "/webhook/worker/cloudwatch"
	pathPrometheus = "/webhook/worker/prometheus"
	pathShared     = "/webhook/prometheus"
	pathScale      = "/scale/worker"
)

func TestBodies(t *testing.T) {
	const scheduled = `{"version":"0","id":"53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa","detail-type":"Scheduled Event","source":"aws.events","detail":{},
		"resources":["arn:aws:events:us-east-1:123456789012:rule/morning"]}`
	deep := strings.Repeat(`{"a":`, 64) + "1" + strings.Repeat("}", 64)
	cases := map[string]struct {
		target string
		body   any
		status int
		text   string
	}{
		"empty, of an SNS message":                 {pathCloudWatch, "", 400, "is empty"},
		"empty, of alerts":                         {pathPrometheus, "", 400, "is empty"},
		"empty, of a direct request":               {pathScale, "", 400, "exactly one must be given"},
		"truncated":                                {pathShared, `{"version":"4","alerts":[{`, 400, "ends in the middle"},
		"2 MiB":                                    {pathPrometheus, `{"a":"` + strings.Repeat("a", 2<<20) + `"}`, 413, "larger than 1048576 bytes"},
		"2 MiB, of a direct request":               {pathScale, strings.Repeat(" ", 2<<20), 413, "larger"},
		"2 MiB, of an SNS message":                 {pathCloudWatch, strings.Repeat(" ", 2<<20), 413, "larger"},
		"one byte less than too large":             {pathPrometheus, strings.Repeat(" ", 1<<20), 400, "is empty"},
		"deeply nested":                            {pathPrometheus, deep, 400, "nested deeper"},
		"deeply nested, of a direct request":       {pathScale, deep, 400, "nested deeper"},
		"not UTF-8":                                {pathScale, "{\"reason\":\"\xff\"}", 400, "not UTF-8"},
		"not JSON":                                 {pathScale, "count=5", 400, "not JSON"},
		"no object":                                {pathScale, "[1]", 400, "must be a JSON object"},
		"a key that stands twice":                  {pathScale, `{"count":5,"count":6}`, 400, `"field":"count"`},
		"a nested key that stands twice":           {pathPrometheus, `{"version":"4","alerts":[{"status":"firing","status":"resolved"}]}`, 400, `"field":"alerts[0].status"`},
		"a key that is missing":                    {pathPrometheus, `{"version":"4"}`, 400, "is not an Alertmanager notification"},
		"an SNS message without a signature":       {pathCloudWatch, `{"Type":"Notification","MessageId":"1","TopicArn":"x","Message":"","Timestamp":"2026-03-04T11:58:30Z"}`, 400, `"field":"SignatureVersion"`},
		"a field that is unknown":                  {pathScale, `{"cuont":5}`, 400, `"field":"cuont"`},
		"a count of the wrong type":                {pathScale, `{"count":true}`, 400, `"field":"count"`},
		"a count below zero":                       {pathScale, `{"count":-1}`, 400, `"field":"count"`},
		"count and delta":                          {pathScale, `{"count":1,"delta":1}`, 400, `"field":"count, delta"`},
		"a parameter that is unknown":              {pathScale + "?dryrun=true&count=5", nil, 400, `"field":"dryrun"`},
		"a parameter that stands twice":            {pathScale + "?count=5&count=6", nil, 400, `"field":"count"`},
		"alerts to CloudWatch's route":             {pathCloudWatch, alertsOf("firing", `{}`), 400, "/webhook/{pool}/prometheus"},
		"a direct request to alerts' route":        {pathPrometheus, `{"count":5}`, 400, "/scale/{pool}"},
		"an alarm without its envelope":            {pathCloudWatch, `{"AlarmName":"a","NewStateValue":"ALARM"}`, 400, "raw message delivery"},
		"an EventBridge event to alerts":           {pathPrometheus, `{"detail-type":"x"}`, 400, "/webhook/{pool}/cloudwatch"},
		"a schedule's event to alerts":             {pathPrometheus, scheduled, 400, "/scale/{pool}?count=12"},
		"a schedule's event to alarms":             {pathCloudWatch + "?count=12", scheduled, 400, "which is no alarm; send it to /scale/worker, with what it asks for in the URL: ?count=12"},
		"another event to alarms":                  {pathCloudWatch, `{"detail-type":"EC2 Instance State-change Notification","id":"1","source":"aws.ec2"}`, 400, "narrow the rule's event pattern, or send it to /scale/worker?count=12"},
		"a schedule's event that asks for nothing": {pathScale, scheduled, 400, "add what it asks for to the URL: /scale/worker?count=12"},
		"an alarm's event to /scale":               {pathScale + "?count=12", payload(t, "eventbridge/metric"), 400, "an EventBridge event of an alarm, which belongs to /webhook/{pool}/cloudwatch"},
		"an alarm's event for Lambda to /scale":    {pathScale + "?count=5", payload(t, "lambda/metric"), 400, "/webhook/{pool}/cloudwatch"},
		"what SNS invokes a function with":         {pathCloudWatch, `{"Records":[{"EventSource":"aws:sns","Sns":{"Message":"{}"}}]}`, 400, "have the alarm invoke the function itself"},
		"what no sender sends":                     {pathCloudWatch, `{}`, 400, "sends the count or delta that it asks for to /scale/{pool}"},
		"an Azure alert":                           {pathPrometheus, `{"schemaId":"azureMonitorCommonAlertSchema","data":{}}`, 400, "an Azure Monitor alert, which belongs to /webhook/{pool}/azure"},
		"a Google alert":                           {pathCloudWatch, `{"version":"1.2","incident":{}}`, 400, "a Google Cloud Monitoring notification"},
		"a plus before a count in JSON":            {pathScale, `{"delta":+1}`, 400, "not JSON"},
		"an unknown pool":                          {"/scale/wroker?count=5", nil, 404, `did you mean \"worker\"?`},
		"a dialect by its sender's name":           {"/webhook/alertmanager", alertsOf("firing", `{}`), 404, "/webhook/prometheus"},
		"an unknown pool of alerts":                {"/webhook/wroker/prometheus", alertsOf("firing", `{}`), 404, `"pools":["api","worker"]`},
		"an unknown pool of an alarm":              {"/webhook/wroker/cloudwatch", "{}", 404, "no pool"},
		"a pool with a name that is no name":       {"/scale/%0a%1b[31m?count=5", nil, 404, "no pool"},
		"a wait that is no number":                 {pathScale + "?count=5", nil, 400, `"field":"Prefer"`},
		"an idempotency key that is too long":      {pathScale + "?count=5", nil, 400, `"field":"Idempotency-Key"`},
	}
	serving(t, func(t *testing.T, r *rig) {
		for name, c := range cases {
			var headers []string
			switch name {
			case "a wait that is no number":
				headers = []string{"Prefer", "respond-async, wait=soon"}
			case "an idempotency key that is too long":
				headers = []string{"Idempotency-Key", strings.Repeat("k", 256)}
			}
			t.Log(name)
			r.post(c.target, c.body, headers...).is(c.status, c.text)
		}
		r.get("/operations?limit=0").is(400, `"field":"limit"`)
		r.get("/history?limit=1001").is(400, `"field":"limit"`)
		r.get("/pools/wroker").is(404, `did you mean \"worker\"?`)
		r.get("/history?pool=wroker").is(404, "no pool")
		r.get("/operations/none").is(404, "no such operation")
		r.stack.wantUntouched()
	})
}

func TestMediaTypes(t *testing.T) {
	cases := map[string]struct {
		target, header, value string
		status                int
	}{
		"a form":                              {pathScale, "Content-Type", "application/x-www-form-urlencoded", 415},
		"text to a direct request":            {pathScale, "Content-Type", "text/plain", 415},
		"text to alerts":                      {pathPrometheus, "Content-Type", "text/plain; charset=UTF-8", 415},
		"a form to CloudWatch":                {pathCloudWatch, "Content-Type", "multipart/form-data; boundary=x", 415},
		"what is no media type":               {pathScale, "Content-Type", "json;;", 415},
		"compressed":                          {pathScale, "Content-Encoding", "gzip", 415},
		"JSON with a charset":                 {pathScale, "Content-Type", "Application/JSON; charset=utf-8", 400},
		"none":                                {pathScale, "Content-Type", "", 400},
		"text to CloudWatch, as SNS sends it": {pathCloudWatch, "Content-Type", "text/plain; charset=UTF-8", 400},
	}
	serving(t, func(t *testing.T, r *rig) {
		for name, c := range cases {
			t.Log(name)
			r.post(c.target, "{}", c.header, c.value).is(c.status)
		}
		r.post(pathScale, "count=5", "Content-Type", "application/x-www-form-urlencoded").is(415, "as in ?count=5, or send JSON with the header")
	})
}

func TestProbes(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		probe := func(path string, status int) *reply {
			return r.send(httptest.NewRequest(http.MethodGet, path, http.NoBody)).is(status)
		}
		probe("/healthz", 200)
		probe("/readyz", 200)
		r.stack.set(func() { r.stack.readErr = &scale.UnavailableError{Detail: "dial tcp 10.0.0.1: secret detail"} })
		time.Sleep(time.Minute)
		probe("/healthz", 200)
		if got := probe("/readyz", 503); got.Header().Get("Retry-After") == "" || strings.Contains(got.Body.String(), "secret") {
			t.Errorf("%v %s", got.Header(), got.Body)
		}
		r.stack.set(func() { r.stack.readErr = nil })
		time.Sleep(time.Minute)
		probe("/readyz", 200)
	})
}

// Nothing is accepted while the stack cannot be read, and the sender is asked to come again.
func TestNothingIsAcceptedWhileTheStackCannotBeRead(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.stack.set(func() { r.stack.readErr = &scale.UnavailableError{Detail: "secret detail"} })
		time.Sleep(time.Minute)
		for target, body := range map[string]any{
			pathScale + "?count=5": nil, pathScale + "?count=5&dryRun=true": nil, pathPrometheus: alertsOf("firing", `{}`),
			pathShared: alertsOf("firing", `{"pool":"worker"}`), "/scale/unknown?count=5": nil, "/-/reload": nil,
		} {
			got := r.post(target, body).is(http.StatusServiceUnavailable)
			if got.Header().Get("Retry-After") == "" || strings.Contains(got.Body.String(), "secret") {
				t.Errorf("%s: %v %s", target, got.Header(), got.Body)
			}
		}
		r.get("/history").is(503)
		r.get("/pools").is(200, `"ready":false`)
		r.stack.set(func() { r.stack.readErr = nil })
		time.Sleep(time.Minute)
		r.stack.wantCounts(3, 2, 0)
		r.post(pathScale+"?count=5", nil).is(202)
	})
}

// A reading is processes of the CLI. So those who ask for the history at once share one, and whoever would wait for too
// long is told to come again.
func TestHistoriesOfOneMomentShareAReading(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		ask := func(status int) (took time.Duration) {
			time.Sleep(time.Minute)
			var wait sync.WaitGroup
			start := time.Now()
			for range 4 {
				wait.Go(func() { r.get("/history").is(status) })
			}
			wait.Wait()
			return time.Since(start)
		}
		if took := ask(200); took > readTime+time.Second {
			t.Errorf("4 were answered within %v", took)
		}
		r.stack.set(func() { r.stack.readTime = 2 * apiTimeout })
		ask(503)
	})
}

// A server whose stack has never been read knows no pool. That is no reason to call one unknown.
func TestBeforeTheFirstReading(t *testing.T) {
	serving(t, func(t *testing.T, _ *rig) {
		fresh := newRig(t)
		fresh.send(httptest.NewRequest(http.MethodGet, "/readyz", http.NoBody)).is(503)
		fresh.post(pathScale+"?count=5", nil).is(202) // it is read for that
		fresh.send(httptest.NewRequest(http.MethodGet, "/readyz", http.NoBody)).is(200)
	})
}

func TestTheJournalFails(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.journal.fail(&queue.JournalError{Err: fmt.Errorf("write /secret/place: no space left on device")})
		for target, body := range map[string]any{pathScale + "?count=5": nil, pathPrometheus: alertsOf("firing", `{}`)} {
			got := r.post(target, body).is(503, "nothing was accepted")
			if got.Header().Get("Retry-After") == "" || strings.Contains(got.Body.String(), "secret") {
				t.Errorf("%v %s", got.Header(), got.Body)
			}
		}
		time.Sleep(time.Minute)
		r.stack.wantCounts(3, 2, 0)
		r.journal.fail(nil)
		r.post(pathPrometheus, alertsOf("firing", `{}`)).is(202)
	})
}

// While the journal cannot be written, the server is not ready and says why. It finds out by itself when it can write
// again. The status and the page say so, too.
func TestAFullDiskIsNotReady(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		probe := func(status int, text string) {
			t.Helper()
			r.send(httptest.NewRequest(http.MethodGet, "/readyz", http.NoBody)).is(status, text)
		}
		probe(200, "ready")
		r.journal.fail(&queue.JournalError{Err: fmt.Errorf("write: %w", syscall.ENOSPC)})
		r.post(pathScale+"?count=5", nil).is(503, "the journal cannot be written now: the disk is full; nothing was accepted")
		probe(503, "the journal cannot be written now: the disk is full")
		time.Sleep(10 * time.Minute)
		probe(503, "the disk is full")
		r.get("/status").is(200, `"ready":false`, `"unwritable":true`, "no space left on device")
		r.get("/pools").is(200, `"ready":false`)
		r.get("/metrics").is(200, "pulumiscale_ready 0")
		r.get("/").is(200, "Requests are refused: the cluster&#39;s log cannot be written", "Cannot save to the cluster&#39;s log", "no space left on device")
		r.journal.fail(nil)
		time.Sleep(5 * time.Second)
		probe(200, "ready") // and no event has come
		r.get("/status").is(200, `"ready":true`)
	})
}

// Only the log is told of an error that is not in the table of errors.
func TestInternalErrorsLeakNothing(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.journal.fail(fmt.Errorf("open /secret/place"))
		if got := r.post(pathScale+"?count=5", nil).is(500); strings.Contains(got.Body.String(), "secret") {
			t.Error(got.Body)
		}
		r.journal.fail(nil)
		r.stack.set(func() {
			r.stack.previewErr = &scale.EngineError{Operation: "preview", Diagnostics: []scale.Diagnostic{{Severity: "error", Message: "secret"}}}
		})
		if got := r.post(pathScale+"?count=5&dryRun=true", nil).is(502); strings.Contains(got.Body.String(), "secret") {
			t.Error(got.Body)
		}
		if log := r.logged.String(); strings.Count(log, "secret") != 2 {
			t.Errorf("the log does not say why:\n%s", log)
		}
	})
}

// A line break in what a sender sends makes no line of its own in the log.
func TestTheLogCannotBeForged(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		request := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
		request.URL = &url.URL{Path: "/scale/a\n{\"msg\":\"forged\"}\x1b[31m" + strings.Repeat("x", 9000)}
		r.send(request).is(401)
		r.post(pathPrometheus, alertsOf("firing", `{"alertname":"a\n{\"msg\":\"forged\"}","pool":"api"}`)).is(200)
		for line := range strings.Lines(r.logged.String()) {
			if strings.HasPrefix(line, `{"msg":"forged"`) || strings.Contains(line, "\x1b") || len(line) > 1000 {
				t.Errorf("%d bytes: %q", len(line), line)
			}
		}
	})
}

// Rules that become malformed while the server runs leave the old ones in force, and everybody is told.
func TestReload(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.stack.rule("new", func(*scale.Rule) {})
		if got := r.post("/-/reload", nil).is(200); !cmp.Equal(got.at("pools"), any([]any{"api", "new", "worker"})) {
			t.Errorf("pools %v", got.at("pools"))
		}
		r.get("/pools/new").is(200)
		r.stack.set(func() {
			r.stack.rulesErr = &scale.RulesError{Problems: []scale.Problem{{Pool: "new", Field: "min", Found: `"x"`, Expected: "a whole number"}}}
		})
		r.post("/-/reload", nil).is(409, `"field":"min"`)
		r.get("/pools").is(200, `"ruleErrors"`, `"pool":"worker"`)
		r.get("/readyz").is(200)
		r.post(pathScale+"?count=4", nil).is(202)
		r.stack.set(func() { r.stack.rulesErr, r.stack.rules = nil, scale.Rules{} })
		r.post("/-/reload", nil).is(200, `"pools":[]`)
		r.Reloaded = nil
	})
}

func TestReloadWithATokenThatCannotBeUsed(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.Reloaded = func(ctx context.Context) error { return r.Tokens.Set("short", "") }
		r.post("/-/reload", nil).is(409, "pulumiscale:token", "pulumi config set")
		r.get("/pools").is(200)
	})
}

// A pool that somebody else's update has added since the last reading is found: a sender that hears of an unknown pool
// does not try again.
func TestAPoolThatIsNew(t *testing.T) {
	for name, ask := range map[string]func(r *rig) *reply{
		"direct":    func(r *rig) *reply { return r.post("/scale/new?count=5", nil) },
		"alerts":    func(r *rig) *reply { return r.post("/webhook/new/prometheus", alertsOf("firing", `{}`)) },
		"its label": func(r *rig) *reply { return r.post(pathShared, alertsOf("firing", `{"pool":"new"}`)) },
		"CloudWatch": func(r *rig) *reply {
			return r.post("/webhook/new/cloudwatch", payload(r.t, "eventbridge/metric"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			serving(t, func(t *testing.T, r *rig) {
				r.stack.rule("new", func(*scale.Rule) {})
				r.stack.scaled("new", 2, time.Hour)
				ask(r).is(202)
			})
		})
	}
}

func TestAnswersAreNotStoredOrSniffed(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		for _, path := range []string{"/pools", "/healthz", "/nothing"} {
			got := r.get(path)
			if got.Header().Get("Cache-Control") != "no-store" || got.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: %v", path, got.Header())
			}
		}
	})
}

// Requests that bring no token at all are not logged as warnings, because SNS begins each delivery with such a request.
func TestABareRequestIsNoWarning(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.send(httptest.NewRequest(http.MethodPost, pathCloudWatch, http.NoBody)).is(401, "a token is needed")
		if log := r.logged.String(); strings.Contains(log, `"WARN"`) || !strings.Contains(log, `"INFO"`) {
			t.Error(log)
		}
		r.call(http.MethodPost, pathCloudWatch, nil, "Authorization", "Bearer "+tokenB).is(401, "after a rotation")
		if log := r.logged.String(); !strings.Contains(log, `"WARN"`) {
			t.Error(log)
		}
	})
}

// Whatever is sent, nothing but the probes is answered without the token, and nothing makes the server fail.
func FuzzRouter(f *testing.F) {
	for _, e := range endpoints() {
		method, path, _ := strings.Cut(strings.NewReplacer("{pool}", "worker", "{id}", "x", "{$}", "", "{file}", "page.js").Replace(e.pattern), " ")
		f.Add(method, path, "count=5", "Authorization", "Bearer x", []byte(`{"count":5}`))
	}
	f.Add("OPTIONS", "*", "", "Prefer", "wait=1", []byte(nil))
	f.Add("GET", "//pools", "", "Idempotency-Key", "x", []byte("\xff"))
	f.Add("GET", "readyz", "", "", "", []byte(nil))
	f.Add("CONNECT", "", "", "Content-Type", "text/plain", []byte("{}"))
	f.Add("POST", pathScale, "count=5&dryRun=true", "Prefer", "wait=5", []byte(nil))
	f.Add("POST", pathScale, "count=5", "Sec-Fetch-Site", "cross-site", []byte(nil))
	r := newRig(f)
	r.stack.set(func() { r.stack.readTime, r.stack.updateTime = 0, 0 })
	r.stack.rule("worker", func(rule *scale.Rule) { rule.Cooldown = scale.Cooldown{} })
	if err := r.Queue.Reload(f.Context()); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, path, query, header, value string, body []byte) {
		if strings.Contains(value, tokenA) || strings.Contains(value, tokenC) {
			t.Skip()
		}
		ask := func(token string) *httptest.ResponseRecorder {
			request := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
			request.Method, request.URL, request.RequestURI, request.Pattern = method, &url.URL{Path: path, RawQuery: query}, path, ""
			request.Header[http.CanonicalHeaderKey(header)] = []string{value}
			if token != "" {
				request.Header["Authorization"] = []string{"Bearer " + token}
			}
			rec := httptest.NewRecorder()
			r.handler.ServeHTTP(rec, request)
			described(t, request, rec)
			return rec
		}
		probe := (method == http.MethodGet || method == http.MethodHead) && (path == "/healthz" || path == "/readyz")
		if got := ask(""); !probe && got.Code != http.StatusUnauthorized {
			t.Errorf("%q %q with %s: %q and no token is answered with %d", method, path, header, value, got.Code)
		}
		if got := ask(tokenA); got.Code == http.StatusInternalServerError || got.Code < http.StatusOK {
			t.Errorf("%q %q?%q with %s: %q is answered with %d: %s", method, path, query, header, value, got.Code, got.Body)
		}
	})
}
