package cmd

import (
	"bytes"
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

	"github.com/pulumiscale/pulumiscale/cmd/signals"
	"github.com/pulumiscale/pulumiscale/scale"
)

// Without a token that can be used, the server does not start. It says how to set one.
func TestServeNeedsAToken(t *testing.T) {
	for name, c := range map[string]struct {
		secrets map[string]string
		text    string
		command string
	}{
		"none":           {nil, "pulumiscale:token: is missing", "pulumi config set --secret pulumiscale:token --stack dev"},
		"a short one":    {map[string]string{"pulumiscale:token": "short-secret"}, "has 12 characters; it must have at least 16", "pulumi config set --secret pulumiscale:token --stack dev"},
		"a long one":     {map[string]string{"pulumiscale:token": strings.Repeat("t", 5000)}, "has 5000 bytes; it must have at most 4096", "pulumi config set --secret pulumiscale:token --stack dev"},
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
		if text := fails(t, newServed(t), exitFailed, "--tls-cert", none, "--tls-key", none); !strings.Contains(text, "read the TLS certificate") || !strings.Contains(text, none) || !strings.Contains(text, "paths of files that exist") {
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

// The first signal stops accepting and lets the running update finish. What has not begun stays in the journal and is
// taken up again.
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
	r.ends()
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
	again.ends()
	if s.count != 6 {
		t.Errorf("the pool has %d:\n%s", s.count, again.log)
	}
}

// The second signal has the engine interrupted, and a third one does nothing worse.
func TestTheSecondSignalInterruptsTheUpdate(t *testing.T) {
	log := &lines{}
	stopped := false
	o := &serveOptions{app: &app{streams: streams{errs: log}}, logFormat: logJSON, level: "info"}
	s := signals.NewServing(func() { stopped = true }, o.logger(), func() bool { return false })
	var c chan<- os.Signal
	end := s.Watch(func(to chan<- os.Signal) func() { c = to; return func() {} })
	c <- os.Interrupt
	log.wait(t, "a running update will be finished; a second signal interrupts it")
	select {
	case <-s.Engine:
		t.Error("the first signal interrupts the engine")
	default:
	}
	c <- syscall.SIGTERM
	<-s.Engine
	c <- syscall.SIGTERM
	log.wait(t, "already interrupting; killing the engine would leave the stack locked")
	end()
	if !stopped {
		t.Error("not stopped")
	}
}

// Tokens and rules are read again when that is asked for. If they cannot be used, those before stay in force.
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

// A token that is changed in the stack's config file is picked up without a request for it.
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

// A server that is told to end while it reads the tokens again has nothing to complain of.
func TestServeEndsWhileTokensAreRead(t *testing.T) {
	s := newServed(t)
	r := launch(t, s, "--poll", "1s")
	begun, goOn := make(chan struct{}), make(chan struct{})
	s.set(func() {
		s.reading = sync.OnceFunc(func() {
			close(begun)
			<-goOn
		})
	})
	if err := os.WriteFile(s.config, []byte("config: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	<-begun
	r.signals <- syscall.SIGTERM
	r.log.wait(t, "shutting down: no more requests are accepted")
	time.AfterFunc(200*time.Millisecond, func() { close(goOn) }) // by then the server has nothing else to wait for
	r.ends()
	if strings.Contains(r.log.String(), `"level":"ERROR"`) {
		t.Error(r.log.String())
	}
}

// A token that is taken out of the stack's configuration is of no use any more. That is said once, and a new token is
// taken up.
func TestServeRevokesATokenThatIsTakenAway(t *testing.T) {
	s := newServed(t)
	if err := os.WriteFile(s.config, []byte("config: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := launch(t, s, "--poll", "1s")
	s.set(func() { s.secrets = nil })
	if body := r.wants(409, http.MethodPost, "/-/reload", token); !strings.Contains(body, "pulumiscale:token: is missing") {
		t.Error(body)
	}
	r.wants(401, http.MethodGet, "/pools", token)
	if body := r.wants(503, http.MethodGet, "/readyz", ""); !strings.Contains(body, "holds no token") {
		t.Error(body)
	}
	if record := r.log.wait(t, "every request is refused: the token was taken out of the stack's configuration"); record["level"] != "ERROR" {
		t.Error(record)
	}
	s.set(func() { s.secrets = map[string]string{"pulumiscale:token": newToken} })
	later := time.Now().Add(time.Second)
	if err := os.Chtimes(s.config, later, later); err != nil {
		t.Fatal(err)
	}
	r.log.wait(t, "the stack's configuration holds a token again")
	r.wants(200, http.MethodGet, "/pools", newToken)
	r.wants(401, http.MethodGet, "/pools", token)
	if said := strings.Count(r.log.String(), "every request is refused"); said != 1 {
		t.Errorf("said %d times", said)
	}
}

// A file that is not there, or in which nothing stands, says nothing of the token: an editor, or a checkout, is about
// to write it anew.
func TestServeKeepsATokenWhoseFileIsMissingOrEmpty(t *testing.T) {
	for name, change := range map[string]func(config string) error{
		"missing": os.Remove,
		"empty":   func(config string) error { return os.Truncate(config, 0) },
		"blank":   func(config string) error { return os.WriteFile(config, []byte("\n \n"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServed(t)
			if err := os.WriteFile(s.config, []byte("config: {}\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			r := launch(t, s, "--poll", "1s")
			if err := change(s.config); err != nil {
				t.Fatal(err)
			}
			s.set(func() { s.secrets = nil })
			if body := r.wants(409, http.MethodPost, "/-/reload", token); !strings.Contains(body, "is missing or empty") {
				t.Error(body)
			}
			r.log.wait(t, "the tokens cannot be reloaded; those from before stay in force")
			r.wants(200, http.MethodGet, "/pools", token)
		})
	}
}

// A config file that is taken away, or that is being written, while it is read says nothing of the token either.
func TestServeKeepsATokenWhoseFileChangesUnderTheReading(t *testing.T) {
	for name, change := range map[string]func(config string) error{
		"it is removed": os.Remove,
		"it is written anew": func(config string) error {
			later := time.Now().Add(time.Second)
			return os.Chtimes(config, later, later)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServed(t)
			if err := os.WriteFile(s.config, []byte("config: {}\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			r := launch(t, s)
			s.set(func() {
				s.secrets = nil
				s.reading = func() {
					if err := change(s.config); err != nil {
						t.Error(err)
					}
				}
			})
			if body := r.wants(409, http.MethodPost, "/-/reload", token); !strings.Contains(body, "was changed while") {
				t.Error(body)
			}
			r.wants(200, http.MethodGet, "/pools", token)
		})
	}
}

// A client that waits for an operation when the server is told to end is answered in full, and told where to ask later.
// What it asked for is on disk.
func TestServeAnswersThoseWhoWaitAtTheEnd(t *testing.T) {
	s := newServed(t)
	s.updating, s.finish = make(chan struct{}), make(chan struct{})
	r := launch(t, s)
	answered := make(chan *http.Response, 1)
	go func() {
		defer close(answered)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.address+"/scale/worker-pool?delta=1", http.NoBody)
		if err != nil {
			t.Error(err)
			return
		}
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Prefer", "wait=600")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Error(err)
			return
		}
		_ = response.Body.Close()
		answered <- response
	}()
	<-s.updating
	r.signals <- syscall.SIGTERM
	if response := <-answered; response != nil {
		if response.StatusCode != http.StatusAccepted || response.Header.Get("Location") == "" {
			t.Errorf("%d %v", response.StatusCode, response.Header)
		}
	}
	close(s.finish)
	r.ends()
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
