package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Accepted webhooks are sent at this rate, per second, for this long.
const (
	latencyRate = 500
	latencyTime = 10 * time.Second
)

// latency measures how long accepted webhooks take to be answered at a constant rate.
func (b *bench) latency(ctx context.Context) ([]row, error) {
	if !b.Has(ctx, "vegeta") {
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
	defer func() { err = errors.Join(err, sv.Stop()) }()
	if a, err = b.attack(ctx, sv.URL+p.path, latencyRate, bodies); err != nil {
		return a, err
	}
	if err := a.understood(); err != nil {
		return a, err
	}
	return a, sv.agree(ctx)
}
