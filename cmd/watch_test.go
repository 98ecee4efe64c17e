package cmd

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/scale/scaler"
)

func TestWrongUsageOfWatch(t *testing.T) {
	for line, want := range map[string]string{
		"watch x":                                "x: unexpected argument",
		"watch --interval 999ms":                 "--interval: must be 1s or more",
		"watch --interval soon":                  "--interval: must be a duration",
		"watch --server example.com":             "--server: must be the server's address",
		"watch --server http://example.com":      "--server: must be the server's address",
		"watch --server https://a:b@example.com": "--server: must be the server's address",
		"watch --server https://example.com?a=b": "--server: must be the server's address",
	} {
		t.Run(line, func(t *testing.T) {
			term := newTerminal(newFake(), "")
			term.run(t, line, 2)
			if !strings.HasPrefix(term.stderr.String(), "error: "+want) || term.stdout.Len() > 0 {
				t.Errorf("stderr %q, stdout %q", term.stderr.String(), term.stdout.String())
			}
		})
	}
}

// watching runs a watch in the background. end interrupts it and wants it to end well.
func watching(t *testing.T, term *terminal, line string) (end func()) {
	t.Helper()
	var out safe
	term.out, term.errs = &out, &term.stderr
	signals := make(chan chan<- os.Signal, 1)
	term.notify = func(c chan<- os.Signal) func() { signals <- c; return func() {} }
	ended := make(chan int, 1)
	go func() { ended <- term.execute(strings.Fields(line)) }()
	interrupt := <-signals
	return func() {
		t.Helper()
		interrupt <- os.Interrupt
		if code := <-ended; code != 0 {
			t.Errorf("exit code %d; stderr %s", code, term.stderr.String())
		}
		term.stdout.WriteString(out.String())
	}
}

// safe is a writer for several goroutines. They write and read under mu.
type safe struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *safe) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *safe) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *safe) waitFor(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(s.String(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %q in %q", text, s.String())
		}
	}
}

// The token of the environment goes to the server, or that of the stack if the environment has none. Neither is written
// anywhere.
func TestWatchSendsTheToken(t *testing.T) {
	for from, token := range map[string]string{"environment": token, "stack": newToken} {
		t.Run(from, func(t *testing.T) {
			stack := newFake()
			stack.secrets = map[string]string{"pulumiscale:token": newToken}
			if from == "environment" {
				t.Setenv("PULUMISCALE_TOKEN", token)
			}
			var asked atomic.Value
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Store(r.Header.Get("Authorization"))
				_ = json.NewEncoder(w).Encode(board.New(board.Name{Project: "shop", Stack: "dev"}, queue.Overview{ReadAt: noon}, nil, nil, noon))
			}))
			defer server.Close()
			term := newTerminal(stack, "")
			end := watching(t, term, "watch --server "+server.URL)
			term.out.(*safe).waitFor(t, "dev: Ready")
			end()
			if asked.Load() != "Bearer "+token {
				t.Errorf("the server was sent %v", asked.Load())
			}
			if all := term.stdout.String() + term.stderr.String(); strings.Contains(all, token) {
				t.Error(all)
			}
		})
	}
}

func TestWatchEndsWhereAskingAgainDoesNotHelp(t *testing.T) {
	t.Setenv("PULUMISCALE_TOKEN", token)
	for name, c := range map[string]struct {
		status int
		want   string
	}{
		"the token":   {401, "error: PULUMISCALE_TOKEN: http://127.0.0.1"},
		"the address": {404, "error: --server: there is no server at http://127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(c.status) }))
			defer server.Close()
			term := newTerminal(newFake(), "")
			term.run(t, "watch --server "+server.URL, 2)
			if !strings.HasPrefix(term.stderr.String(), c.want) || !strings.Contains(term.stderr.String(), "\nhint: ") {
				t.Error(term.stderr.String())
			}
		})
	}
}

