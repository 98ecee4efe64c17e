package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pulumiscale/pulumiscale/e2e/backend"
	"github.com/pulumiscale/pulumiscale/e2e/fakecloud"
)

// token is what the scripts authenticate with.
const token = "end-to-end-0123456789abcdef"

// scriptState is what belongs to one script and ends with it.
type scriptState struct {
	t      testscript.T
	server *server
	gauges *gauges
	hook   *hook
	cloud  *fakecloud.Server
	// place is where the state is, in the scripts of testdata/backend.
	place *backend.Place
	// browser looks at the server's page.
	browser *browser
	// console is the terminal on which a command runs.
	console *console
	// mounts are the folders of its disks.
	mounts []string
}

type stateKey struct{}

// keepState gives a script its state. At the script's end it ends what is still running.
func keepState(env *testscript.Env) {
	state := &scriptState{t: env.T()}
	env.Values[stateKey{}] = state
	env.Setenv("TOKEN", token)
	if err := os.WriteFile(filepath.Join(env.WorkDir, "token.header"), []byte("Authorization: Bearer "+token+"\n"), 0o600); err != nil {
		state.t.Fatal(err)
	}
	env.Setenv("SERVE_LOG", filepath.Join(env.WorkDir, "serve.log"))
	env.Defer(func() {
		defer state.unmount()
		if state.place != nil {
			defer func() { _ = state.place.Close() }()
		}
		if state.gauges != nil {
			state.gauges.close()
		}
		if state.hook != nil {
			state.hook.close()
		}
		if state.console != nil {
			state.console.close()
		}
		if state.browser != nil {
			state.browser.close()
		}
		if state.cloud != nil { // the engine of a server that is still at work needs it
			defer state.cloud.Down()
			state.cloud.Mend()
		}
		if state.server == nil {
			return
		}
		if err := state.server.stop(); err != nil {
			state.t.Fatal(err)
		}
	})
}

func stateOf(ts *testscript.TestScript) *scriptState {
	state, ok := ts.Value(stateKey{}).(*scriptState)
	if !ok {
		ts.Fatalf("the script has no state")
	}
	return state
}

// server is a running `pulumiscale serve`.
type server struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
	err   error
	// told says that the server has been told to end. A second signal would interrupt its engine.
	told bool
}

// stopTimeout is how long a server may take to finish its update and end.
const stopTimeout = 60 * time.Second

// stop asks the server to end, as an init system does, unless it has been told so. It waits for the end.
func (s *server) stop() error {
	if !s.told {
		if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop serve: %w", err)
		}
	}
	select {
	case <-s.ended:
	case <-time.After(stopTimeout):
		_ = s.cmd.Process.Kill()
		<-s.ended
		return fmt.Errorf("serve did not end within %s of SIGTERM:\n%s", stopTimeout, s.tail())
	}
	if s.err != nil {
		return fmt.Errorf("serve: %w\n%s", s.err, s.tail())
	}
	return s.check()
}

// check looks for what must never be in the log.
func (s *server) check() error {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return fmt.Errorf("read the log of serve: %w", err)
	}
	for _, never := range []string{"panic", "DATA RACE", "goroutine ", token} {
		if bytes.Contains(text, []byte(never)) {
			return fmt.Errorf("the log of serve holds %q:\n%s", never, s.tail())
		}
	}
	return nil
}

// tail is the end of the log.
func (s *server) tail() string {
	const most = 8000
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// serve starts `pulumiscale serve` on a free port of the loopback interface, in the deployed program. First it sets a
// token if there is none, and afterwards it sets $SERVE_URL. $TOKEN is the token, and $SERVE_LOG is the log, which
// further servers continue. With ! it ends the server by SIGTERM and waits; a script's end does so too. A server that
// does not end well fails the script.
//
//	serve --poll 1s
//	! serve
func serve(ts *testscript.TestScript, neg bool, args []string) {
	state := stateOf(ts)
	if neg != (state.server != nil) || neg && len(args) > 0 {
		ts.Fatalf("usage: serve [FLAGS], where none runs; ! serve, where one does")
	}
	if neg {
		stopping := state.server
		state.server = nil
		ts.Check(stopping.stop())
		return
	}
	if !strings.Contains(ts.ReadFile("Pulumi.dev.yaml"), "pulumiscale:token:") {
		ts.Check(ts.Exec("pulumi", "config", "set", "--secret", "pulumiscale:token", token))
	}
	log := ts.Getenv("SERVE_LOG")
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	ts.Check(err)

	s := &server{log: log, ended: make(chan struct{})}
	s.cmd = exec.Command(filepath.Join(ts.Getenv("ROOT"), "bin", "pulumiscale"), append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	s.cmd.Dir, s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = ts.MkAbs("."), environment(ts), file, file
	// The server gets a group of its own: what kills the server does not reach the engine, and Ctrl-C on the tests does
	// not either.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	ts.Check(s.cmd.Start())
	go func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	state.server = s
	address := s.listening(ts, info.Size())
	ts.Setenv("SERVE_URL", "http://"+address)
}

// environment is that of the script.
func environment(ts *testscript.TestScript) []string {
	return strings.Split(strings.TrimSpace(output(ts, "env")), "\n")
}

var listeningLine = regexp.MustCompile(`(?m)^\{.*"msg":"listening".*\}$`)

// listening waits until the server listens, and returns where. from is where its own log begins.
func (s *server) listening(ts *testscript.TestScript, from int64) string {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(s.log)
		ts.Check(err)
		if line := listeningLine.Find(text[from:]); line != nil {
			var entry struct{ Address string }
			ts.Check(json.Unmarshal(line, &entry))
			return entry.Address
		}
		select {
		case <-s.ended:
			ts.Fatalf("serve has ended: %v\n%s", s.err, s.tail())
		default:
		}
		if time.Now().After(deadline) {
			ts.Fatalf("serve does not listen after a minute:\n%s", s.tail())
		}
	}
}

// tell sends the server a signal. After KILL it is gone, and may be started again.
//
//	tell HUP
func tell(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{"HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM}
	state := stateOf(ts)
	if neg || len(args) != 1 || signals[args[0]] == 0 || state.server == nil {
		ts.Fatalf("usage: tell HUP|KILL|TERM, where a server runs")
	}
	ts.Check(state.server.cmd.Process.Signal(signals[args[0]]))
	state.server.told = state.server.told || args[0] == "TERM"
	if args[0] == "KILL" {
		<-state.server.ended
		ts.Check(state.server.check())
		state.server = nil
	}
}

// said waits until as many lines of the server's log match a regular expression, by default one. It waits half a minute
// at most. With ! it checks that none does now.
//
//	said '"msg":"scaled".*"to":5' 1
func said(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: [!] said REGEXP [COUNT]")
	}
	pattern, err := regexp.Compile(`(?m)^.*(?:` + args[0] + `).*$`)
	ts.Check(err)
	want := 1
	if len(args) == 2 {
		want, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		text := ts.ReadFile(ts.Getenv("SERVE_LOG"))
		found := len(pattern.FindAllString(text, -1))
		switch {
		case neg && found > 0:
			ts.Fatalf("the log of serve has %d lines like %s:\n%s", found, args[0], text)
		case neg || found >= want:
			return
		case time.Now().After(deadline):
			ts.Fatalf("the log of serve has %d lines like %s, want %d:\n%s", found, args[0], want, text)
		}
	}
}

// ask sends the server a request by curl, with the token, and checks the answer's status. The answer's head and body
// are the output.
//
//	ask 202 POST '/scale/worker-pool?delta=2' -H 'Prefer: wait=30'
func ask(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: ask STATUS METHOD PATH [CURL ARGS]")
	}
	curl := []string{
		"--silent", "--show-error", "--include", "--max-time", "120", "--request", args[1],
		"--header", "Authorization: Bearer " + ts.Getenv("TOKEN"), ts.Getenv("SERVE_URL") + args[2],
	}
	text := output(ts, "curl", append(curl, args[3:]...)...)
	_, status, _ := strings.Cut(strings.TrimPrefix(text, "HTTP/1.1 100 Continue\r\n\r\n"), " ")
	if !strings.HasPrefix(status, args[0]+" ") {
		ts.Fatalf("%s %s is answered, want %s:\n%s", args[1], args[2], args[0], text)
	}
}

