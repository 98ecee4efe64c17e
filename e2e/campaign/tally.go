//go:build linux

package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// tally is what the rounds of a kind came to.
type tally struct {
	rounds, broken int
	took           time.Duration
	counts         map[string]int
}

// note adds a round.
func (c *campaign) note(kind string, r *round, broken bool, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tallies[kind]
	if t == nil {
		t = &tally{counts: map[string]int{}}
		c.tallies[kind] = t
	}
	t.rounds++
	t.took += took
	if broken {
		t.broken++
		c.broken++
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for what, n := range r.counts {
		t.counts[what] += n
	}
}

// progress says every ten seconds how far the campaign is.
func (c *campaign) progress(ctx context.Context) {
	ticker := time.NewTicker(10 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		c.mu.Lock()
		var parts []string
		for _, kind := range kindNames() {
			if t := c.tallies[kind.name]; t != nil {
				parts = append(parts, fmt.Sprintf("%s %d", kind.name, t.rounds))
			}
		}
		c.say("%8s  %s, broken %d", time.Since(c.began).Round(time.Second), strings.Join(parts, ", "), c.broken)
		c.mu.Unlock()
	}
}

// columns are the counts that every kind has. The others are listed below the table.
func columns() []string {
	return []string{"requests", "unanswered", "503", "accepted", "scale runs", "plain ups", "scaled", "refused", "pending", "failed", "unverified", "kills", "engines killed"}
}

// table is the summary.
func (c *campaign) table() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(w, "\nkind\trounds\tbroken\ts/round\t%s\t\n", strings.Join(columns(), "\t"))
	var notes []string
	for _, kind := range kindNames() {
		t := c.tallies[kind.name]
		if t == nil {
			continue
		}
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%.1f\t", kind.name, t.rounds, t.broken, t.took.Seconds()/float64(t.rounds))
		for _, column := range columns() {
			_, _ = fmt.Fprintf(w, "%d\t", t.counts[column])
		}
		_, _ = fmt.Fprintln(w)
		var more []string
		for _, what := range slices.Sorted(maps.Keys(t.counts)) {
			if !slices.Contains(columns(), what) {
				more = append(more, fmt.Sprintf("%s %d", what, t.counts[what]))
			}
		}
		if len(more) > 0 {
			notes = append(notes, kind.name+": "+strings.Join(more, ", "))
		}
	}
	_ = w.Flush()
	return b.String() + strings.Join(notes, "\n") + fmt.Sprintf("\n\nseed %d, %s, %d rounds of %d, %d broken",
		c.seed, time.Since(c.began).Round(time.Second), c.next, len(c.plan), c.broken)
}
