package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The load: bounded in time and in connections.
const (
	loadTime      = 3 * time.Second
	loadConns     = 32
	latencyRate   = 500
	latencyTime   = 10 * time.Second
	mostLoads     = 5 // rounds, however many are asked for
	burstAlerts   = 1000
	burstPools    = 20
	burstCooldown = 3 * time.Second
	idleTime      = 5 * time.Second
)

// payload is a kind of request that is accepted and so on disk before it is answered.
type payload struct {
	id, name string
	// rule is what accepts each of them, whatever else goes on.
	rule, path string
	// lua is the body of a request for wrk; n is its number.
	lua string
	// body is the same for vegeta.
	body func(n int) string
}

func payloads() []payload {
	return []payload{
		{
			id: "direct", name: "`POST /scale`, a delta", rule: ", cooldown: 0s", path: "/scale/" + poolName(0),
			lua:  `'{"delta": ' .. (n % 2 * 2 - 1) .. '}'`,
			body: func(n int) string { return fmt.Sprintf(`{"delta": %d}`, n%2*2-1) },
		},
		{
			// In the cooldown, and while an update runs, only such a rule accepts an alert.
			id: "alert", name: "Alertmanager notification, a rule that defers", rule: ", cooldown: 1s, onCooldown: defer",
			path: "/webhook/" + poolName(0) + "/prometheus",
			lua:  `'` + fmt.Sprintf(notification, "' .. run .. string.format('%08x', n) .. '") + `'`,
			body: func(n int) string { return fmt.Sprintf(notification, fmt.Sprintf("%016x", n)) },
		},
	}
}

// notification is one of Alertmanager's; its verb is the alert's fingerprint.
const notification = `{"version":"4","status":"firing","receiver":"pulumiscale","groupKey":"{}","alerts":[{"status":"firing",` +
	`"labels":{"alertname":"JobsWait","pool":"pool-0"},"annotations":{"summary":"250 jobs wait"},` +
	`"startsAt":"2026-03-04T11:58:30.123Z","fingerprint":"%s"}]}`

// load compares how many webhooks per second are accepted with how many Debian's webhook takes.
func (b *bench) load(ctx context.Context) (rows []row, err error) {
	for _, tool := range []string{"wrk", "webhook"} {
		if !b.has(ctx, tool) {
			b.say("  skipped: there is no %s; `make bench` unpacks Debian's", tool)
			return nil, nil
		}
	}
	for _, p := range payloads() {
		st, err := b.deploy(ctx, "load-"+p.id, shape{pools: 1, rule: p.rule})
		if err != nil {
			return nil, err
		}
		var own, other []float64
		for round := range min(b.rounds, mostLoads) {
			b.say("  %s: round %d of %d", p.name, round+1, min(b.rounds, mostLoads))
			ours, err := b.loadServe(ctx, st, p, round)
			if err != nil {
				return nil, err
			}
			theirs, err := b.loadWebhook(ctx, p, round)
			if err != nil {
				return nil, err
			}
			own, other = append(own, ours), append(other, theirs)
		}
		found := spreadOf(ratios(own, other))
		rows = append(rows, row{
			what: "accepted webhooks per second, on disk: " + p.name, against: "Debian's `webhook` with `/bin/true`, the same payload",
			own: inWords(own, "/s"), other: inWords(other, "/s"), found: ratio(found), reach: "at least 2", met: found.median >= 2,
		})
	}
	return rows, nil
}

// loadServe loads a server, and returns how many requests it accepted per second.
func (b *bench) loadServe(ctx context.Context, st *stack, p payload, round int) (rate float64, err error) {
	sv, err := st.serve(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, sv.stop()) }()
	const accepted = `pulumiscale_webhooks_total{code="202"`
	before, err := sv.metric(ctx, accepted)
	if err != nil {
		return 0, err
	}
	out, err := b.wrk(ctx, sv.url+p.path, p, round)
	if err != nil {
		return 0, err
	}
	after, err := sv.metric(ctx, accepted)
	if err != nil {
		return 0, err
	}
	if refused := number(out, `Non-2xx or 3xx responses: (\d+)`); refused > 0 {
		b.say("    %.0f were refused, which do not count", refused)
	}
	if err := sv.agree(ctx); err != nil {
		return 0, err
	}
	return (after - before) / number(out, `requests in ([\d.]+)s`), nil
}

