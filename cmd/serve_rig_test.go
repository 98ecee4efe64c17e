package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack"
)

const (
	token    = "0123456789abcdef-serve"
	newToken = "fedcba9876543210-serve"
)

// served is a stack that may change while a server works on it.
type served struct {
	mu sync.Mutex
	*fake
	rulesErr *scale.RulesError
	config   string
	// reading is done while secrets are read.
	reading func()
	// updating is told of each update that begins, which then waits for finish.
	updating chan struct{}
	finish   chan struct{}
}

func newServed(t *testing.T) *served {
	t.Helper()
	s := &served{fake: newFake()}
	s.stateDir, s.config = t.TempDir(), filepath.Join(t.TempDir(), "Pulumi.dev.yaml")
	s.secrets = map[string]string{"pulumiscale:token": token}
	return s
}

func (s *served) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *served) ConfigFile() string { return s.config }

func (s *served) Read(ctx context.Context) (*scale.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap, err := s.fake.Read(ctx)
	if snap != nil && s.rulesErr != nil {
		snap.RulesErr = s.rulesErr
	}
	return snap, err
}

func (s *served) Secrets(ctx context.Context, keys ...string) (map[string]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reading != nil {
		s.reading()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.fake.Secrets(ctx, keys...)
}

func (s *served) Update(ctx context.Context, change scale.Change, observe scale.Observe) (*scale.Result, error) {
	if s.updating != nil {
		s.updating <- struct{}{}
		<-s.finish
		ctx = context.WithoutCancel(ctx) // the update has begun, so nothing stops it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fake.Update(ctx, change, observe)
}

// running is a server that runs in the test's process.
type running struct {
	t       *testing.T
	stack   *served
	address string
	log     *lines
	signals chan<- os.Signal
	code    chan int
	// gone says that the terminal is gone.
	gone atomic.Bool
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

// wait waits until a message is logged, and returns its record.
func (l *lines) wait(t *testing.T, message string) map[string]any {
	t.Helper()
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(5 * time.Millisecond) {
		for line := range strings.Lines(l.String()) {
			record := map[string]any{}
			if json.Unmarshal([]byte(line), &record) == nil && record["msg"] == message {
				return record
			}
		}
	}
	t.Fatalf("%q is not logged:\n%s", message, l)
	return nil
}

// launch starts a server with a stack and more arguments.
func launch(t *testing.T, s *served, args ...string) *running {
	t.Helper()
	r := launchWith(t, func(stack.Options) (openedStack, error) { return s, nil }, args...)
	r.stack = s
	return r
}

// launchWith starts a server of stacks that are opened so.
func launchWith(t *testing.T, open func(stack.Options) (openedStack, error), args ...string) *running {
	t.Helper()
	r := &running{t: t, log: &lines{}, code: make(chan int, 1)}
	notified := make(chan struct{})
	a := &app{
		streams: streams{in: strings.NewReader(""), out: io.Discard, errs: r.log, terminalGone: r.gone.Load}, version: "v1.2.3", now: time.Now,
		open: func(_ context.Context, o stack.Options) (openedStack, error) { return open(o) },
		notify: func(c chan<- os.Signal) func() {
			r.signals = c
			close(notified)
			return func() {}
		},
	}
	go func() {
		r.code <- a.execute(append([]string{"serve", "--listen", "127.0.0.1:0", "--retry-delay", "1ms"}, args...))
	}()
	<-notified
	r.address, _ = r.log.wait(t, "listening")["address"].(string)
	t.Cleanup(func() {
		if r.code != nil {
			r.signals <- syscall.SIGTERM
			r.ends()
		}
	})
	return r
}

// ends wants the server to end well.
func (r *running) ends() {
	r.t.Helper()
	select {
	case got := <-r.code:
		if got != exitDone {
			r.t.Errorf("exit code %d, want %d:\n%s", got, exitDone, r.log)
		}
	case <-time.After(20 * time.Second):
		r.t.Errorf("the server does not end:\n%s", r.log)
	}
	r.code = nil
	if text := r.log.String(); strings.Contains(text, token) || strings.Contains(text, newToken) {
		r.t.Errorf("the log tells a token:\n%s", text)
	}
}

// ask sends a request with a token, and returns the status and the body. The status is 0 if there is no answer.
func (r *running) ask(method, path, token string) (int, string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, "http://"+r.address+path, http.NoBody)
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Error(err)
	}
	return response.StatusCode, string(body)
}

func (r *running) wants(status int, method, path, token string) string {
	r.t.Helper()
	got, body := r.ask(method, path, token)
	if got != status {
		r.t.Errorf("%s %s: status %d, want %d: %s", method, path, got, status, body)
	}
	return body
}

// fails runs a server that must not start, and returns what it says.
func fails(t *testing.T, s *served, code int, args ...string) string {
	t.Helper()
	term := newTerminal(s, "")
	term.run(t, strings.Join(append([]string{"serve", "--listen", "127.0.0.1:0"}, args...), " "), code)
	return term.stderr.String()
}
