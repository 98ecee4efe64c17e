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
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is a running `pulumiscale serve`.
type server struct {
	stack  *stack
	url    string
	log    string
	cmd    *exec.Cmd
	client *http.Client
	ended  chan struct{}
	err    error
	// event numbers the alerts, so that none is a repeat.
	event int
}

// serve starts a server of the stack, and waits until it has read it. It reads it again only after updates: what it does by the clock
// must not disturb the others.
func (s *stack) serve(ctx context.Context, front ...string) (*server, error) {
	log, err := os.CreateTemp(s.lab.dir, "serve-*.log")
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	sv := &server{stack: s, log: log.Name(), ended: make(chan struct{}), client: &http.Client{Timeout: time.Minute}}
	sv.cmd = s.lab.command(ctx, s.dir, front, "pulumiscale", "serve", "--listen", "127.0.0.1:0", "--poll", "1h")
	sv.cmd.Stdout, sv.cmd.Stderr = log, log
	detach(sv.cmd)
	if err := sv.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		sv.err = sv.cmd.Wait()
		close(sv.ended)
	}()
	if sv.url, err = sv.listening(); err != nil {
		return nil, errors.Join(err, sv.stop())
	}
	if err := sv.settle(ctx); err != nil {
		return nil, errors.Join(err, sv.stop())
	}
	return sv, nil
}

func (sv *server) listening() (string, error) {
	listening := regexp.MustCompile(`(?m)^\{.*"msg":"listening".*\}$`)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(sv.log)
		if err != nil {
			return "", err
		}
		if line := listening.Find(text); line != nil {
			var entry struct{ Address string }
			err := json.Unmarshal(line, &entry)
			return "http://" + entry.Address, err
		}
		select {
		case <-sv.ended:
			return "", fmt.Errorf("serve has ended: %w\n%s", sv.err, text)
		default:
		}
	}
	return "", errors.New("serve does not listen after a minute")
}

// stop ends the server, which finishes what it does.
func (sv *server) stop() error {
	select {
	case <-sv.ended:
		return sv.err
	default:
	}
	if err := sv.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-sv.ended
	return sv.err
}

// ask sends a request, wants one of the statuses, and reads the answer into doc, where that is not nil.
func (sv *server) ask(ctx context.Context, method, path, body string, doc any, statuses ...int) error {
	req, err := http.NewRequestWithContext(ctx, method, sv.url+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := sv.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	for _, status := range statuses {
		if status == resp.StatusCode {
			if doc == nil {
				return nil
			}
			return json.Unmarshal(text, doc)
		}
	}
	return fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, text)
}

// openTimeout is how long accepted operations may take to be carried out.
const openTimeout = 2 * time.Minute

// drained waits until nothing that was accepted is open.
func (sv *server) drained(ctx context.Context) error {
	for deadline := time.Now().Add(openTimeout); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		var found struct{ Open []struct{ ID string } }
		if err := sv.ask(ctx, http.MethodGet, "/operations?limit=1", "", &found, http.StatusOK); err != nil {
			return err
		}
		if len(found.Open) == 0 {
			return nil
		}
	}
	return fmt.Errorf("operations are open after %s", openTimeout)
}

// settle waits until nothing is open and the stack is known as it is now: the server is then warm and idle.
func (sv *server) settle(ctx context.Context) error {
	if err := sv.drained(ctx); err != nil {
		return err
	}
	return sv.ask(ctx, http.MethodGet, "/pools", "", nil, http.StatusOK)
}

// alert is a notification of Alertmanager with one alert that is new. With a count the pool is set to that.
func (sv *server) alert(pool int, count *int) string {
	sv.event++
	label := ""
	if count != nil {
		label = fmt.Sprintf(`,"pulumiscale_count":"%d"`, *count)
	}
	return fmt.Sprintf(`{"version":"4","status":"firing","receiver":"pulumiscale","groupKey":"{}","alerts":[{"status":"firing",`+
		`"labels":{"alertname":"JobsWait","pool":"%s"%s},"annotations":{"summary":"250 jobs wait"},"startsAt":"%s","fingerprint":"%016x"}]}`,
		poolName(pool), label, time.Now().UTC().Format(time.RFC3339Nano), sv.event)
}

// scale sends an alert to a warm server, and returns how long it took until the scaling was completed.
func (sv *server) scale(ctx context.Context, count int) (time.Duration, error) {
	if err := sv.settle(ctx); err != nil {
		return 0, err
	}
	body := sv.alert(0, &count)
	start := time.Now()
	if err := sv.ask(ctx, http.MethodPost, "/webhook/"+poolName(0)+"/prometheus", body, nil, http.StatusAccepted); err != nil {
		return 0, err
	}
	if err := sv.drained(ctx); err != nil {
		return 0, err
	}
	took := time.Since(start)
	sv.stack.expected[0] = count
	if err := sv.stack.check(); err != nil {
		return 0, err
	}
	return took, sv.settle(ctx)
}

// metric adds up the metrics whose line has a prefix.
func (sv *server) metric(ctx context.Context, prefix string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, sv.url+"/metrics", http.NoBody)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := sv.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	sum := 0.0
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(line, []byte(prefix)) {
			fields := strings.Fields(string(line))
			value, parseErr := strconv.ParseFloat(fields[len(fields)-1], 64)
			err = errors.Join(err, parseErr)
			sum += value
		}
	}
	return sum, err
}
