package scale

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestHistory(t *testing.T) {
	recent := []Update{update(time.Minute, "worker", "5", "api", "4"), update(2*time.Minute, "worker", "5", "api", "2"), update(3*time.Minute, "worker", "3", "api", "2")}
	older := append(slices.Clone(recent), update(4*time.Minute, "worker", "9", "api", "2"))
	for _, c := range []struct {
		name, pool string
		complete   bool
		limit      int
		want       []string
		calls      []string
	}{
		{"of all pools, newest first", "", true, 0, []string{"api 2 -> 4", "worker 3 -> 5"}, []string{"read"}},
		{"of one pool", "worker", true, 0, []string{"worker 3 -> 5"}, []string{"read"}},
		{"of what is older", "worker", false, 0, []string{"worker 3 -> 5", "worker 9 -> 3"}, []string{"read", "history"}},
		{"of which there are more", "", true, 1, []string{"api 2 -> 4"}, []string{"read"}},
		{"of which those that were read are enough", "", false, 2, []string{"api 2 -> 4", "worker 3 -> 5"}, []string{"read"}},
		{"of which those that were read are not enough", "", false, 3, []string{"api 2 -> 4", "worker 3 -> 5", "worker 9 -> 3"}, []string{"read", "history"}},
		{"of which there are fewer", "worker", true, 9, []string{"worker 3 -> 5"}, []string{"read"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := newFake(t, snapshot(withUpdates(recent...), func(s *Snapshot) { s.Complete = c.complete }))
			fake.onHistory = func() ([]Update, error) { return older, nil }
			scalings, err := fake.scaler().History(context.Background(), c.pool, c.limit)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range scalings {
				got = append(got, Move{Pool: s.Pool, From: &s.From, To: s.To}.String())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.calls, fake.calls); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	var unknown *UnknownPoolError
	if _, err := newFake(t, snapshot()).scaler().History(context.Background(), "worke", 0); !errors.As(err, &unknown) || unknown.Nearest != "worker" {
		t.Errorf("of a pool that is not there: %v", err)
	}
}

// The newest updates alone do not tell whether the first of them that tells a pool's count has changed it.
func TestHistoryLeavesNoGap(t *testing.T) {
	newest := []Update{
		update(time.Minute, "worker", "5", "api", "4"), update(2*time.Minute, "worker", "4", "api", "2"),
		update(3*time.Minute, "worker", "4", "api", "2").by(ours + "1").outdated(), update(4*time.Minute, "worker", "3", "api", "2").by(ours + "2").outdated(),
	}
	all := append(slices.Clone(newest), update(5*time.Minute, "worker", "3", "api", "1"))
	for i := range all {
		fake := newFake(t, snapshot(withUpdates(newest...), func(s *Snapshot) { s.Complete = false }))
		fake.onHistory = func() ([]Update, error) { return all, nil }
		got, err := fake.scaler().History(context.Background(), "", i)
		if err != nil {
			t.Fatal(err)
		}
		if want := ScalingsOf(all, []string{"api", "worker"}); i > 0 && !cmp.Equal(want[:min(i, len(want))], got) {
			t.Errorf("%d: -want +got:\n%s", i, cmp.Diff(want[:min(i, len(want))], got))
		}
	}
}
