package scaler

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestHistory(t *testing.T) {
	recent := []scale.Update{scaletest.Update(time.Minute, "worker", "5", "api", "4"), scaletest.Update(2*time.Minute, "worker", "5", "api", "2"), scaletest.Update(3*time.Minute, "worker", "3", "api", "2")}
	older := append(slices.Clone(recent), scaletest.Update(4*time.Minute, "worker", "9", "api", "2"))
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
			fake := scaletest.NewStack(t, scaletest.Snapshot(scaletest.WithUpdates(recent...), func(s *scale.Snapshot) { s.Complete = c.complete }))
			fake.OnHistory = func() ([]scale.Update, error) { return older, nil }
			scalings, err := scalerOf(fake).History(context.Background(), c.pool, c.limit)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range scalings {
				got = append(got, scale.Move{Pool: s.Pool, From: &s.From, To: s.To}.String())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.calls, fake.Calls); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	var unknown *scale.UnknownPoolError
	if _, err := scalerOf(scaletest.NewStack(t, scaletest.Snapshot())).History(context.Background(), "worke", 0); !errors.As(err, &unknown) || unknown.Nearest != "worker" {
		t.Errorf("of a pool that is not there: %v", err)
	}
}

// The newest updates alone do not tell whether the first of them that tells a pool's count has changed it.
func TestHistoryLeavesNoGap(t *testing.T) {
	newest := []scale.Update{
		scaletest.Update(time.Minute, "worker", "5", "api", "4"), scaletest.Update(2*time.Minute, "worker", "4", "api", "2"),
		outdated(scaletest.By(scaletest.Update(3*time.Minute, "worker", "4", "api", "2"), ours+"1")), outdated(scaletest.By(scaletest.Update(4*time.Minute, "worker", "3", "api", "2"), ours+"2")),
	}
	all := append(slices.Clone(newest), scaletest.Update(5*time.Minute, "worker", "3", "api", "1"))
	for i := range all {
		fake := scaletest.NewStack(t, scaletest.Snapshot(scaletest.WithUpdates(newest...), func(s *scale.Snapshot) { s.Complete = false }))
		fake.OnHistory = func() ([]scale.Update, error) { return all, nil }
		got, err := scalerOf(fake).History(context.Background(), "", i)
		if err != nil {
			t.Fatal(err)
		}
		if want := scale.ScalingsOf(all, []string{"api", "worker"}); i > 0 && !cmp.Equal(want[:min(i, len(want))], got) {
			t.Errorf("%d: -want +got:\n%s", i, cmp.Diff(want[:min(i, len(want))], got))
		}
	}
}

// The past is read as far back as it is asked for, and no further.
func TestPastReadsNoFurtherThanItMust(t *testing.T) {
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	update := func(hours int) scale.Update {
		three := "3"
		return scale.Update{Kind: "update", Succeeded: true, End: at.Add(-time.Duration(hours) * time.Hour), Values: map[string]*string{"worker": &three}}
	}
	for name, test := range map[string]struct {
		known    []scale.Update
		complete bool
		read     int
	}{
		"a reading that reaches back is enough": {[]scale.Update{update(1), update(7)}, false, 0},
		"so is one of the whole history":        {[]scale.Update{update(1)}, true, 0},
		"else the history is read, to its end":  {[]scale.Update{update(1)}, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			snap := scaletest.Snapshot()
			snap.Updates, snap.Complete = test.known, test.complete
			fake := scaletest.NewStack(t, snap)
			read := 0
			fake.OnHistory = func() ([]scale.Update, error) {
				read++
				return []scale.Update{update(1), update(2), update(7)}, nil
			}
			got, err := scalerOf(fake).Past(context.Background(), at.Add(-6*time.Hour))
			if err != nil || read != test.read || len(got.Updates) != len(test.known)+2*test.read {
				t.Errorf("%d updates by %d more readings, %v", len(got.Updates), read, err)
			}
		})
	}
}
