package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// The number of a burst's alerts, the number of the pools that they are for, and those pools' cooldown.
const (
	burstAlerts   = 1000
	burstPools    = 20
	burstCooldown = 3 * time.Second
)

// burst compares a thousand alerts for twenty pools in one second with one update of one pool, of the same stack.
func (b *bench) burst(ctx context.Context) (rows []row, err error) {
	if !b.Has(ctx, "vegeta") {
		b.say("  skipped: there is no vegeta")
		return nil, nil
	}
	// One more pool is deployed: the last one is the one that is updated by itself.
	st, err := b.deploy(ctx, "burst", shape{pools: burstPools + 1, rule: fmt.Sprintf("cooldown: %.0fs", burstCooldown.Seconds())})
	if err != nil {
		return nil, err
	}
	sv, err := st.serve(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, sv.Stop()) }()
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

// alerts sends an alert for each of the pools, at a thousand per second, once the cooldown is over. It returns how long
// it took until all were answered and done, and how many updates that took. Each pool must then have one worker more.
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
	a, err := b.attack(ctx, sv.URL+"/webhook/prometheus", burstAlerts, bodies)
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
	text, err := s.lab.Exec(ctx, s.dir, nil, "pulumi", "stack", "history", "--json", "--page-size", "0", "--non-interactive")
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
