package serving

import (
	"testing"
	"time"
)

func TestUnhurriedKeepsToTheBudget(t *testing.T) {
	for _, c := range []struct {
		stacks, budget int
		poll           time.Duration
		want           float64
	}{
		{1, 120, 30 * time.Second, 1},
		{30, 120, 30 * time.Second, 1},
		{60, 120, 30 * time.Second, 2},
		{1000, 120, 30 * time.Second, 100.0 / 3},
		{1000, 4000, 30 * time.Second, 1},
		{1000, 120, time.Hour, 1},
	} {
		got := unhurried(c.stacks, c.poll, c.budget)
		if diff := got - c.want; diff > 0.001 || diff < -0.001 {
			t.Errorf("%d stacks, %s, %d processes: got %g, want %g", c.stacks, c.poll, c.budget, got, c.want)
		}
	}
}
