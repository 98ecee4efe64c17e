package board

import (
	"testing"
	"time"
)

func check(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLeft(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Millisecond: "1s", 90 * time.Second: "1m30s", 5 * time.Minute: "5m", time.Hour: "1h", 2*time.Hour + 10*time.Second: "2h0m10s", 20 * time.Second: "20s",
	} {
		check(t, Left(d), want)
	}
}

func TestElapsed(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0.0s", 40 * time.Millisecond: "0.0s", 3240 * time.Millisecond: "3.2s", 12700 * time.Millisecond: "13s", 65 * time.Second: "1m5s",
	} {
		check(t, Elapsed(d), want)
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Minute: "just now", 900 * time.Millisecond: "just now", time.Second: "1s ago", 59 * time.Minute: "59m ago", 47 * time.Hour: "47h ago", 50 * time.Hour: "2d ago",
	} {
		check(t, Ago(d), want)
	}
}

func TestCooldownLeft(t *testing.T) {
	for _, c := range []struct {
		up, down time.Duration
		want     string
	}{
		{0, -time.Second, ""}, {time.Minute, time.Minute, "1m"}, {time.Minute, 0, "up 1m"}, {0, time.Minute, "down 1m"}, {time.Minute, time.Hour, "up 1m, down 1h"},
	} {
		check(t, CooldownLeft(c.up, c.down), c.want)
	}
}

func TestNeverScaled(t *testing.T) {
	for among, want := range map[int]string{0: "never", 20: "not in the last 20 updates"} {
		if got := NeverScaled(among); got != want {
			t.Errorf("%d: %s", among, got)
		}
	}
}