// agree waits until all that was accepted is done, and holds what the server says against the workers: nobody else knows the count.
func (sv *server) agree(ctx context.Context) error {
	if err := sv.settle(ctx); err != nil {
		return err
	}
	for i := range sv.stack.pools {
		var pool struct{ Count, Configured int }
		if err := sv.ask(ctx, http.MethodGet, "/pools/"+poolName(i), "", &pool, http.StatusOK); err != nil {
			return err
		}
		if pool.Count != pool.Configured {
			return fmt.Errorf("%s has %d workers and %d are configured", poolName(i), pool.Count, pool.Configured)
		}
		sv.stack.expected[i] = pool.Count
	}
	return sv.stack.check()
}

// wrk loads an address, and returns what it reports.
func (b *bench) wrk(ctx context.Context, url string, p payload, round int) (string, error) {
	script := b.path("load.lua")
	text := fmt.Sprintf("wrk.method = 'POST'\nlocal n, run = 0, '%08x'\n"+
		"function request()\n  n = n + 1\n  wrk.body = %s\n  return wrk.format()\nend\n"+
		"wrk.headers['Authorization'] = 'Bearer %s'\nwrk.headers['Content-Type'] = 'application/json'\n", round+1, p.lua, token)
	if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
		return "", err
	}
	return b.exec(ctx, b.dir, nil, "wrk", "--threads", "1", "--connections", strconv.Itoa(loadConns),
		"--duration", fmt.Sprintf("%.0fs", loadTime.Seconds()), "--script", script, url)
}

// number is the number that a pattern finds in a text; zero where it finds none.
func number(text, pattern string) float64 {
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		return 0
	}
	n, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		return 0
	}
	return n
}

// loadWebhook loads Debian's webhook, which checks the token as well, and returns how many requests it took per second.
func (b *bench) loadWebhook(ctx context.Context, p payload, round int) (rate float64, err error) {
	hooks := b.path("hooks.json")
	text := fmt.Sprintf(`[{"id": "scale", "execute-command": "/bin/true", "http-methods": ["POST"], "trigger-rule": {"match": `+
		`{"type": "value", "value": "Bearer %s", "parameter": {"source": "header", "name": "Authorization"}}}}]`, token)
	if err := os.WriteFile(hooks, []byte(text), 0o644); err != nil {
		return 0, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return 0, err
	}
	_, port, _ := strings.Cut(address, ":")
	cmd := b.command(ctx, b.dir, nil, "webhook", "-hooks", hooks, "-ip", "127.0.0.1", "-port", port)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // it says that it was ended by a signal
	}()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
			break
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("webhook does not listen: %w", err)
		}
	}
	out, err := b.wrk(ctx, "http://"+address+"/hooks/scale", p, round)
	if err != nil {
		return 0, err
	}
	if refused := number(out, `Non-2xx or 3xx responses: (\d+)`); refused > 0 {
		return 0, fmt.Errorf("webhook refuses %.0f requests", refused)
	}
	return number(out, `Requests/sec: +([\d.]+)`), nil
}

// attack is what vegeta reports.
type attack struct {
	Latencies struct {
		Median time.Duration `json:"50th"`
		P99    time.Duration `json:"99th"`
		Max    time.Duration `json:"max"`
	} `json:"latencies"`
	Requests int            `json:"requests"`
	Earliest time.Time      `json:"earliest"`
	End      time.Time      `json:"end"`
	Statuses map[string]int `json:"status_codes"`
	Errors   []string       `json:"errors"`
}