// The stack is read, and nothing else is done to it. If something cannot be read later, that is told, with what was
// read before.
func TestWatchReadsTheStack(t *testing.T) {
	f := newFake()
	f.file = str("2") // as it was once: `rules` would put it right
	f.before = []scale.Update{{Kind: "update", Succeeded: true, End: noon.Add(-3 * time.Hour), Values: map[string]*string{"worker-pool": f.file}}}
	b := &backend{scaler: &scaler.Scaler{Stack: f, Observe: scale.Unobserved, Now: func() time.Time { return noon }, OnDrift: scale.Restore}}
	ask := func() (*board.Status, error) {
		told, err := b.ask(t.Context())
		status, _ := told.(*board.Status)
		return status, err
	}
	got, err := ask()
	if err != nil || !got.Ready || *got.Pools[0].Count != 3 || got.Pools[0].Drift == nil {
		t.Fatalf("%+v, %v", got, err)
	}
	if f.written != nil || f.changes != nil {
		t.Errorf("it wrote %v and changed %v", f.written, f.changes)
	}
	f.readErr = errors.New("no route")
	got, err = ask()
	if err != nil || got.Ready || got.Problem != "no route" || *got.Pools[0].Count != 3 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWatchBeginsWithAStackThatCanBeRead(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
	}{{&scale.SetupError{Problem: "there is no such stack"}, 1}, {&scale.RulesError{}, 2}} {
		f := newFake()
		f.readErr = c.err
		newTerminal(f, "").run(t, "watch", c.code)
	}
	// A backend that is out of reach may come back.
	f := newFake()
	f.readErr = &scale.UnavailableError{Detail: "no route"}
	term := newTerminal(f, "")
	end := watching(t, term, "watch")
	term.out.(*safe).waitFor(t, "dev: Stack cannot be read: the backend cannot be reached: no route")
	end()
}

// Keys that are pressed fast come together.
func TestKeysOfThePicture(t *testing.T) {
	status := board.New(board.Name{Project: "shop", Stack: "dev"}, queue.Overview{ReadAt: noon}, nil, nil, noon)
	for range 30 {
		status.Pools = append(status.Pools, board.Pool{Pool: "api", Max: 9})
	}
	a := newTerminal(newFake(), "").app
	known := &sight{now: a.now}
	known.take(status, nil)
	again := make(chan struct{}, 1)
	l := newPicture(a, "here", known, again)
	l.Update(tea.WindowSizeMsg{Width: 80, Height: 20})
	runes := func(keys string) tea.KeyMsg { return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(keys)} }
	for _, c := range []struct {
		key  tea.KeyMsg
		want int
	}{
		{runes("jjj"), 3}, {runes("k"), 2}, {tea.KeyMsg{Type: tea.KeyUp}, 1}, {tea.KeyMsg{Type: tea.KeyPgDown}, 15}, {runes("G"), l.furthest},
		{tea.KeyMsg{Type: tea.KeyDown}, l.furthest}, {runes("gj"), 1}, {tea.KeyMsg{Type: tea.KeyHome}, 0}, {runes("k"), 0}, {runes("rr"), 0},
	} {
		if l.Update(c.key); l.top != c.want {
			t.Errorf("after %s the top is %d, want %d", c.key, l.top, c.want)
		}
	}
	if len(again) != 1 {
		t.Error("r does not ask again")
	}
	for _, key := range []tea.KeyMsg{runes("q"), {Type: tea.KeyCtrlC}, {Type: tea.KeyEsc}} {
		if _, next := l.Update(key); next == nil || next() != tea.Quit() {
			t.Errorf("%s does not quit", key)
		}
	}
}

func TestSightCountsFromTheTellersClock(t *testing.T) {
	now := noon
	s := &sight{now: func() time.Time { return now }}
	s.take(&board.Status{Now: noon.Add(time.Hour)}, nil)
	now = now.Add(5 * time.Second)
	s.take(nil, errors.New("no route"))
	now = now.Add(5 * time.Second)
	s.take(nil, errors.New("still no route"))
	if want := noon.Add(time.Hour + 10*time.Second); !s.at().Equal(want) || s.lost != "still no route" || now.Sub(s.since) != 5*time.Second {
		t.Errorf("%v, %q since %v", s.at(), s.lost, s.since)
	}
	if s.take(&board.Status{Now: noon}, nil); s.lost != "" || !s.at().Equal(noon) {
		t.Errorf("%v, %q", s.at(), s.lost)
	}
}
