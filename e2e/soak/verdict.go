package main

import (
	"fmt"
	"io"
	"slices"
)

// verdict is a promise and what was found of it.
type verdict struct {
	promise, measured string
	// breaches say how the promise was not kept. If there are none, it was kept.
	breaches []string
}

const (
	mebibyte = 1 << 20
	kibibyte = 1 << 10
)

// fewest is how many events there must be for growth to be told from chance. The second fifth and the last are three
// fifths apart, so that a leak of one goroutine for every 1,000 events shows as three.
const fewest = 5000

// flat is something that must not grow.
type flat struct {
	name string
	of   func(sample) float64
	// slack is by how much the median may differ without any leak. It is the same however long the soak is.
	slack  float64
	unit   float64
	format string
}

// flats are what must not grow, with their tolerances.
//
// What is counted is exact at rest, except for a goroutine that comes and goes, such as one that reads a connection
// that has just been closed. Two more are no leak. Three are what a leak of one for every 1,000 events comes to in the
// shortest soak that can tell.
//
// Memory is not exact. A collection in the middle of the load last counted how much is live. That differs by the
// requests and the engine's output that were in use at that time: by less than 1.5 MiB from sample to sample. The
// resident memory differs by what the collector has not given back to the kernel yet. Mapped files do not count,
// because the journal is one and has its own bound.
func flats() []flat {
	return []flat{
		{"goroutines", func(s sample) float64 { return s.goroutines }, 2, 1, "%.0f"},
		{"file descriptors", func(s sample) float64 { return s.files }, 2, 1, "%.0f"},
		{"child processes", func(s sample) float64 { return s.children }, 0, 1, "%.0f"},
		{"files left behind", func(s sample) float64 { return s.left }, 2, 1, "%.0f"},
		{"live heap", func(s sample) float64 { return s.live }, 2 * mebibyte, mebibyte, "%.1f MiB"},
		{"resident memory without files", func(s sample) float64 { return s.anonymous }, 6 * mebibyte, mebibyte, "%.1f MiB"},
	}
}

// flatness compares the last fifth of the samples with the second one. The first fifth is for warming up.
func flatness(samples []sample) []verdict {
	fifth := len(samples) / 5
	early, late := samples[fifth:2*fifth], samples[len(samples)-fifth:]
	events := late[len(late)/2].events - early[len(early)/2].events
	var out []verdict
	for _, f := range flats() {
		before, after := median(early, f.of), median(late, f.of)
		v := verdict{promise: f.name + ": flat", measured: fmt.Sprintf(f.format+" to "+f.format+", at most "+f.format+" more",
			before/f.unit, after/f.unit, f.slack/f.unit)}
		switch {
		case after-before > f.slack:
			v.breaches = []string{fmt.Sprintf("grew by %.2f per 1,000 events", (after-before)/f.unit/float64(events)*1000)}
		case samples[len(samples)-1].events < fewest:
			v.measured += fmt.Sprintf(" (too few events to tell: %d are needed)", fewest)
		}
		out = append(out, v)
	}
	return out
}

func median(samples []sample, of func(sample) float64) float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// The journal's bound. It keeps the newest operations that have ended, and ten times as many of those with a key,
// because their senders may repeat them. It forgets the others now and then. Each takes about 1.6 KiB with its places
// in the indexes. The file grows by doubling.
const (
	keptOperations = 10_000
	keptKeyed      = 10 * keptOperations
	forgetsEvery   = 600 // seconds
	operationSize  = 4 * kibibyte
	emptyJournal   = mebibyte
)

// bounded says whether the state directory has kept within its bound.
func bounded(samples []sample, accepted int, rate float64) verdict {
	events := samples[len(samples)-1].events
	perSecond := float64(accepted) / float64(events) * rate
	kept := min(accepted, keptOperations+keptKeyed+int(perSecond*forgetsEvery))
	bound := float64(emptyJournal + kept*operationSize)
	most := 0.0
	for _, s := range samples {
		most = max(most, s.state)
	}
	v := verdict{promise: "journal: bounded"}
	v.measured = fmt.Sprintf("%.1f MiB for %d operations, at most %.1f MiB", most/mebibyte, accepted, bound/mebibyte)
	if most > bound {
		v.breaches = []string{fmt.Sprintf("%.0f bytes per operation", most/float64(max(accepted, 1)))}
	}
	return v
}

// printer writes the report. It keeps the first error.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format, args...)
	}
}

func (p *printer) head() {
	p.printf("| events | goroutines | descriptors | children | files | live heap | anonymous | resident | journal |\n")
	p.printf("|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
}

func (p *printer) sample(s sample) {
	p.printf("| %d | %.0f | %.0f | %.0f | %.0f | %.2f MiB | %.1f MiB | %.1f MiB | %.2f MiB |\n",
		s.events, s.goroutines, s.files, s.children, s.left, s.live/mebibyte, s.anonymous/mebibyte, s.resident/mebibyte, s.journal/mebibyte)
}

func (p *printer) answers(s *sender) {
	p.printf("\n| event | answers | slowest |\n|---|---|--:|\n")
	for _, line := range s.table() {
		p.printf("%s\n", line)
	}
	p.printf("\nAn event was sent at most %d ms after its time.\n\n| promise | found | kept |\n|---|---|---|\n", s.late.Milliseconds())
}

// shownBreaches is how many breaches of a promise are shown.
const shownBreaches = 5

// verdicts prints the verdicts and returns how many promises were broken.
func (p *printer) verdicts(all []verdict) (broken int) {
	for _, v := range all {
		kept := "yes"
		if len(v.breaches) > 0 {
			kept = "NO"
			broken++
		}
		p.printf("| %s | %s | %s |\n", v.promise, v.measured, kept)
	}
	for _, v := range all {
		for i, breach := range v.breaches {
			if i == shownBreaches {
				p.printf("  and %d more\n", len(v.breaches)-i)
				break
			}
			p.printf("  %s: %s\n", v.promise, breach)
		}
	}
	return broken
}
