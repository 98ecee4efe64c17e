package scaler

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestWhatOthersBuiltOnAnOvertakenUpdateIsKept(t *testing.T) {
	others := func(worker, api string) scale.Update {
		return scaletest.By(scaletest.Update(0, "worker", worker, "api", api), "somebody's")
	}
	first := outdated(scaletest.By(scaletest.Update(0, "worker", "5", "api", "2"), ours+"1"))
	for _, c := range []struct {
		name   string
		intent scale.Intent
		// updates is the history after the first update, newest first.
		updates []scale.Update
		want    []string
	}{
		{
			"nothing is left to mend where another update has mended it", scaletest.ByDelta(2),
			[]scale.Update{others("6", "7"), first, others("3", "7")}, nil,
		},
		{
			"what is missing is added to what they made of it", scaletest.ByDelta(2),
			[]scale.Update{others("6", "2"), first, others("4", "2")}, []string{"api=2 worker=7 pulumiscale: worker 6 -> 7"},
		},
		{
			"a count that they set stays", scaletest.ToCount(5),
			[]scale.Update{others("8", "2"), first, others("4", "2")}, nil,
		},
		{
			"within the guardrails", scaletest.ByDelta(2),
			[]scale.Update{others("10", "2"), first, others("9", "2")}, nil,
		},
		{
			"a key that is still out of date is mended alone", scaletest.ByDelta(2),
			[]scale.Update{first, others("3", "7")}, []string{"api=7 worker=5 pulumiscale: restores config values that an overlapping scaling had overwritten"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := overtaken(t, scaletest.NoCooldown, append(c.updates, scaletest.Update(24*time.Hour, "worker", "3", "api", "2")))
			if _, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{c.intent}, nil); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, u := range fake.Updated[1:] {
				got = append(got, fmt.Sprintf("api=%s worker=%s %s", *u.Settings[0].Value, *u.Settings[1].Value, u.Message))
				targets := []string{scaletest.WorkerURN}
				if len(u.Pools) == 0 {
					targets = []string{scaletest.StackURN} // the pool may have been scaled again by then
				}
				if diff := cmp.Diff(targets, u.Targets); diff != "" {
					t.Errorf("targets: -want +got:\n%s", diff)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestOutdatedValuesOfAnOvertakenUpdateDoNotCount(t *testing.T) {
	s := scaletest.Snapshot(scaletest.WithUpdates(
		outdated(scaletest.Update(time.Second, "worker", "5", "api", "2")), scaletest.Update(time.Minute, "worker", "3", "api", "7"), scaletest.Update(time.Hour, "worker", "3", "api", "2"),
	))
	for pool, want := range map[string]string{"worker": "5", "api": "7"} {
		if got := s.Configured(pool); got == nil || *got != want {
			t.Errorf("%s is %v, want %s", pool, got, want)
		}
	}
	if got := scale.Scalings(s.Updates, "api"); len(got) != 1 || got[0].From != 2 || got[0].To != 7 {
		t.Errorf("scalings of api: %+v", got)
	}
	if got := scale.Scalings(s.Updates, "worker"); len(got) != 1 || got[0].To != 5 {
		t.Errorf("scalings of worker: %+v", got)
	}
}