// attack sends bodies at a constant rate, whatever becomes of those before.
func (b *bench) attack(ctx context.Context, url string, rate int, bodies []string) (a attack, err error) {
	var targets strings.Builder
	for _, body := range bodies {
		fmt.Fprintf(&targets, `{"method":"POST","url":"%s","header":{"Authorization":["Bearer %s"],"Content-Type":["application/json"]},`+
			`"body":"%s"}`+"\n", url, token, base64.StdEncoding.EncodeToString([]byte(body)))
	}
	file, results := b.path("targets.json"), b.path("results.bin")
	if err := os.WriteFile(file, []byte(targets.String()), 0o644); err != nil {
		return a, err
	}
	duration := time.Duration(len(bodies)) * time.Second / time.Duration(rate)
	if _, err := b.exec(ctx, b.dir, nil, "vegeta", "attack", "-format", "json", "-targets", file, "-lazy", "-output", results,
		"-rate", strconv.Itoa(rate), "-duration", duration.String(), "-timeout", "60s"); err != nil {
		return a, err
	}
	text, err := b.exec(ctx, b.dir, nil, "vegeta", "report", "-type", "json", results)
	if err != nil {
		return a, err
	}
	err = json.Unmarshal([]byte(text), &a)
	return a, err
}

// understood says whether all requests were: one without an answer has its time, the client's timeout, and that is for the table to show.
func (a attack) understood() error {
	for status := range a.Statuses {
		if status != "0" && status != "200" && status != "202" && status != "503" {
			return fmt.Errorf("the answers were %v: %v", a.Statuses, a.Errors)
		}
	}
	return nil
}

// latency measures how long accepted webhooks take to be answered at a constant rate.
func (b *bench) latency(ctx context.Context) ([]row, error) {
	if !b.has(ctx, "vegeta") {
		b.say("  skipped: there is no vegeta")
		return nil, nil
	}
	var rows []row
	for _, p := range payloads() {
		st, err := b.deploy(ctx, "latency-"+p.id, shape{pools: 1, rule: p.rule})
		if err != nil {
			return nil, err
		}
		bodies := make([]string, latencyRate*int(latencyTime.Seconds()))
		var medians, slowest, shares []float64
		for round := range min(b.rounds, mostLoads) {
			b.say("  %s: round %d of %d", p.name, round+1, min(b.rounds, mostLoads))
			for i := range bodies {
				bodies[i] = p.body((round+1)*len(bodies) + i)
			}
			a, err := b.latencyOf(ctx, st, p, bodies)
			if err != nil {
				return nil, err
			}
			medians = append(medians, float64(a.Latencies.Median)/float64(time.Millisecond))
			slowest = append(slowest, float64(a.Latencies.P99)/float64(time.Millisecond))
			shares = append(shares, 100*float64(a.Statuses["202"])/float64(max(a.Requests, 1)))
		}
		found := spreadOf(slowest)
		rows = append(rows, row{
			what:    fmt.Sprintf("99th percentile of an accepted webhook at %d per second: %s", latencyRate, p.name),
			against: "the 15 s of SNS, the 5 s of EventBridge",
			own:     fmt.Sprintf("median %.1f ms, %.1f %% accepted", spreadOf(medians).median, spreadOf(shares).median),
			found:   fmt.Sprintf("**%.1f ms** (%.1f to %.1f)", found.median, found.low, found.high), reach: "under 25 ms", met: found.median < 25,
		})
	}
	return rows, nil
}

func (b *bench) latencyOf(ctx context.Context, st *stack, p payload, bodies []string) (a attack, err error) {
	sv, err := st.serve(ctx)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, sv.stop()) }()
	if a, err = b.attack(ctx, sv.url+p.path, latencyRate, bodies); err != nil {
		return a, err
	}
	if err := a.understood(); err != nil {
		return a, err
	}
	return a, sv.agree(ctx)
}

// burst compares a thousand alerts for twenty pools in one second with one update of one pool, of the same stack.
func (b *bench) burst(ctx context.Context) (rows []row, err error) {
	if !b.has(ctx, "vegeta") {
		b.say("  skipped: there is no vegeta")
		return nil, nil
	}
	// The last pool is the one that is updated by itself.
	st, err := b.deploy(ctx, "burst", shape{pools: burstPools + 1, rule: fmt.Sprintf(", cooldown: %.0fs", burstCooldown.Seconds())})
	if err != nil {
		return nil, err
	}
	sv, err := st.serve(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, sv.stop()) }()
	updates := 0
	one := &way{name: "one update of one pool", run: func(ctx context.Context, _ int) (time.Duration, error) {
		took, _, err := b.alerts(ctx, sv, []int{burstPools})
		return took, err
	}}
	all := &way{name: fmt.Sprintf("%d alerts for %d pools in one second", burstAlerts, burstPools)}
	all.run = func(ctx context.Context, _ int) (time.Duration, error) {
		pools := make([]int, burstAlerts)
		for i := range pools {
			pools[i] = i % burstPools
		}
		rand.Shuffle(len(pools), func(i, j int) { pools[i], pools[j] = pools[j], pools[i] })
		took, n, err := b.alerts(ctx, sv, pools)
		updates = max(updates, n)
		return took, err
	}
	if err := b.turns(ctx, one, all); err != nil {
		return nil, err
	}
	times := atMost(all, one, 2.5)
	times.what += ": until the last is done"
	return []row{
		{
			what: all.name, against: "engine updates run", found: fmt.Sprintf("**%d** at most", updates), reach: "at most 2", met: updates <= 2,
		},
		times,
	}, nil
}

