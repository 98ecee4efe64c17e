//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

// A server may hold so much more than before, at rest: a connection or two that are just being closed, and what the
// queue remembers of the hundreds of operations that there were.
const (
	moreGoroutines = 3
	moreFiles      = 3
	moreLive       = 12 << 20
	restTimeout    = 20 * time.Second
)

// holdings is what the server holds.
func (b *battery) holdings(ctx context.Context) (lab.Holdings, error) {
	status, text, err := b.ask(ctx, http.MethodGet, "/metrics", "")
	if err != nil || status != http.StatusOK {
		return lab.Holdings{}, fmt.Errorf("GET /metrics: %d %w", status, err)
	}
	return b.server.Holdings(text)
}

// compare waits until the server holds hardly more than before. It tells if that does not come about.
func (b *battery) compare(ctx context.Context, name string, before lab.Holdings) {
	var now lab.Holdings
	var faults []string
	for deadline := time.Now().Add(restTimeout); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(250 * time.Millisecond) {
		var err error
		if now, err = b.holdings(ctx); err != nil {
			faults = []string{err.Error()}
			continue
		}
		faults = nil
		for what, grown := range map[string][2]float64{
			"goroutines": {now.Goroutines - before.Goroutines, moreGoroutines}, "file descriptors": {now.Files - before.Files, moreFiles},
			"bytes of live heap": {now.Live - before.Live, moreLive}, "child processes": {now.Children - before.Children, 0},
		} {
			if grown[0] > grown[1] {
				faults = append(faults, fmt.Sprintf("it holds %.0f %s more than at first", grown[0], what))
			}
		}
		if len(faults) == 0 {
			break
		}
	}
	b.say("%s: %.0f goroutines, %.0f descriptors, %.1f MiB of live heap; at first %.0f, %.0f and %.1f MiB; resident at most %.0f MiB", name,
		now.Goroutines, now.Files, now.Live/(1<<20), before.Goroutines, before.Files, before.Live/(1<<20), now.Peak/(1<<20))
	b.tally.count("servers", name+": what it holds", true, "", faults)
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
