//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

// result is the outcome of a round.
type result struct {
	accepted   int
	took       time.Duration
	unattended time.Duration
	breaches   []string
}

func (r result) String() string {
	text := fmt.Sprintf("%d accepted, %s", r.accepted, r.took.Round(time.Second))
	if r.unattended > 0 {
		text += fmt.Sprintf(", %s without a worker", r.unattended.Round(100*time.Millisecond))
	}
	if len(r.breaches) > 0 {
		text += "  BROKEN\n    " + strings.Join(r.breaches, "\n    ")
	}
	return text
}

// mostUnattended is the longest time that a stack may have no worker after a death.
const mostUnattended = 15 * time.Second

// play plays a round: senders send while the fault strikes. Afterwards all accepted operations must end, and all counts
// must agree.
func (st *site) play(ctx context.Context, d draw) (r result) {
	began := time.Now()
	choices := rand.New(rand.NewPCG(d.seed, 2)) //nolint:gosec // a seed must give the same round again
	f := faults()[d.kind]
	sending, stop := context.WithCancel(ctx)
	defer stop()
	ledger := &ledger{byKey: map[string]event{}}
	var senders sync.WaitGroup
	for i := range 3 {
		own := rand.New(rand.NewPCG(d.seed, uint64(10+i))) //nolint:gosec // as above
		senders.Go(func() { st.send(sending, ctx, own, fmt.Sprintf("%s/%d", d, i), ledger) })
	}
	var watcher sync.WaitGroup
	var gap time.Duration
	watcher.Go(func() { gap = st.watch(sending) })
	if err := f.strike(ctx, st, choices); err != nil {
		r.breaches = append(r.breaches, "the fault itself: "+err.Error())
	}
	_ = sleep(ctx, 3*time.Second)
	stop()
	senders.Wait()
	watcher.Wait()
	r.accepted = len(ledger.byKey)
	r.breaches = append(r.breaches, ledger.lost...)
	r.breaches = append(r.breaches, st.settle(ctx, ledger, f.forgets)...)
	if f.deaths {
		if r.unattended = gap; gap > mostUnattended {
			r.breaches = append(r.breaches, fmt.Sprintf("a stack had no worker for %s", gap))
		}
	}
	r.breaches = append(r.breaches, st.scanLogs()...)
	r.took = time.Since(began)
	return r
}

// event is a delta that was sent, and the operation as which it was accepted.
type event struct {
	stack, operation string
	delta            int
}

// ledger keeps the accepted events, by their idempotency keys. mu guards it while senders send.
type ledger struct {
	mu    sync.Mutex
	byKey map[string]event
	// lost describes the events that no replica has accepted in time.
	lost []string
}

// mostPatience is how long a sender tries to have an event accepted.
const mostPatience = 2 * time.Minute

// send sends deltas to random replicas, until the context sending ends. Each delta has a key. If a replica does not
// accept a delta, it is sent again to a random replica, as a sender behind a load balancer would do.
func (st *site) send(sending, ctx context.Context, choices *rand.Rand, name string, l *ledger) {
	for n := 0; sending.Err() == nil; n++ {
		stack := st.stacks[choices.IntN(len(st.stacks))]
		delta := []int{-2, -1, 1, 2, 3}[choices.IntN(5)]
		key := fmt.Sprintf("%s/%d", name, n)
		pause := time.Duration(200+choices.IntN(1500)) * time.Millisecond
		var last string
		for tried := time.Now(); ; {
			if ctx.Err() != nil {
				return
			}
			id, problem := st.post(ctx, choices.IntN(3), stack, delta, key)
			if id != "" {
				l.mu.Lock()
				l.byKey[key] = event{stack, id, delta}
				l.mu.Unlock()
				break
			}
			if last = problem; time.Since(tried) > mostPatience {
				l.mu.Lock()
				l.lost = append(l.lost, fmt.Sprintf("nobody accepts %s of %s: %s", key, stack, last))
				l.mu.Unlock()
				break
			}
			_ = sleep(ctx, 300*time.Millisecond)
		}
		_ = sleep(sending, pause)
	}
}

// post sends a delta to a replica. It returns the operation that was accepted, or why there is none.
func (st *site) post(ctx context.Context, i int, stack string, delta int, key string) (id, problem string) {
	status, body, err := st.ask(ctx, i, http.MethodPost, "/stacks/"+stack+"/scale/"+pool, fmt.Sprintf(`{"delta":%d}`, delta), key)
	if err != nil {
		return "", err.Error()
	}
	var answer struct{ Operation string }
	if err := json.Unmarshal(body, &answer); err != nil || answer.Operation == "" {
		return "", fmt.Sprintf("%d %.300s", status, body)
	}
	return answer.Operation, ""
}

// askTimeout is how long a replica may take to answer.
const askTimeout = 15 * time.Second

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: 5 * time.Second}}

