package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// The load: bounded in time and in connections.
const (
	loadTime  = 3 * time.Second
	loadConns = 32
	mostLoads = 5 // rounds, however many are asked for
)

// payload is a kind of request that is accepted, and so is on disk before it is answered.
type payload struct {
	id, name string
	// rule is what accepts each of them, whatever else goes on.
	rule, path string
	// lua is the body of a request for wrk. In it n is the request's number.
	lua string
	// body is the same for vegeta.
	body func(n int) string
	// cooled says that a scaling comes first and that all requests arrive in its cooldown, so that no update runs
	// meanwhile.
	cooled bool
}

func payloads() []payload {
	return []payload{
		{
			id: "direct", name: "`POST /scale`, a delta", rule: "cooldown: 0s", path: "/scale/" + poolName(0),
			lua:  `'{"delta": ' .. (n % 2 * 2 - 1) .. '}'`,
			body: func(n int) string { return fmt.Sprintf(`{"delta": %d}`, n%2*2-1) },
		},
		alerts("alert", "Alertmanager notification, a rule that defers", "cooldown: 1s, onCooldown: defer"),
	}
}

// alerts are notifications of Alertmanager with one alert each, under a rule that defers: no other rule accepts them in
// the cooldown and while an update runs.
func alerts(id, name, rule string) payload {
	return payload{
		id: id, name: name, rule: rule, path: "/webhook/" + poolName(0) + "/prometheus",
		lua:  `'` + fmt.Sprintf(notification, "' .. run .. string.format('%08x', n) .. '") + `'`,
		body: func(n int) string { return fmt.Sprintf(notification, fmt.Sprintf("%016x", n)) },
	}
}

// notification is one of Alertmanager's. Its verb is the alert's fingerprint.
const notification = `{"version":"4","status":"firing","receiver":"pulumiscale","groupKey":"{}","alerts":[{"status":"firing",` +
	`"labels":{"alertname":"JobsWait","pool":"pool-0"},"annotations":{"summary":"250 jobs wait"},` +
	`"startsAt":"2026-03-04T11:58:30.123Z","fingerprint":"%s"}]}`

// load compares how many webhooks per second are accepted with how many Debian's webhook takes.
func (b *bench) load(ctx context.Context) (rows []row, err error) {
	for _, tool := range []string{"wrk", "webhook"} {
		if !b.Has(ctx, tool) {
			b.say("  skipped: there is no %s; `make bench` unpacks Debian's", tool)
			return nil, nil
		}
	}
	cooled := alerts("cooled", "Alertmanager notification, in a cooldown, while no update runs", "cooldown: 8s, onCooldown: defer")
	cooled.cooled = true
	for _, p := range append(payloads(), cooled) {
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
	defer func() { err = errors.Join(err, sv.Stop()) }()
	if p.cooled {
		if _, err := sv.scale(ctx, sv.stack.expected[0]+1); err != nil {
			return 0, err
		}
	}
	const accepted = `pulumiscale_webhooks_total{code="202"`
	before, err := sv.metric(ctx, accepted)
	if err != nil {
		return 0, err
	}
	out, err := b.wrk(ctx, sv.URL+p.path, p, round)
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

// agree waits until all that was accepted is done. Then it holds what the server says against the workers, because
// nobody else knows the count.
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
