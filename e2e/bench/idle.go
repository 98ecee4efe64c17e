package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// idleTime is how long after its start a server is looked at.
const idleTime = 5 * time.Second

// idle measures the memory of a server that does nothing.
func (b *bench) idle(ctx context.Context) ([]row, error) {
	st, err := b.deploy(ctx, "idle", shape{pools: 1, rule: "cooldown: 0s"})
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
	defer func() { err = errors.Join(err, sv.Stop()) }()
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(idleTime):
	}
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(sv.PID()), "status"))
	if err != nil {
		return 0, err
	}
	return number(string(text), `VmRSS:\s+(\d+) kB`) / 1024, nil
}
