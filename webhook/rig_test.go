package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/journal"
	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/scale/scaler"
	"github.com/pulumiscale/pulumiscale/webhook/sns"
	"github.com/pulumiscale/pulumiscale/webhook/sns/snstest"
)

// oneMetric is a metric "queue" of every pool that is at 7. It is seen only if a rule names it.
type oneMetric struct{}

func (oneMetric) PoolMetrics(string) scale.PoolMetrics {
	return scale.PoolMetrics{Samples: []scale.Sample{{Metric: "queue", Value: 7, At: time.Now()}}}
}

// rig is a server at work on a fake stack, with a journal on disk, on a clock of its own.
type rig struct {
	*Server
	t       testing.TB
	stack   *fake
	sns     *snstest.Fake
	journal *failing
	handler http.Handler
	logged  *safeBuffer
}

// failing is a journal that can be made to fail.
type failing struct {
	queue.Journal
	mu  sync.Mutex
	err error
	// samplesErr is what is wrong with reading the values of metrics.
	samplesErr error
}

func (f *failing) Samples(pool string, since time.Time) ([]scale.Sample, error) {
	f.mu.Lock()
	err := f.samplesErr
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return f.Journal.Samples(pool, since)
}

func (f *failing) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *failing) Add(ops []queue.Operation) ([]queue.Operation, error) {
	f.mu.Lock()
	err := f.err
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return f.Journal.Add(ops)
}

// Probe does not write. Else hours of the test's clock would be minutes of the disk's.
func (f *failing) Probe() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// safeBuffer is a buffer for several goroutines.
type safeBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// serving runs a test of a server that is ready, at the time at which the fake SNS publishes. After the test no token
// may be in the log.
func serving(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(snstest.Published()))
		r := newRig(t)
		time.Sleep(2 * readTime)
		test(t, r)
		if log := r.logged.String(); strings.Contains(log, tokenA) || strings.Contains(log, tokenB) {
			t.Errorf("the log tells a token:\n%s", log)
		}
	})
}

// newRig makes a server whose stack has not been read yet.
func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, stack: newFake(t), sns: snstest.New(t, snstest.Key(), nil), logged: &safeBuffer{}}
	opened, err := journal.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	r.journal = &failing{Journal: opened}
	metrics, tokens, activity := NewMetrics(), &Tokens{}, &queue.Activity{Now: time.Now}
	observe := func(e scale.Event) {
		metrics.Observe(e)
		activity.Observe(e)
	}
	if err := tokens.Set(tokenA, tokenC); err != nil {
		t.Fatal(err)
	}
	scaler := &scaler.Scaler{Stack: r.stack, HeadStart: r.stack, Holds: &kept{}, Metrics: oneMetric{}, Observe: observe, OnDrift: scale.Restore, Retries: 1, RetryDelay: time.Second, Now: time.Now}
	queue, err := queue.New(queue.Options{Scaler: scaler, Journal: r.journal, Observe: observe})
	if err != nil {
		t.Fatal(err)
	}
	metrics.AddProcess()
	metrics.Watch(queue)
	metrics.WatchListeners(oneListener)
	metrics.WatchBranch(oneBranch)
	metrics.WatchCluster(oneCluster)
	r.Server = &Server{
		Queue: queue, Activity: activity, StackName: r.stack.Name(), ProjectName: "shop", Tokens: tokens, Verifier: sns.NewVerifier(r.sns.Get, snstest.Topic), Metrics: metrics, Now: time.Now, Listeners: oneListener, Branch: oneBranch, Cluster: oneCluster,
		Log: slog.New(slog.NewJSONHandler(r.logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	r.handler = r.Handler()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		queue.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	return r
}

// reply is an answer of the server.
type reply struct {
	*httptest.ResponseRecorder
	t testing.TB
	// body is the answer's JSON. It is nil if the answer is not JSON.
	body map[string]any
}

// send sends a request as it is, and checks that the answer is one that the API's description has.
func (r *rig) send(request *http.Request) *reply {
	r.t.Helper()
	rec := httptest.NewRecorder()
	r.handler.ServeHTTP(rec, request)
	out := &reply{ResponseRecorder: rec, t: r.t}
	if strings.Contains(rec.Header().Get("Content-Type"), "json") {
		if err := json.Unmarshal(rec.Body.Bytes(), &out.body); err != nil {
			r.t.Errorf("%s %s: %v in %q", request.Method, request.URL, err, rec.Body)
		}
	}
	described(r.t, request, rec)
	return out
}

// call sends a request with the token, in the media type of the body, and with headers in pairs.
func (r *rig) call(method, target string, body any, headers ...string) *reply {
	r.t.Helper()
	var reader io.Reader = http.NoBody
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	case []byte:
		reader = bytes.NewReader(b)
	}
	request := httptest.NewRequest(method, target, reader)
	request.Header.Set("Authorization", "Bearer "+tokenA)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return r.send(request)
}

func (r *rig) post(target string, body any, headers ...string) *reply {
	r.t.Helper()
	return r.call(http.MethodPost, target, body, headers...)
}

func (r *rig) get(target string) *reply {
	r.t.Helper()
	return r.call(http.MethodGet, target, nil)
}

// is checks the status, and texts that must stand in the answer.
func (a *reply) is(status int, texts ...string) *reply {
	a.t.Helper()
	if a.Code != status {
		a.t.Errorf("status %d, want %d: %s", a.Code, status, a.Body)
	}
	for _, text := range texts {
		if !strings.Contains(a.Body.String(), text) {
			a.t.Errorf("%q is not in the answer: %s", text, a.Body)
		}
	}
	return a
}

// at follows a path of keys and indexes into the answer. It is nil if the path leads nowhere.
func (a *reply) at(path ...any) any {
	var value any = a.body
	for _, step := range path {
		switch key := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			value = object[key]
		case int:
			list, _ := value.([]any)
			if key >= len(list) {
				return nil
			}
			value = list[key]
		}
	}
	return value
}

