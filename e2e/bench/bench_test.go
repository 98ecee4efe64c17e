package main

import (
	"strings"
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	times := []time.Duration{10, 20, 30, 40}
	for q, want := range map[float64]time.Duration{0: 10, 0.5: 25, 1: 40} {
		if got := quantile(times, q); got != want {
			t.Errorf("quantile %g is %d, want %d", q, got, want)
		}
	}
	if got := quantile([]time.Duration{7}, 0.75); got != 7 {
		t.Errorf("of a single time it is %d, want 7", got)
	}
}

func TestCommandIsTheFirstArgumentThatIsNoFlag(t *testing.T) {
	for line, want := range map[string]string{
		"up --yes --target x":                           "up",
		"--non-interactive --color never stack history": "stack",
		"--non-interactive":                             "",
	} {
		if got := command(strings.Fields(line)); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
