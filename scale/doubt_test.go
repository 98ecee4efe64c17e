package scale_test

import (
	"testing"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestACountThatIsNotProvedIsNotCountedOn(t *testing.T) {
	doubt := scale.Doubt{From: new(2), To: 3, Reason: "r", Stays: true}
	for _, c := range []struct {
		name string
		edit func(*scale.Snapshot, *scale.Doubt)
		want int
	}{
		{"the count before holds", func(*scale.Snapshot, *scale.Doubt) {}, 2},
		{"not where the pool may have moved all the same", func(_ *scale.Snapshot, d *scale.Doubt) { d.Stays = false }, 3},
		{"not once somebody has updated the stack", func(_ *scale.Snapshot, d *scale.Doubt) { d.Since = true }, 3},
		{"not where it was not known", func(_ *scale.Snapshot, d *scale.Doubt) { d.From = nil }, 3},
		{"not where the real size is known", func(s *scale.Snapshot, _ *scale.Doubt) {
			scaletest.WithRule("worker", func(r *scale.Rule) { r.Current = new(7) })(s)
		}, 7},
		{"not where the pool is unsettled", func(s *scale.Snapshot, _ *scale.Doubt) { s.Unsettled = []string{"worker"} }, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap, d := scaletest.Snapshot(), doubt
			c.edit(snap, &d)
			snap.Unverified = map[string]scale.Doubt{"worker": d}
			status := snap.Standing(snap.Rules["worker"], scaletest.Noon)
			if *status.Count != c.want || *status.Configured != 3 || status.Unverified == nil {
				t.Errorf("count %d, %+v", *status.Count, status)
			}
		})
	}
}
