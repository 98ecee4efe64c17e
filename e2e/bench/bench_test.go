package main

import (
	"strings"
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	values := []float64{10, 20, 30, 40}
	for q, want := range map[float64]float64{0: 10, 0.5: 25, 1: 40} {
		if got := quantile(values, q); got != want {
			t.Errorf("quantile %g is %g, want %g", q, got, want)
		}
	}
	if got := quantile([]float64{7}, 0.75); got != 7 {
		t.Errorf("of a single value it is %g, want 7", got)
	}
}

func TestRatioIsTheMedianOfTheRounds(t *testing.T) {
	ms := func(n ...int) *way {
		w := &way{}
		for _, t := range n {
			w.times = append(w.times, time.Duration(t)*time.Millisecond)
		}
		return w
	}
	// The machine was slower in the last round, for both.
	got := atMost(ms(110, 120, 1100), ms(100, 100, 1000), 1.15)
	if want := "**1.10** (1.10 to 1.15)"; got.found != want || !got.met {
		t.Errorf("it is %s, met %v; want %s", got.found, got.met, want)
	}
	if atMost(ms(120), ms(100), 1.15).met {
		t.Error("1.2 is taken for at most 1.15")
	}
}

func TestCommandIsTheWordsThatAreNoFlags(t *testing.T) {
	for line, want := range map[string]string{
		"up --yes --target x":                           "up",
		"--non-interactive --color never stack history": "stack history",
		"--color never stack export --stack dev":        "stack export",
		"stack --show-name":                             "stack",
		"--non-interactive":                             "",
	} {
		if got := command(strings.Fields(line)); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// A pool that is set to the count that it has is not scaled, and a time without a scaling is worthless.
func TestCountsAlwaysScale(t *testing.T) {
	for ways := range 3 {
		last := initial + 1 + ways // as the counting of processes leaves it
		for round := range 50 {
			for i := range ways + 1 {
				count := counts(round)
				if ways == 2 {
					count = counts(3*round + i)
				}
				if ways != 1 && count == last {
					t.Errorf("%d ways: round %d sets it to %d, which it is", ways+1, round, count)
				}
				last = count
			}
		}
	}
}

func TestNumber(t *testing.T) {
	const text = "  9001 requests in 3.10s, 1.00MB read\n  Non-2xx or 3xx responses: 12\nRequests/sec:   2903.55\n"
	for pattern, want := range map[string]float64{
		`requests in ([\d.]+)s`: 3.1, `Non-2xx or 3xx responses: (\d+)`: 12, `Requests/sec: +([\d.]+)`: 2903.55, `none (\d+)`: 0,
	} {
		if got := number(text, pattern); got != want {
			t.Errorf("%s: %g, want %g", pattern, got, want)
		}
	}
}
