package main

import (
	"fmt"
	"runtime"
	"strings"
)

// row is a line of the table.
type row struct {
	what, against string
	// own and other are what was measured of both, in words. other may be empty.
	own, other string
	// found is what is held against the reach, in words.
	found string
	// reach is the limit, in words. met says whether it is kept.
	reach string
	met   bool
	// processes are the engine's processes, of both.
	processes string
}

// atMost is the row of two ways whose times are compared.
func atMost(a, b *way, limit float64) row {
	found := spreadOf(ratios(a.milliseconds(), b.milliseconds()))
	r := row{
		what: a.name, against: b.name, own: inWords(a.milliseconds(), "ms"), other: inWords(b.milliseconds(), "ms"),
		found: ratio(found), reach: fmt.Sprintf("at most %g", limit), met: found.median <= limit,
	}
	if a.processes != "" {
		r.processes = a.processes + " / " + b.processes
	}
	return r
}

func ratio(s spread) string { return fmt.Sprintf("**%.2f** (%.2f to %.2f)", s.median, s.low, s.high) }

// inWords is a median, with the middle half.
func inWords(values []float64, unit string) string {
	s := spreadOf(values)
	return fmt.Sprintf("%.0f %s (%.0f to %.0f)", s.median, unit, s.low, s.high)
}

// render makes the report, in Markdown. engine is the engine's version.
func render(engine string, rounds int, rows []row) string {
	var out strings.Builder
	fmt.Fprintf(&out, "Medians of %d rounds, in turns, with the middle half of them; Pulumi %s, %s/%s, %d CPUs, state in a folder unless a row says otherwise, "+
		"a provider that takes no time.\n\n", rounds, strings.TrimSpace(engine), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	out.WriteString("| what | against | its own | the other's | found | reach | met | engine processes |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		met := "yes"
		if !r.met {
			met = "no"
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", r.what, r.against, r.own, r.other, r.found, r.reach, met, r.processes)
	}
	return out.String()
}
