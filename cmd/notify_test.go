package cmd

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// hooks is a listener that keeps what it gets.
type hooks struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	status int
}

func newHooks(t *testing.T) *hooks {
	t.Helper()
	h := &hooks{status: http.StatusOK}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.bodies = append(h.bodies, string(body))
		w.WriteHeader(h.status)
	}))
	t.Cleanup(h.Close)
	return h
}

// kinds are the kinds of the events that came.
func (h *hooks) kinds() (out []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, body := range h.bodies {
		var event struct{ Data struct{ Kind string } }
		_ = json.Unmarshal([]byte(body), &event)
		out = append(out, event.Data.Kind)
	}
	return out
}

// settingsFor is a program's folder with settings.
func settingsFor(t *testing.T, settings string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"Pulumi.yaml": "name: shop\nruntime: yaml\n", "pulumiscale.yaml": settings} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const hookSettings = `listeners:
  - name: hook
    kind: webhook
    urlKey: shop:hookUrl
    secretKey: shop:hookSecret
    privateNetwork: true
`

func hookSecrets(h *hooks) map[string]string {
	return map[string]string{"shop:hookUrl": h.URL + "/secret-path", "shop:hookSecret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "pulumiscale:token": token}
}

func TestNotifySendsATest(t *testing.T) {
	h, f := newHooks(t), newFake()
	f.secrets = hookSecrets(h)
	dir := settingsFor(t, hookSettings)
	host := strings.TrimPrefix(h.URL, "http://")
	term := newTerminal(f, "")
	term.run(t, "notify --test --cwd "+dir, 0)
	wantPart(t, term.stdout.String(), host)
	wantPart(t, term.stdout.String(), "told")
	if got := h.kinds(); len(got) != 1 || got[0] != "test" {
		t.Errorf("got %v", got)
	}

	h.status = http.StatusTeapot
	term = newTerminal(f, "")
	term.run(t, "notify --test --json --listener hook --cwd "+dir, 1)
	wantPart(t, term.stdout.String(), `"told": false`)
	wantPart(t, term.stdout.String(), "it answers 418")
	if strings.Contains(term.stdout.String()+term.stderr.String(), "secret-path") {
		t.Errorf("it tells the address: %s", &term.stdout)
	}
	for line, want := range map[string]string{
		"notify --cwd " + dir:                                  "--test: must be given",
		"notify --test --listener x --cwd " + dir:              `--listener: there is no listener "x"`,
		"notify --test --cwd " + settingsFor(t, "json: false"): "listeners: there are none",
	} {
		term = newTerminal(f, "")
		term.run(t, line, 2)
		wantPart(t, term.stderr.String(), want)
	}
}

func TestListenersAreChecked(t *testing.T) {
	for settings, want := range map[string]string{
		strings.Replace(hookSettings, "webhook", "pager", 1):                     "listeners[0].kind: is \"pager\"",
		strings.Replace(hookSettings, "urlKey", "url", 1):                        "field url not found",
		hookSettings + "    events: [exploded]\n":                                "listeners[0].events[0]: is \"exploded\"",
		strings.Replace(hookSettings, "    secretKey: shop:hookSecret\n", "", 1): "listeners[0].secretKey: is missing",
	} {
		term := newTerminal(newFake(), "")
		term.run(t, "rules --cwd "+settingsFor(t, settings), 2)
		wantPart(t, term.stderr.String(), want)
	}
}

func TestScaleTellsListenersIfItIsToldTo(t *testing.T) {
	h, f := newHooks(t), newFake()
	f.secrets = hookSecrets(h)
	dir := settingsFor(t, hookSettings)
	for _, c := range []struct {
		line string
		code int
		want string
	}{
		{"scale worker-pool --count 5", 0, ""},
		{"scale worker-pool --count 6 --notify --dry-run", 0, ""},
		{"scale worker-pool --count 6 --notify", 0, "scaled"},
		{"scale worker-pool --count 6 --notify", 0, ""},
		{"scale worker-pool --count 99 --notify", 0, "scaled clamped"},
		{"scale nowhere --count 99 --notify", 2, ""},
	} {
		h.bodies = nil
		term := newTerminal(f, "")
		term.execute(append(strings.Fields(c.line), "--retry-delay", "1ns", "--cwd", dir))
		if got := strings.Join(h.kinds(), " "); got != c.want {
			t.Errorf("%s: told %q, want %q", c.line, got, c.want)
		}
	}
	h.bodies, f.updateErr = nil, &scale.EngineError{Operation: "update"}
	term := newTerminal(f, "")
	term.run(t, "scale worker-pool --count 7 --notify --cwd "+dir, 1)
	if got := h.kinds(); len(got) != 1 || got[0] != "failed" {
		t.Errorf("a failure: told %v", got)
	}
	f.updateErr = nil
	h.Close() // a listener that is down fails nothing
	term = newTerminal(f, "")
	term.run(t, "scale worker-pool --count 7 --notify --cwd "+dir, 0)
	wantPart(t, term.stderr.String(), "the listener hook was not told: ")
}

// A server tells its listeners, shows and counts that, and a listener that is down holds up nothing.
func TestServeTellsListeners(t *testing.T) {
	h, s := newHooks(t), newServed(t)
	s.secrets = hookSecrets(h)
	s.secrets["shop:dead"] = "http://127.0.0.1:1/secret-path"
	dir := settingsFor(t, hookSettings+"  - {name: dead, kind: slack, urlKey: \"shop:dead\", privateNetwork: true, events: [scaled], pools: [worker-pool, other]}\n")
	r := launch(t, s, "--cwd", dir)
	r.log.wait(t, "a listener names pools that no rule has")
	r.wants(202, "POST", "/scale/worker-pool?count=5", token)
	r.log.wait(t, "scaled")
	s.set(func() { s.updateErr = errors.New("quota exceeded") })
	r.wants(202, "POST", "/scale/worker-pool?count=6", token)
	r.log.wait(t, "scaling failed")
	s.set(func() { s.updateErr = nil })
	r.wants(202, "POST", "/scale/worker-pool?count=7", token)
	for began := time.Now(); len(h.kinds()) < 4 && time.Since(began) < 20*time.Second; time.Sleep(5 * time.Millisecond) {
	}
	if got := strings.Join(h.kinds(), " "); got != "scaled failed scaled recovered" {
		t.Errorf("told %q\n%s", got, r.log)
	}
	r.log.wait(t, "a listener cannot be notified; it is tried again")
	page := r.wants(200, "GET", "/", token)
	for _, want := range []string{"Who is told", "127.0.0.1:1", "Cannot be told: "} {
		wantPart(t, page, want)
	}
	metrics := r.wants(200, "GET", "/metrics", token)
	for _, want := range []string{`pulumiscale_notices_told_total{listener="hook"} 4`, `pulumiscale_notices_waiting{listener="dead"} 2`, `pulumiscale_notices_lost_total{listener="dead"} 0`} {
		wantPart(t, metrics, want)
	}
	status := r.wants(200, "GET", "/status", token)
	for _, text := range []string{page, metrics, status, r.log.String()} {
		if strings.Contains(text, "secret-path") {
			t.Errorf("the address is told: %s", text)
		}
	}
}