// docblock writes a fenced block of a page of the documentation to a file, so that the tests run what users read. An
// HTML comment before the block names it: <!-- test: NAME -->. Each OLD=NEW replaces what a user would replace. All of
// them must occur.
//
//	docblock senders.md alertmanager.yml ../alertmanager.yml https://pulumiscale.example.com=$SERVE_URL
func docblock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: docblock PAGE NAME FILE [OLD=NEW...]")
	}
	page, err := os.ReadFile(filepath.Join(ts.Getenv("ROOT"), "docs", args[0]))
	ts.Check(err)
	_, rest, found := strings.Cut(string(page), "<!-- test: "+args[1]+" -->\n")
	_, rest, opened := strings.Cut(strings.TrimLeft(rest, "\n"), "\n")
	block, _, closed := strings.Cut(rest, "\n```\n")
	if !found || !opened || !closed {
		ts.Fatalf("docs/%s has no fenced block after <!-- test: %s -->", args[0], args[1])
	}
	for _, change := range args[3:] {
		before, after, ok := strings.Cut(change, "=")
		if !ok || !strings.Contains(block, before) {
			ts.Fatalf("the block %s has nothing to replace by %s:\n%s", args[1], change, block)
		}
		block = strings.ReplaceAll(block, before, after)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(block+"\n"), 0o644))
}

// gauges are metrics that a script sets and Prometheus scrapes.
type gauges struct {
	server   *http.Server
	mu       sync.Mutex
	values   map[string]string
	finished chan struct{}
}

// ServeHTTP tells the metrics as Prometheus scrapes them or, at /json, as one document.
func (g *gauges) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.URL.Path == "/json" {
		document := map[string]json.Number{}
		for name, value := range g.values {
			document[name] = json.Number(value)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(document)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	for name, value := range g.values {
		_, _ = fmt.Fprintf(w, "# TYPE %s gauge\n%s %s\n", name, name, value)
	}
}

func (g *gauges) close() {
	_ = g.server.Close()
	<-g.finished
}

// gauge sets a metric of an exporter of the script's own. Its address is $EXPORTER.
//
//	gauge jobs_waiting 250
func gauge(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: gauge NAME VALUE")
	}
	state := stateOf(ts)
	if state.gauges == nil {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		g := &gauges{values: map[string]string{}, finished: make(chan struct{})}
		g.server = &http.Server{Handler: g, ReadHeaderTimeout: 10 * time.Second}
		go func() {
			defer close(g.finished)
			_ = g.server.Serve(listener)
		}()
		state.gauges = g
		ts.Setenv("EXPORTER", listener.Addr().String())
	}
	state.gauges.mu.Lock()
	defer state.gauges.mu.Unlock()
	state.gauges.values[args[0]] = args[1]
}

// address waits until a program that was started in the background has written where it listens, and puts that into a
// variable:
//
//	address ALERTMANAGER ../alertmanager.log
func address(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: address VARIABLE LOG")
	}
	pattern := regexp.MustCompile(`(?i)listening.*\b(127\.0\.0\.1:[1-9][0-9]*)`)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		file, err := os.Open(ts.MkAbs(args[1]))
		if err != nil {
			continue
		}
		text, err := io.ReadAll(file)
		_ = file.Close()
		ts.Check(err)
		if found := pattern.FindSubmatch(text); found != nil {
			ts.Setenv(args[0], string(found[1]))
			return
		}
	}
	ts.Fatalf("no address in %s for half a minute", args[1])
}
