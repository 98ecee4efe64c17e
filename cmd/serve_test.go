package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack"
)

const (
	token    = "0123456789abcdef-serve"
	newToken = "fedcba9876543210-serve"
)

// parseServe runs a command line up to the point where the server would start.
func parseServe(args ...string) (serveOptions, error) {
	var got serveOptions
	a := &app{}
	root := &cobra.Command{Use: "pulumiscale", SilenceErrors: true, SilenceUsage: true}
	root.SetFlagErrorFunc(flagError)
	a.settings.flags(root)
	root.AddCommand(serveCommand(a, func(o *serveOptions) error { got = *o; return nil }))
	root.SetArgs(append([]string{"serve"}, args...))
	err := root.Execute()
	got.app = nil
	return got, err
}

func TestServeFlags(t *testing.T) {
	preset := serveOptions{listen: "127.0.0.1:8080", poll: 30 * time.Second, giveUpAfter: time.Hour, logFormat: "auto", level: "info"}
	for line, edit := range map[string]func(*serveOptions){
		"":                                   func(*serveOptions) {},
		"--listen 0.0.0.0:9000":              func(o *serveOptions) { o.listen = "0.0.0.0:9000" },
		"--listen :0":                        func(o *serveOptions) { o.listen = ":0" },
		"--listen [::1]:80":                  func(o *serveOptions) { o.listen = "[::1]:80" },
		"--tls-cert a --tls-key b":           func(o *serveOptions) { o.tlsCert, o.tlsKey = "a", "b" },
		"--sns-topic a --sns-topic b":        func(o *serveOptions) { o.snsTopics = []string{"a", "b"} },
		"--poll 1m --give-up-after 10m":      func(o *serveOptions) { o.poll, o.giveUpAfter = time.Minute, 10*time.Minute },
		"--log-format json --log-level warn": func(o *serveOptions) { o.logFormat, o.level = "json", "warn" },
	} {
		t.Run(line, func(t *testing.T) {
			want := preset
			edit(&want)
			got, err := parseServe(strings.Fields(line)...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(serveOptions{}), cmp.FilterPath(isApp, cmp.Ignore())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWrongUsageOfServe(t *testing.T) {
	for line, want := range map[string]string{
		"--tls-cert a":        "--tls-cert, --tls-key: both must be given, or neither",
		"--tls-key b":         "--tls-cert, --tls-key: both must be given, or neither",
		"--listen 8080":       "--listen: must be an address such as 127.0.0.1:8080",
		"--poll 10ms":         "--poll: must be 1s or more",
		"--poll soon":         "--poll: must be a duration of 0 or more",
		"--give-up-after -1s": "--give-up-after: must be a duration of 0 or more",
		"--log-format xml":    "--log-format",
		"--log-level loud":    "--log-level",
		"worker-pool":         "worker-pool",
		"--lisen 127.0.0.1:0": "lisen",
	} {
		t.Run(line, func(t *testing.T) {
			f := newFake()
			term := newTerminal(f, "")
			term.run(t, "serve "+line, exitUsage)
			if !strings.Contains(term.stderr.String(), want) {
				t.Errorf("want %q in:\n%s", want, term.stderr.String())
			}
		})
	}
}

// served is a stack that may change while a server works on it.
type served struct {
	mu sync.Mutex
	*fake
	rulesErr *scale.RulesError
	config   string
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
	return s.fake.Secrets(ctx, keys...)
}

func (s *served) Update(ctx context.Context, change scale.Change, observe scale.Observe) (*scale.Result, error) {
	if s.updating != nil {
		s.updating <- struct{}{}
		<-s.finish
		ctx = context.WithoutCancel(ctx) // it has begun
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
	r := &running{t: t, stack: s, log: &lines{}, code: make(chan int, 1)}
	notified := make(chan struct{})
	a := &app{
		streams: streams{in: strings.NewReader(""), out: io.Discard, errs: r.log}, version: "v1.2.3", now: time.Now,
		open: func(context.Context, stack.Options) (openedStack, error) { return s, nil },
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
			r.ends(exitDone)
		}
	})
	return r
}

// ends wants the server to end with an exit code.
func (r *running) ends(code int) {
	r.t.Helper()
	select {
	case got := <-r.code:
		if got != code {
			r.t.Errorf("exit code %d, want %d:\n%s", got, code, r.log)
		}
	case <-time.After(20 * time.Second):
		r.t.Errorf("the server does not end:\n%s", r.log)
	}
	r.code = nil
	if text := r.log.String(); strings.Contains(text, token) || strings.Contains(text, newToken) {
		r.t.Errorf("the log tells a token:\n%s", text)
	}
}

// ask sends a request with a token, and returns the status and the body; the status is 0 where there is no answer.
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

// Without a token that can be used the server does not start, and says how to set one.
func TestServeNeedsAToken(t *testing.T) {
	for name, c := range map[string]struct {
		secrets map[string]string
		text    string
		command string
	}{
		"none":           {nil, "pulumiscale:token: is missing", "pulumi config set --secret pulumiscale:token --stack dev"},
		"a short one":    {map[string]string{"pulumiscale:token": "short-secret"}, "has 12 characters; it must have at least 16", "pulumi config set --secret pulumiscale:token --stack dev"},
		"a short former": {map[string]string{"pulumiscale:token": token, "pulumiscale:previousToken": "short-secret"}, "pulumiscale:previousToken: has 12", "pulumi config set --secret pulumiscale:previousToken --stack dev"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServed(t)
			s.secrets = c.secrets
			text := fails(t, s, exitUsage)
			for _, want := range []string{c.text, "openssl rand -hex 32", c.command} {
				if !strings.Contains(text, want) {
					t.Errorf("want %q in:\n%s", want, text)
				}
			}
			if strings.Contains(text, "short-secret") || strings.Contains(text, token) {
				t.Errorf("a token is told:\n%s", text)
			}
		})
	}
}

func TestServeDoesNotStart(t *testing.T) {
	problem := &scale.RulesError{Problems: []scale.Problem{{Pool: "worker-pool", Field: "min", Found: `"x"`, Expected: "must be a whole number"}}}
	t.Run("with malformed rules", func(t *testing.T) {
		s := newServed(t)
		s.readErr = problem
		if text := fails(t, s, exitUsage); !strings.Contains(text, `worker-pool: min is "x"`) {
			t.Error(text)
		}
	})
	t.Run("with malformed rules and those of a former update", func(t *testing.T) {
		s := newServed(t)
		s.rulesErr = problem
		if text := fails(t, s, exitUsage); !strings.Contains(text, `worker-pool: min is "x"`) {
			t.Error(text)
		}
	})
	t.Run("with a backend out of reach", func(t *testing.T) {
		s := newServed(t)
		s.readErr = &scale.UnavailableError{Detail: "no route to host"}
		if text := fails(t, s, exitFailed); !strings.Contains(text, "no route to host") {
			t.Error(text)
		}
	})
	t.Run("on a port that is in use", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = listener.Close() }()
		text := fails(t, newServed(t), exitFailed, "--listen", listener.Addr().String())
		for _, want := range []string{"listen on " + listener.Addr().String(), "in use", "--listen"} {
			if !strings.Contains(text, want) {
				t.Errorf("want %q in:\n%s", want, text)
			}
		}
	})
	t.Run("without the certificate's files", func(t *testing.T) {
		none := filepath.Join(t.TempDir(), "none.pem")
		if text := fails(t, newServed(t), exitFailed, "--tls-cert", none, "--tls-key", none); !strings.Contains(text, "read the TLS certificate") || !strings.Contains(text, none) {
			t.Error(text)
		}
	})
	t.Run("beside another server", func(t *testing.T) {
		if testing.Short() {
			t.Skip("it waits for the other one for seconds")
		}
		first := launch(t, newServed(t))
		second := newServed(t)
		second.stateDir = first.stack.stateDir
		if text := fails(t, second, exitFailed); !strings.Contains(text, "another `pulumiscale serve`") {
			t.Error(text)
		}
	})
}

func TestServeScales(t *testing.T) {
	s := newServed(t)
	r := launch(t, s)
	r.wants(401, http.MethodGet, "/pools", "wrong")
	r.wants(200, http.MethodGet, "/readyz", "")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.address+"/scale/worker-pool?count=5", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Prefer", "wait=20")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if body, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), `"result":"scaled"`) {
		t.Errorf("%s %s %v", response.Status, body, err)
	}
	record := r.log.wait(t, "scaled")
	if record["pool"] != "worker-pool" || record["from"] != 3.0 || record["to"] != 5.0 || record["stack"] != "dev" {
		t.Errorf("logged %v", record)
	}
	if len(s.changes) != 1 {
		t.Errorf("%d updates", len(s.changes))
	}
}