// alerts sends an alert for each of the pools, at a thousand per second, once the cooldown is over. It returns how long it took until all
// are answered and done, and how many updates that took. Each pool must then have one worker more.
func (b *bench) alerts(ctx context.Context, sv *server, pools []int) (took time.Duration, updates int, err error) {
	select {
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	case <-time.After(burstCooldown + time.Second): // the history tells times to the second
	}
	if err := sv.settle(ctx); err != nil {
		return 0, 0, err
	}
	before, err := sv.stack.updates(ctx)
	if err != nil {
		return 0, 0, err
	}
	var bodies []string
	more := map[int]bool{}
	for _, pool := range pools {
		bodies = append(bodies, sv.alert(pool, nil))
		more[pool] = true
	}
	a, err := b.attack(ctx, sv.url+"/webhook/prometheus", burstAlerts, bodies)
	if err != nil {
		return 0, 0, err
	}
	if err := a.understood(); err != nil {
		return 0, 0, err
	}
	if err := sv.settle(ctx); err != nil {
		return 0, 0, err
	}
	var found struct{ Done []struct{ EndedAt time.Time } }
	if err := sv.ask(ctx, http.MethodGet, "/operations?limit=1", "", &found, http.StatusOK); err != nil || len(found.Done) == 0 {
		return 0, 0, errors.Join(err, errors.New("nothing was accepted"))
	}
	for pool := range more {
		sv.stack.expected[pool]++
	}
	after, err := sv.stack.updates(ctx)
	if err != nil {
		return 0, 0, err
	}
	end := a.End
	if last := found.Done[0].EndedAt; last.After(end) {
		end = last
	}
	return end.Sub(a.Earliest), after - before, sv.stack.check()
}

// updates counts the updates in the backend's history.
func (s *stack) updates(ctx context.Context) (n int, err error) {
	text, err := s.lab.exec(ctx, s.dir, nil, "pulumi", "stack", "history", "--json", "--page-size", "0", "--non-interactive")
	if err != nil {
		return 0, err
	}
	var history []struct{ Kind string }
	err = json.Unmarshal([]byte(text), &history)
	for _, update := range history {
		if update.Kind == "update" {
			n++
		}
	}
	return n, err
}

// idle measures the memory of a server that does nothing.
func (b *bench) idle(ctx context.Context) ([]row, error) {
	st, err := b.deploy(ctx, "idle", shape{pools: 1, rule: ", cooldown: 0s"})
	if err != nil {
		return nil, err
	}
	var sizes []float64
	for range min(b.rounds, mostLoads) {
		size, err := st.idle(ctx)
		if err != nil {
			return nil, err
		}
		sizes = append(sizes, size)
	}
	found := spreadOf(sizes)
	return []row{{
		what: "`serve`, idle: resident memory", found: fmt.Sprintf("**%.0f MiB** (%.0f to %.0f)", found.median, found.low, found.high),
		reach: "under 60 MiB", met: found.median < 60,
	}}, nil
}

// idle starts a server, waits, and returns its resident memory in MiB.
func (s *stack) idle(ctx context.Context) (size float64, err error) {
	sv, err := s.serve(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, sv.stop()) }()
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(idleTime):
	}
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(sv.cmd.Process.Pid), "status"))
	if err != nil {
		return 0, err
	}
	return number(string(text), `VmRSS:\s+(\d+) kB`) / 1024, nil
}
