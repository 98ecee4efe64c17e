//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// server is a running `pulumiscale serve`.
type server struct {
	w       *world
	cmd     *exec.Cmd
	address string
	// log is the file of what it wrote so far. from is where this process begins in that file.
	log  string
	from int64
	// ended is closed when the process has ended, with code.
	ended chan struct{}
	code  int
	// expected says that the campaign ended it.
	expected atomic.Bool
}

// logPath is the file that gets the log of all the world's servers.
func (w *world) logPath() string { return filepath.Join(w.dir, "serve.log") }

// listening is how a server tells its address.
var listening = regexp.MustCompile(`"msg":"listening".*?"address":"([^"]+)"`)

// startTimeout is how long a server may take to start, on a busy machine.
const startTimeout = 30 * time.Second

// serve starts a server and waits until it listens. The error is what the server said if it ended instead.
func (w *world) serve() error {
	s, err := w.launch(w.serving())
	if err != nil {
		return err
	}
	w.server = s
	return w.awaitListening(s)
}

// awaitListening waits until a server listens.
func (w *world) awaitListening(s *server) error {
	deadline := time.Now().Add(startTimeout)
	for time.Now().Before(deadline) {
		if found := listening.FindStringSubmatch(s.text()); found != nil {
			s.address = found[1]
			w.story.tell("serve listens (pid %d)", s.cmd.Process.Pid)
			return nil
		}
		select {
		case <-w.ctx.Done():
			return w.ctx.Err()
		case <-s.ended:
			return fmt.Errorf("serve ended at its start with exit code %d: %s", s.code, lastLines(s.text(), 6))
		case <-time.After(10 * time.Millisecond):
		}
	}
	return fmt.Errorf("serve does not listen after %s: %s", startTimeout, lastLines(s.text(), 6))
}

// serving is how a server is started: where, with which flags besides those that all have, and with which file for its log.
type serving struct {
	dir, state, log string
	flags           []string
}

// serving is that of the world's own server.
func (w *world) serving() serving {
	if w.team != nil {
		return w.team.serving()
	}
	return serving{dir: w.program(), state: w.state(), log: w.logPath()}
}

// launch starts a server, which outlives the round. It waits for nothing.
func (w *world) launch(how serving) (*server, error) {
	file, err := os.OpenFile(how.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // the process has its own
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	s := &server{w: w, log: how.log, from: info.Size(), ended: make(chan struct{})}
	args := []string{"serve", "--listen", "127.0.0.1:0", "--state-dir", how.state, "--poll", "20s", "--log-format", "json"}
	s.cmd = exec.CommandContext(w.ctx, w.binary, append(args, how.flags...)...)
	s.cmd.Dir, s.cmd.Env, s.cmd.Stderr, s.cmd.Stdout = how.dir, w.env(), file, file
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := w.children.start(s.cmd); err != nil {
		return nil, err
	}
	go func() {
		s.code = w.children.wait(s.cmd)
		close(s.ended)
	}()
	return s, nil
}

// text is the log of this process.
func (s *server) text() string {
	text, err := os.ReadFile(s.log)
	if err != nil || int64(len(text)) < s.from {
		return ""
	}
	return string(text[s.from:])
}

// alive says whether the process runs.
func (s *server) alive() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// kill kills the server and waits until it is gone. The engine stays, if there is one.
func (s *server) kill() {
	s.expected.Store(true)
	_ = s.cmd.Process.Kill()
	<-s.ended
}

// stop ends the server gently and returns its exit code. It is -1 if the server does not end in time.
func (s *server) stop(patience time.Duration) int {
	s.expected.Store(true)
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
		return s.code
	case <-time.After(patience):
		s.kill()
		return -1
	}
}

// lastLines are the last lines of a text.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(len(lines)-n, 0):], "\n")
}

