package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// render makes the report, in Markdown.
func render(l *lab, rounds int, results []result) string {
	engine, err := l.exec(context.Background(), way{id: "."}, nil, "pulumi", "version")
	if err != nil {
		engine = "unknown"
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%d runs of each, in turns; Pulumi %s, %s/%s, %d CPUs, file backend, a provider that takes no time.\n",
		rounds, strings.TrimSpace(engine), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	group := ""
	var base time.Duration
	for _, r := range results {
		slices.Sort(r.times)
		median := quantile(r.times, 0.5)
		if r.group != group {
			group, base = r.group, median
			out.WriteString("\n| | median | middle half | min to max | ratio | engine processes | of them `pulumi up` |\n|---|---|---|---|---|---|---|\n")
		}
		fmt.Fprintf(&out, "| %s | %s | %s to %s | %s to %s | %.2f | %d | %d |\n", r.name, ms(median),
			ms(quantile(r.times, 0.25)), ms(quantile(r.times, 0.75)), ms(r.times[0]), ms(r.times[len(r.times)-1]),
			float64(median)/float64(base), r.processes, r.updates)
	}
	return out.String()
}

// quantile is a quantile of sorted times, between its neighbours by distance.
func quantile(times []time.Duration, q float64) time.Duration {
	at := q * float64(len(times)-1)
	low := int(at)
	high := min(low+1, len(times)-1)
	return times[low] + time.Duration((at-float64(low))*float64(times[high]-times[low]))
}

func ms(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }
