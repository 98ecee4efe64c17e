package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/notice"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func num(n int) *int { return &n }

// memory is an outbox that outlives a teller.
type memory struct {
	mu      sync.Mutex
	records map[string][]byte
	err     error
	// writes counts them.
	writes int
}

func (m *memory) PutOutbox(records map[string][]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes++
	if m.err != nil {
		return m.err
	}
	if m.records == nil {
		m.records = map[string][]byte{}
	}
	for key, record := range records {
		if record == nil {
			delete(m.records, key)
		} else {
			m.records[key] = bytes.Clone(record)
		}
	}
	return nil
}

func (m *memory) Outbox(prefix string, each func(string, []byte)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for key := range m.records {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		each(key, m.records[key])
	}
	return m.err
}

// letters counts what waits on disk.
func (m *memory) letters() (n int) {
	_ = m.Outbox(prefixLetter, func(string, []byte) { n++ })
	return n
}

// pools are what a teller asks about.
type pools struct {
	mu    sync.Mutex
	rules scale.Rules
	done  []queue.Operation
}

func (p *pools) Rules() scale.Rules { return p.rules }

func (p *pools) Recent(string, int) ([]queue.Operation, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := slices.Clone(p.done)
	slices.Reverse(out)
	return out, nil
}

// lines is a log that is written while it is read.
type lines struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}

// sent is a request that a listener got.
type sent struct {
	host   string
	at     time.Time
	header http.Header
	body   string
}

// pool is the one that a message to a webhook is about, and kind is what it tells.
func (s sent) event(t *testing.T) (pool, kind string) {
	t.Helper()
	var e struct {
		Type    string
		Subject string
	}
	if err := json.Unmarshal([]byte(s.body), &e); err != nil {
		t.Fatal(err)
	}
	return e.Subject, strings.TrimPrefix(e.Type, cloudEventType)
}

// wire is a network in a test's own time: it answers for every listener.
type wire struct {
	now    func() time.Time
	answer func(r sent) (status int, header http.Header, err error)

	mu  sync.Mutex
	got []sent
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	one := sent{host: r.URL.Host, at: w.now(), header: r.Header, body: string(body)}
	status, header, err := 200, http.Header(nil), error(nil)
	if w.answer != nil {
		status, header, err = w.answer(one)
	}
	if err == nil && status == 0 { // it hangs
		<-r.Context().Done()
		err = r.Context().Err()
	}
	if err != nil {
		return nil, err
	}
	if status < 300 {
		w.mu.Lock()
		w.got = append(w.got, one)
		w.mu.Unlock()
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(secret + " is what you sent")), Request: r}, nil
}

func (w *wire) taken() []sent {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.got)
}

// rig is a teller that runs.
type rig struct {
	*Teller
	t      *testing.T
	outbox *memory
	pools  *pools
	wire   *wire
	log    *lines
	end    context.CancelFunc
	ended  chan struct{}
	values map[string]string
}

// hook is a listener of the kind webhook.
func hook(name string, change func(*Setting)) Setting {
	s := Setting{Name: name, Kind: "webhook", URLKey: "x:" + name, SecretKey: "x:secret"}
	if change != nil {
		change(&s)
	}
	return s
}

// newRig makes a teller with what a process before has left.
func newRig(t *testing.T, outbox *memory, p *pools, w *wire, listeners ...Setting) *rig {
	t.Helper()
	r := &rig{t: t, outbox: outbox, pools: p, wire: w, log: &lines{}, ended: make(chan struct{}), values: map[string]string{"x:secret": secret}}
	for _, l := range listeners {
		r.values[l.URLKey] = "https://" + l.Name + ".example.com/very/secret/path"
	}
	r.Teller = New(Options{
		Listeners: listeners, Origin: notice.Origin{Project: "shop", Stack: "dev"}, Outbox: outbox, Now: time.Now,
		Secrets: func(context.Context, ...string) (map[string]string, error) { return r.values, nil },
		Log:     slog.New(slog.NewJSONHandler(r.log, nil)),
	})
	if w != nil {
		w.now = time.Now
		for _, l := range r.listeners {
			l.client.Transport = w
		}
	}
	return r
}

func (r *rig) start() *rig {
	ctx, cancel := context.WithCancel(r.t.Context())
	r.end = cancel
	go func() {
		defer close(r.ended)
		r.Run(ctx, r.pools)
	}()
	return r
}

func (r *rig) stop() {
	r.end()
	<-r.ended
	for _, never := range []string{"very/secret", secret} {
		if strings.Contains(r.log.String(), never) || strings.Contains(fmt.Sprintf("%+v", r.Status()), never) {
			r.t.Errorf("a secret is told:\n%s\n%+v", r.log, r.Status())
		}
	}
}

func (r *rig) status(name string) board.Listener {
	for _, s := range r.Status() {
		if s.Name == name {
			return s
		}
	}
	r.t.Fatalf("no listener %s", name)
	return board.Listener{}
}

// done is an operation that ended now.
func (r *rig) done(pool string, number int, result queue.Final) queue.BatchDone {
	update := fmt.Sprintf("update-%s-%d", pool, number)
	op := queue.Operation{
		ID: fmt.Sprintf("op-%s-%03d", pool, number), State: queue.Done, Result: result, Update: update, From: num(number), To: num(number + 1), EndedAt: time.Now(),
		Intent:   scale.Intent{Pool: pool, Source: "http", Count: num(number + 1)},
		Decision: scale.Decision{Outcome: scale.Scale, From: num(number), Wanted: number + 1, To: number + 1},
	}
	if result == queue.FinalFailed {
		op.Error = "quota exceeded"
	}
	r.pools.mu.Lock()
	r.pools.done = append(r.pools.done, op)
	r.pools.mu.Unlock()
	return queue.BatchDone{Operations: []queue.Operation{op}}
}

var errDown = errors.New("connection refused")
