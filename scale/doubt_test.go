package scale

import "testing"

func TestACountThatIsNotProvedIsNotCountedOn(t *testing.T) {
	doubt := Doubt{From: new(2), To: 3, Reason: "r", Stays: true}
	for _, c := range []struct {
		name string
		edit func(*Snapshot, *Doubt)
		want int
	}{
		{"the count before holds", func(*Snapshot, *Doubt) {}, 2},
		{"not where the pool may have moved all the same", func(_ *Snapshot, d *Doubt) { d.Stays = false }, 3},
		{"not once somebody has updated the stack", func(_ *Snapshot, d *Doubt) { d.Since = true }, 3},
		{"not where it was not known", func(_ *Snapshot, d *Doubt) { d.From = nil }, 3},
		{"not where the real size is known", func(s *Snapshot, _ *Doubt) { withRule("worker", func(r *Rule) { r.Current = new(7) })(s) }, 7},
		{"not where the pool is unsettled", func(s *Snapshot, _ *Doubt) { s.Unsettled = []string{"worker"} }, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap, d := snapshot(), doubt
			c.edit(snap, &d)
			snap.Unverified = map[string]Doubt{"worker": d}
			status := snap.Status(snap.Rules["worker"], noon)
			if *status.Count != c.want || *status.Configured != 3 || status.Unverified == nil {
				t.Errorf("count %d, %+v", *status.Count, status)
			}
		})
	}
}
