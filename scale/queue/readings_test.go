package queue

import (
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestReadingsAreShared(t *testing.T) {
	var r readings
	join := func(since time.Time, updates int, want *reading, wantBegins bool) *reading {
		t.Helper()
		got, begins := r.join(since, updates)
		if begins != wantBegins || want != nil && got != want {
			t.Errorf("joined %p, begins %v; want %p, %v", got, begins, want, wantBegins)
		}
		return got
	}
	at := func(s int) time.Time { return scaletest.Noon.Add(time.Duration(s) * time.Second) }

	first := join(at(0), 0, nil, true)
	r.begin(first, at(1), 0)
	join(at(1), 0, first, false)             // it began late enough
	second := join(at(2), 0, nil, true)      // it began too early
	r.begin(second, at(2), 0)                //
	third := join(at(2), 1, nil, false)      // an update of ours has ended since, and two are under way
	join(at(9), 2, third, false)             // whoever comes now waits for the same one
	if next := r.end(first); next != third { // also one that hangs for long makes room in the end
		t.Fatalf("the next one is %p", next)
	}
	r.begin(third, at(10), 2)
	if r.end(second) != nil || r.end(third) != nil || r.newest != nil || r.underWay != 0 {
		t.Errorf("all have ended: %+v", r)
	}
}