// The first signal stops accepting and lets the running update finish; what is not begun stays in the journal and is taken up again.
func TestServeFinishesTheRunningUpdate(t *testing.T) {
	s := newServed(t)
	s.updating, s.finish = make(chan struct{}), make(chan struct{})
	r := launch(t, s)
	r.wants(202, http.MethodPost, "/scale/worker-pool?count=5", token)
	<-s.updating
	r.wants(202, http.MethodPost, "/scale/worker-pool?delta=1", token)
	r.signals <- syscall.SIGTERM
	r.log.wait(t, "shutting down: no more requests are accepted")
	for status := 1; status != 0; time.Sleep(time.Millisecond) {
		status, _ = r.ask(http.MethodGet, "/healthz", "")
	}
	select {
	case <-r.code:
		t.Fatal("the server has ended before the update")
	default:
	}
	s.finish <- struct{}{}
	r.ends(exitDone)
	if s.count != 5 || len(s.changes) != 1 {
		t.Errorf("the pool has %d after %d updates", s.count, len(s.changes))
	}
	if waiting := r.log.wait(t, "stopped")["waiting"]; waiting != 1.0 {
		t.Errorf("%v operations wait", waiting)
	}

	s.updating = nil
	again := launch(t, s)
	again.log.wait(t, "scaled")
	again.signals <- syscall.SIGTERM
	again.ends(exitDone)
	if s.count != 6 {
		t.Errorf("the pool has %d:\n%s", s.count, again.log)
	}
}

