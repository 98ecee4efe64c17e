package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

// server is a running `pulumiscale serve`.
type server struct {
	*lab.Server
	stack  *stack
	client *http.Client
	// event numbers the alerts, so that none is a repeat.
	event int
}

// serve starts a server of the stack, and waits until it has read the stack. The server reads it again only after
// updates: what it does by the clock must not disturb the others.
func (s *stack) serve(ctx context.Context, front ...string) (*server, error) {
	running, err := s.lab.Serve(ctx, s.dir, front, append([]string{"--poll", "1h"}, s.flags...)...)
	if err != nil {
		return nil, err
	}
	sv := &server{Server: running, stack: s, client: &http.Client{Timeout: time.Minute}}
	if err := sv.settle(ctx); err != nil {
		return nil, errors.Join(err, sv.Stop())
	}
	return sv, nil
}

// ask sends a request, wants one of the statuses, and reads the answer into doc if doc is not nil.
func (sv *server) ask(ctx context.Context, method, path, body string, doc any, statuses ...int) error {
	req, err := http.NewRequestWithContext(ctx, method, sv.URL+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+lab.Token)
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

// askEvery is how often the server is asked: seldom enough that the two processors are left to what is measured.
const askEvery = 10 * time.Millisecond

// drained waits until nothing that was accepted is open.
func (sv *server) drained(ctx context.Context) error {
	for deadline := time.Now().Add(openTimeout); time.Now().Before(deadline); time.Sleep(askEvery) {
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

// settle waits until nothing is open and the stack is known as it is now. The server is then warm and idle.
func (sv *server) settle(ctx context.Context) error {
	if err := sv.drained(ctx); err != nil {
		return err
	}
	return sv.ask(ctx, http.MethodGet, "/pools", "", nil, http.StatusOK)
}

// alert is a notification of Alertmanager with one alert that is new. If count is not nil, the pool is set to it.
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
	return sv.alarm(ctx, count)
}

// alarm is scale for a server as it is, warm or not.
func (sv *server) alarm(ctx context.Context, count int) (time.Duration, error) {
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
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, sv.URL+"/metrics", http.NoBody)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+lab.Token)
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
