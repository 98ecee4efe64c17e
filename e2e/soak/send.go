package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// turnedAwayShare is the share of the events that may be turned away: one of so many.
const turnedAwayShare = 500

// answerTimeout is how long an answer may take. It is longer than the server's own limits.
const answerTimeout = 90 * time.Second

// sender sends events at a fixed rate, whatever becomes of those before, and records every answer.
type sender struct {
	url, token string
	client     *http.Client
	transport  *http.Transport
	underWay   sync.WaitGroup
	// accepted takes the ids of operations as they are told.
	accepted chan string

	mu sync.Mutex
	// answers counts by kind and status. wrong has the answers that should not have been.
	answers map[string]map[int]int
	wrong   []string
	// unanswered are events without an answer.
	unanswered []string
	sent, hung int
	// turnedAway counts the events that were told to come again, because the machine has more to do than it can.
	turnedAway int
	// late is the longest time by which an event was sent after its time. slowest is the longest time that an answer
	// took, by kind.
	late    time.Duration
	slowest map[string]time.Duration
	// sum is what the accepted deltas add up to. operations has the operation of each key. twice has the keys that have
	// two.
	sum        int
	operations map[string]string
	twice      []string
}

func newSender(url, token string) *sender {
	transport := &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}
	return &sender{
		url: url, token: token, transport: transport, client: &http.Client{Transport: transport, Timeout: answerTimeout},
		accepted: make(chan string, 1000), answers: map[string]map[int]int{}, slowest: map[string]time.Duration{},
		operations: map[string]string{},
	}
}

// send sends n events at the rate. It returns when all are answered.
func (s *sender) send(ctx context.Context, mix *mixture, n int, rate float64) error {
	start := time.Now()
	for i := range n {
		due := start.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(due)):
		}
		e := mix.next()
		s.mu.Lock()
		s.sent++
		s.late = max(s.late, time.Since(due))
		s.mu.Unlock()
		s.underWay.Go(func() {
			if e.hangUp {
				s.hangUp(ctx, e)
			} else {
				s.one(ctx, e)
			}
		})
	}
	s.underWay.Wait()
	return ctx.Err()
}

// one sends an event and records its answer.
func (s *sender) one(ctx context.Context, e event) {
	began := time.Now()
	status, header, body, err := s.ask(ctx, e)
	took := time.Since(began)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.unanswered = append(s.unanswered, fmt.Sprintf("%s: %s %s: %v", e.kind, e.method, e.path, err))
		return
	}
	ids := operationsIn(body)
	s.mu.Lock()
	s.slowest[e.kind] = max(s.slowest[e.kind], took)
	if s.answers[e.kind] == nil {
		s.answers[e.kind] = map[int]int{}
	}
	s.answers[e.kind][status]++
	switch {
	case status == http.StatusServiceUnavailable && header.Get("Retry-After") != "":
		s.turnedAway++
	case !slices.Contains(e.statuses, status):
		s.wrong = append(s.wrong, fmt.Sprintf("%s: %s %s %.200s: %d %.300s", e.kind, e.method, e.path, e.body, status, body))
	}
	s.account(e, ids)
	s.mu.Unlock()
	for _, id := range ids {
		s.accepted <- id
	}
}

// account adds up the deltas, each key's once. The caller must hold s.mu.
func (s *sender) account(e event, ids []string) {
	if e.delta == 0 || len(ids) == 0 {
		return
	}
	if e.key != "" {
		if first := s.operations[e.key]; first != "" {
			if first != ids[0] {
				s.twice = append(s.twice, fmt.Sprintf("%s made the operations %s and %s", e.key, first, ids[0]))
			}
			return
		}
		s.operations[e.key] = ids[0]
	}
	s.sum += e.delta
}

// do sends an event and returns its answer.
func (s *sender) do(ctx context.Context, e event) (status int, body []byte, err error) {
	status, _, body, err = s.ask(ctx, e)
	return status, body, err
}

func (s *sender) ask(ctx context.Context, e event) (status int, header http.Header, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, e.method, s.url+e.path, strings.NewReader(e.body))
	if err != nil {
		return 0, nil, nil, err
	}
	if !e.unsigned {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	for name, value := range e.header {
		req.Header.Set(name, value)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	body, err = io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode, resp.Header, body, err
}

// operationsIn are the ids of the operations that an answer names.
func operationsIn(body []byte) []string {
	type named struct{ ID, Operation, Ask string }
	var answer struct {
		named
		Results []named
	}
	if json.Unmarshal(body, &answer) != nil {
		return nil
	}
	var ids []string
	for _, n := range append(answer.Results, answer.named) {
		if n.Operation != "" {
			ids = append(ids, n.Operation)
		}
		if n.Ask != "" { // the operation itself
			ids = append(ids, n.ID)
		}
	}
	return ids
}

// hangUp begins a request and goes away in the middle of its body.
func (s *sender) hangUp(ctx context.Context, e event) {
	at, err := url.Parse(s.url)
	if err != nil {
		return
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", at.Host)
	if err != nil {
		return
	}
	_, _ = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", e.method, e.path, at.Host, s.token, len(e.body), e.body[:len(e.body)/2])
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hung++
}

// rest closes the connections that are not in use.
func (s *sender) rest() { s.transport.CloseIdleConnections() }

// balance is what the pool of deltas must have now.
func (s *sender) balance() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return initial + s.sum
}

// verdicts says whether every event was answered, and rightly.
func (s *sender) verdicts() []verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	answered := 0
	for _, statuses := range s.answers {
		for _, n := range statuses {
			answered += n
		}
	}
	away := verdict{
		promise:  "hardly an event is turned away with 503 and Retry-After",
		measured: fmt.Sprintf("%d, at most %d", s.turnedAway, s.sent/turnedAwayShare),
	}
	if s.turnedAway > s.sent/turnedAwayShare {
		away.breaches = []string{"more are: the rate is too high for this machine, or the stack cannot be read"}
	}
	return []verdict{
		away,
		{
			promise:  "every event is answered",
			measured: fmt.Sprintf("%d sent, %d answered, %d hung up", s.sent, answered, s.hung),
			breaches: s.unanswered,
		},
		{promise: "every answer is one that its event may have", measured: fmt.Sprintf("%d others", len(s.wrong)), breaches: s.wrong},
		{promise: "events with one key make one operation", measured: fmt.Sprintf("%d keys", len(s.operations)), breaches: s.twice},
	}
}

// table lists the answers by kind, in the order of the kinds.
func (s *sender) table() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for _, k := range kinds() {
		var cells []string
		for _, status := range slices.Sorted(maps.Keys(s.answers[k.name])) {
			cells = append(cells, fmt.Sprintf("%d: %d", status, s.answers[k.name][status]))
		}
		lines = append(lines, fmt.Sprintf("| %s | %s | %d ms |", k.name, strings.Join(cells, ", "), s.slowest[k.name].Milliseconds()))
	}
	return lines
}