// The second signal has the engine interrupted, and a third one does nothing worse.
func TestTheSecondSignalInterruptsTheUpdate(t *testing.T) {
	log := &lines{}
	stopped := false
	o := &serveOptions{app: &app{streams: streams{errs: log}}, logFormat: logJSON, level: "info"}
	s := newServeSignals(func() { stopped = true }, o.logger())
	var signals chan<- os.Signal
	end := s.watch(func(c chan<- os.Signal) func() { signals = c; return func() {} })
	signals <- os.Interrupt
	log.wait(t, "a running update will be finished; a second signal interrupts it")
	select {
	case <-s.engine:
		t.Error("the first signal interrupts the engine")
	default:
	}
	signals <- syscall.SIGTERM
	<-s.engine
	signals <- syscall.SIGTERM
	log.wait(t, "already interrupting; killing the engine would leave the stack locked")
	end()
	if !stopped {
		t.Error("not stopped")
	}
}

// Tokens and rules are read again when asked to; what cannot be used leaves those in force.
func TestServeReloads(t *testing.T) {
	s := newServed(t)
	r := launch(t, s)
	s.set(func() {
		s.secrets = map[string]string{"pulumiscale:token": newToken, "pulumiscale:previousToken": token}
	})
	r.wants(401, http.MethodGet, "/pools", newToken)
	if body := r.wants(200, http.MethodPost, "/-/reload", token); !strings.Contains(body, "worker-pool") {
		t.Error(body)
	}
	r.wants(200, http.MethodGet, "/pools", newToken)
	r.wants(200, http.MethodGet, "/pools", token)
	s.set(func() { s.secrets = map[string]string{"pulumiscale:token": newToken} })
	r.wants(200, http.MethodPost, "/-/reload", newToken)
	r.wants(401, http.MethodGet, "/pools", token)
	s.set(func() { s.secrets = map[string]string{"pulumiscale:token": "short"} })
	r.wants(409, http.MethodPost, "/-/reload", newToken)
	r.wants(200, http.MethodGet, "/pools", newToken)
	s.set(func() {
		s.secrets = map[string]string{"pulumiscale:token": newToken}
		s.rulesErr = &scale.RulesError{Problems: []scale.Problem{{Pool: "worker-pool", Field: "min", Expected: "must be a whole number"}}}
	})
	r.wants(409, http.MethodPost, "/-/reload", newToken)
	r.wants(202, http.MethodPost, "/scale/worker-pool?count=5", newToken)
}

// A token that is changed in the stack's config file is picked up without being asked to.
func TestServeReadsTheTokensOfAChangedConfigFile(t *testing.T) {
	s := newServed(t)
	r := launch(t, s, "--poll", "1s")
	s.set(func() { s.secrets = map[string]string{"pulumiscale:token": newToken} })
	if err := os.WriteFile(s.config, []byte("config: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	status := 0
	for began := time.Now(); status != 200 && time.Since(began) < 20*time.Second; time.Sleep(50 * time.Millisecond) {
		status, _ = r.ask(http.MethodGet, "/pools", newToken)
	}
	r.wants(200, http.MethodGet, "/pools", newToken)
	r.wants(401, http.MethodGet, "/pools", token)
}

func TestServeLogsTextOnATerminal(t *testing.T) {
	for name, c := range map[string]struct {
		tty    bool
		format string
		json   bool
	}{
		"a terminal": {true, logAuto, false}, "no terminal": {false, logAuto, true}, "text is asked for": {false, logText, false}, "JSON is asked for": {true, logJSON, true},
	} {
		var out bytes.Buffer
		o := &serveOptions{app: &app{streams: streams{errs: &out, errTTY: c.tty}}, logFormat: c.format, level: "warn"}
		log := o.logger()
		log.Info("quiet")
		log.Warn("loud", "reason", errors.New("a\nb"))
		if got := json.Valid(out.Bytes()); got != c.json || strings.Count(out.String(), "\n") != 1 || strings.Contains(out.String(), "quiet") {
			t.Errorf("%s: %q", name, out.String())
		}
	}
}