// answer is an answer of the server.
type answer struct {
	status int
	// Operation is the id of the operation, if there is one.
	Operation string `json:"operation"`
	Outcome   string `json:"outcome"`
	Reason    string `json:"reason"`
	Detail    string `json:"detail"`
	Duplicate bool   `json:"duplicate"`
	Result    struct {
		Outcome string `json:"outcome"`
		Reason  string `json:"reason"`
	} `json:"result"`
	text string
}

// post asks for a scaling. The error says that there was no answer.
func (s *server) post(ctx context.Context, e *event, count *int) (answer, error) {
	body := map[string]any{"delta": e.delta, "reason": mark(e.key)}
	if count != nil {
		body = map[string]any{"count": *count, "reason": mark(e.key)}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return answer{}, err
	}
	var a answer
	a.status, a.text, err = s.ask(ctx, http.MethodPost, "/scale/"+e.pool, text, e.key)
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal([]byte(a.text), &a); err != nil {
		// A refusal's result is an object. An operation's is not there.
		return a, fmt.Errorf("the answer is no JSON: %w: %s", err, a.text)
	}
	return a, nil
}

// alarm has an alert ask for a scaling, as Prometheus' Alertmanager sends it. The error says that there was no answer.
func (s *server) alarm(ctx context.Context, e *event, began time.Time) (answer, error) {
	alert := map[string]any{
		"status": "firing", "labels": map[string]string{"alertname": e.key}, "annotations": map[string]string{"summary": mark(e.key)},
		"startsAt": began.UTC().Format(time.RFC3339Nano),
	}
	text, err := json.Marshal(map[string]any{"version": "4", "status": "firing", "alerts": []any{alert}})
	if err != nil {
		return answer{}, err
	}
	var doc struct {
		Results []answer `json:"results"`
	}
	var a answer
	a.status, a.text, err = s.ask(ctx, http.MethodPost, "/webhook/"+e.pool+"/prometheus", text, "")
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal([]byte(a.text), &doc); err != nil {
		return a, fmt.Errorf("the answer is no JSON: %w: %s", err, a.text)
	}
	for _, result := range doc.Results { // a refusal has none
		result.status, result.text = a.status, a.text
		a = result
	}
	return a, nil
}

// operation is an operation as the server shows it.
type operation struct {
	State    string `json:"state"`
	Result   string `json:"result"`
	Error    string `json:"error"`
	From     *int   `json:"from"`
	To       *int   `json:"to"`
	Decision struct {
		Reason string `json:"reason"`
	} `json:"decision"`
}

// operation asks for an operation.
func (s *server) operation(ctx context.Context, id string) (operation, error) {
	var op operation
	status, text, err := s.ask(ctx, http.MethodGet, "/operations/"+id, nil, "")
	if err != nil {
		return op, err
	}
	if status != http.StatusOK {
		return op, fmt.Errorf("operation %s: status %d: %s", id, status, text)
	}
	err = json.Unmarshal([]byte(text), &op)
	return op, err
}

// errUnanswered says that the server ended before it answered, or was not there.
var errUnanswered = errors.New("no answer")

func (s *server) ask(ctx context.Context, method, path string, body []byte, key string) (status int, text string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.address+path, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	req.Close = true // each request is a sender's first one
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", fmt.Errorf("%w: %w", errUnanswered, err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, "", fmt.Errorf("%w: %w", errUnanswered, err)
	}
	return resp.StatusCode, string(answer), nil
}

// branchStatus is how it goes with the commits of counts, as the server shows it.
type branchStatus struct {
	Unpushed []struct {
		Pool string `json:"pool"`
	} `json:"unpushed"`
	Edits []struct {
		Pool string `json:"pool"`
	} `json:"edits"`
	Problem string `json:"problem"`
}

// branch asks for that.
func (s *server) branch(ctx context.Context) (branchStatus, error) {
	var doc struct {
		Branch branchStatus `json:"branch"`
	}
	status, text, err := s.ask(ctx, http.MethodGet, "/status", nil, "")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status: %d: %s", status, text)
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &doc)
	}
	return doc.Branch, err
}