func (st *site) ask(ctx context.Context, i int, method, path, body, key string) (status int, answer []byte, err error) {
	url := st.replicas[i].url()
	if url == "" {
		return 0, nil, errors.New("the replica is down")
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+lab.Token)
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

var attendedStack = regexp.MustCompile(`(?m)^pulumiscale_cluster_worker\{stack="([^"]+)"\} 1$`)

// watch returns the longest time that a stack had no worker: no replica's metrics said that it is the stack's worker.
func (st *site) watch(ctx context.Context) (longest time.Duration) {
	since := map[string]time.Time{}
	for ; ctx.Err() == nil; _ = sleep(ctx, 250*time.Millisecond) {
		attended := map[string]bool{}
		for i := range 3 {
			asking, cancel := context.WithTimeout(ctx, time.Second)
			status, body, err := st.ask(asking, i, http.MethodGet, "/metrics", "", "")
			cancel()
			if err != nil || status != http.StatusOK {
				continue
			}
			for _, m := range attendedStack.FindAllSubmatch(body, -1) {
				attended[string(m[1])] = true
			}
		}
		now := time.Now()
		for _, stack := range st.stacks {
			if attended[stack] {
				delete(since, stack)
				continue
			}
			if since[stack].IsZero() {
				since[stack] = now
			}
			if ctx.Err() == nil {
				longest = max(longest, now.Sub(since[stack]))
			}
		}
	}
	return longest
}

// settle waits until all accepted operations have ended, and compares the stacks' counts with what was accepted.
func (st *site) settle(ctx context.Context, l *ledger, forgets bool) (breaches []string) {
	for _, key := range sortedKeys(l.byKey) {
		e := l.byKey[key]
		st.want[e.stack] += e.delta
		if problem := st.endOf(ctx, e, forgets); problem != "" {
			breaches = append(breaches, fmt.Sprintf("%s of %s: %s", key, e.stack, problem))
		}
	}
	for _, stack := range st.stacks {
		var problem string
		for end := time.Now().Add(settled); ; _ = sleep(ctx, time.Second) {
			if problem = st.counts(ctx, stack); problem == "" || ctx.Err() != nil || time.Now().After(end) {
				break
			}
		}
		if problem != "" {
			breaches = append(breaches, problem)
			if c, err := st.Counts(ctx, st.programs[stack], stack, pool); err == nil {
				st.want[stack] = c.Workers // later rounds must not report this breach again
			}
		}
	}
	return breaches
}

func sortedKeys(of map[string]event) []string {
	var out []string
	for key := range of {
		out = append(out, key)
	}
	slices.Sort(out)
	return out
}

// endOf waits for the end of an accepted operation, and says what is wrong with the end: all replicas must tell of the
// same. forgets says that the log was lost. The replicas may then know nothing of the operation any more: the counts
// show whether it was carried out.
func (st *site) endOf(ctx context.Context, e event, forgets bool) string {
	var ends [3]string
	for end := time.Now().Add(settled); ; _ = sleep(ctx, 300*time.Millisecond) {
		for i := range ends {
			status, body, err := st.ask(ctx, i, http.MethodGet, "/stacks/"+e.stack+"/operations/"+e.operation, "", "")
			var op struct{ State, Result, Error string }
			switch {
			case err != nil:
				ends[i] = err.Error()
			case status == http.StatusNotFound && forgets:
				ends[i] = "forgotten"
			case status != http.StatusOK || json.Unmarshal(body, &op) != nil:
				ends[i] = fmt.Sprintf("%d %.200s", status, body)
			default:
				ends[i] = strings.TrimSpace(op.State + " " + op.Result + " " + op.Error)
			}
		}
		// If other deltas cancel a delta out, its operation ends without a change.
		isEnd := ends[0] == "done scaled" || ends[0] == "forgotten" || strings.HasPrefix(ends[0], "done no-change")
		if isEnd && ends[1] == ends[0] && ends[2] == ends[0] {
			return ""
		}
		if ctx.Err() != nil || time.Now().After(end) {
			return fmt.Sprintf("operation %s is %q", e.operation, ends)
		}
	}
}

// counts says what is wrong with the counts of a stack. What was accepted, the history, the state, the workers, and the
// config files of all replicas must agree.
func (st *site) counts(ctx context.Context, stack string) string {
	c, err := st.Counts(ctx, st.programs[stack], stack, pool)
	if err != nil {
		return err.Error()
	}
	want := st.want[stack]
	files := make([]string, 3)
	agree := c.History == want && c.State == want && c.Workers == want
	for i, r := range st.replicas {
		text, err := os.ReadFile(filepath.Join(r.dir, stack, "Pulumi.dev.yaml"))
		if err != nil {
			return err.Error()
		}
		if m := regexp.MustCompile(`(?m)-size: "?(\d+)"?$`).FindSubmatch(text); m != nil {
			files[i] = string(m[1])
		}
		agree = agree && files[i] == fmt.Sprint(want)
	}
	if agree {
		return ""
	}
	return fmt.Sprintf("%s: what was accepted makes %d; the history has %d, the state %d, there are %d workers, and the replicas' files have %v", stack, want, c.History, c.State, c.Workers, files)
}

// scanLogs looks for what must never be in a log.
func (st *site) scanLogs() (breaches []string) {
	for _, r := range st.replicas {
		r.mu.Lock()
		server := r.server
		r.mu.Unlock()
		if server == nil {
			breaches = append(breaches, r.name+" is down")
			continue
		}
		text, err := os.ReadFile(server.Log)
		if err != nil {
			return append(breaches, err.Error())
		}
		for _, never := range []string{"panic", "DATA RACE", "goroutine ", lab.Token, lab.Passphrase} {
			if at := bytes.Index(text, []byte(never)); at >= 0 {
				breaches = append(breaches, fmt.Sprintf("%s says %.1000q", r.name, text[at:]))
			}
		}
	}
	return breaches
}