// operation is the id of the operation that the answer names.
func (a *reply) operation(path ...any) string {
	a.t.Helper()
	id, _ := a.at(append(path, "operation")...).(string)
	if id == "" {
		a.t.Fatalf("no operation in %s", a.Body)
	}
	return id
}

// done waits for an operation, and wants it to end as said.
func (r *rig) done(id, want string) {
	r.t.Helper()
	for range 600 {
		got := r.get("/operations/" + id).is(http.StatusOK)
		if got.at("state") == "done" {
			if got.at("result") != want {
				r.t.Errorf("the operation ended as %v, want %s: %s", got.at("result"), want, got.Body)
			}
			return
		}
		time.Sleep(time.Second)
	}
	r.t.Errorf("operation %s is never done", id)
}

// alertsOf is an Alertmanager notification with one alert per set of labels, given as JSON.
func alertsOf(status string, labels ...string) string {
	alerts := make([]string, len(labels))
	for i, l := range labels {
		alerts[i] = `{"status":"` + status + `","startsAt":"2026-03-04T11:58:00Z","labels":` + l + `}`
	}
	return `{"version":"4","groupKey":"g","alerts":[` + strings.Join(alerts, ",") + `]}`
}

// payload is a real payload of a dialect, such as "cloudwatch/metric-high".
func payload(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile("dialect/testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// oneListener is somebody who cannot be told at the moment.
func oneBranch() scale.BranchStatus {
	at, found := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), "30 <b>"
	return scale.BranchStatus{
		Branch: "main", Unpushed: map[string]time.Time{"worker": at}, Edits: []scale.BranchEdit{{Pool: "api", Key: "apiCount", Found: &found, Count: "4"}},
		Commit: "0123456789abcdef0123456789abcdef01234567", PushedAt: at, Problem: "push to branch main: refused: <b>", ProblemAt: at,
	}
}

func oneCluster() board.Cluster {
	return board.Cluster{Replica: "a", Worker: "b <b>", Replicas: []string{"a", "b <b>"}}
}

func oneListener() []board.Listener {
	at := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // when a test's own time begins
	return []board.Listener{{
		Name: "chat", Kind: "slack", Host: "hooks.example.com", Told: 3, Lost: 1, Waiting: 2, ToldAt: &at, Problem: "it answers 503 <b>", ProblemAt: &at,
	}}
}
