//go:build campaign

package clock

import (
	"testing"
	"time"
)

func TestSteppedMovesTheWallClockAlone(t *testing.T) {
	now := time.Now()
	for _, step := range []time.Duration{time.Hour, -time.Hour, 24 * time.Hour} {
		got := stepped(now, step)
		if wall := got.Round(0).Sub(now.Round(0)); wall != step {
			t.Errorf("the wall clock moved by %s and not by %s", wall, step)
		}
		if between := got.Sub(now); between != 0 {
			t.Errorf("the monotonic clock moved by %s", between)
		}
	}
}
