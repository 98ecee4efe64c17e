package scale_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// step is a scaling in short.
type step struct {
	From, To  int
	Age       time.Duration
	Succeeded bool
}

func TestScalings(t *testing.T) {
	const minute = time.Minute
	for _, c := range []struct {
		name    string
		updates []scale.Update
		want    []step
	}{
		{"no update is none", nil, nil},
		{"the first count is no scaling", []scale.Update{scaletest.Update(minute, "worker", "3")}, nil},
		{"a count given later for the first time is no scaling", []scale.Update{scaletest.Update(minute, "worker", "3"), scaletest.Update(2*minute, "worker", "-")}, nil},
		{
			"each change of the count is one, newest first", []scale.Update{scaletest.Update(minute, "worker", "4"), scaletest.Update(2*minute, "worker", "5"), scaletest.Update(3*minute, "worker", "3")},
			[]step{{5, 4, minute, true}, {3, 5, 2 * minute, true}},
		},
		{"an update that keeps the count is none", []scale.Update{scaletest.Update(minute, "worker", "3"), scaletest.Update(2*minute, "worker", "3")}, nil},
		{"another pool's change is none", []scale.Update{scaletest.Update(minute, "worker", "3", "api", "9"), scaletest.Update(2*minute, "worker", "3", "api", "1")}, nil},
		{
			"a failed one is one that did not succeed", []scale.Update{scaletest.Failed(scaletest.Update(minute, "worker", "5")), scaletest.Update(2*minute, "worker", "3")},
			[]step{{3, 5, minute, false}},
		},
		{
			"one after a failure is compared with the last success",
			[]scale.Update{scaletest.Update(minute, "worker", "5"), scaletest.Failed(scaletest.Update(2*minute, "worker", "5")), scaletest.Update(3*minute, "worker", "3")},
			[]step{{3, 5, minute, true}, {3, 5, 2 * minute, false}},
		},
		{
			"one back to the last success is none", []scale.Update{scaletest.Update(minute, "worker", "3"), scaletest.Failed(scaletest.Update(2*minute, "worker", "5")), scaletest.Update(3*minute, "worker", "3")},
			[]step{{3, 5, 2 * minute, false}},
		},
		{
			"a refresh or a destroy carries no count to a resource",
			[]scale.Update{scaletest.OfKind(scaletest.Update(minute, "worker", "9"), "refresh"), scaletest.OfKind(scaletest.Update(2*minute, "worker", "8"), "destroy"), scaletest.Update(3*minute, "worker", "3")}, nil,
		},
		{"what is no count is no scaling", []scale.Update{scaletest.Update(minute, "worker", "many"), scaletest.Update(2*minute, "worker", "3")}, nil},
		{
			"the first count that PulumiScale gives is one, from where it came",
			[]scale.Update{scaletest.OurUpdate(scaletest.Update(minute, "worker", "5"), "pulumiscale: worker 3 -> 5 (cli)", "worker"), scaletest.Update(2*minute, "worker", "-")}, []step{{3, 5, minute, true}},
		},
		{
			"of several pools in one update too, whatever their reasons say",
			[]scale.Update{scaletest.OurUpdate(scaletest.Update(minute, "worker", "5", "api", "2"), "pulumiscale: api 1 -> 2 (cli: see worker 9 -> 5); worker 3 -> 5", "api", "worker")},
			[]step{{3, 5, minute, true}},
		},
		{"but not where it was not known", []scale.Update{scaletest.OurUpdate(scaletest.Update(minute, "worker", "5"), "pulumiscale: worker ? -> 5", "worker")}, nil},
		{"nor where its count is another one", []scale.Update{scaletest.OurUpdate(scaletest.Update(minute, "worker", "5"), "pulumiscale: worker 3 -> 50", "worker")}, nil},
		{"nor of another pool", []scale.Update{scaletest.OurUpdate(scaletest.Update(minute, "worker", "5", "api", "2"), "pulumiscale: api 1 -> 2 (worker 3 -> 5)", "api")}, nil},
		{"nor somebody else's, whatever the message", []scale.Update{{Kind: scale.UpdateUpdate, Succeeded: true, Message: "pulumiscale: worker 3 -> 5", Values: scaletest.Texts("worker", "5")}}, nil},
		{
			"a failed one does not make somebody's first count one",
			[]scale.Update{scaletest.Update(minute, "worker", "7"), scaletest.Failed(scaletest.OurUpdate(scaletest.Update(2*minute, "worker", "5"), "pulumiscale: worker 3 -> 5", "worker"))}, []step{{3, 5, 2 * minute, false}},
		},
		{"a count after none is no scaling", []scale.Update{scaletest.Update(minute, "worker", "5"), scaletest.Update(2*minute, "worker", "-"), scaletest.Update(3*minute, "worker", "3")}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []step
			for _, s := range scale.Scalings(c.updates, "worker") {
				got = append(got, step{s.From, s.To, scaletest.Noon.Sub(s.End), s.Succeeded})
				if s.Pool != "worker" {
					t.Errorf("pool %q", s.Pool)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestSnapshotPool(t *testing.T) {
	const minute = time.Minute
	for _, c := range []struct {
		name    string
		rule    scaletest.RuleEdit
		updates []scale.Update
		want    scale.Pool
	}{
		{"without an update nothing is known", nil, nil, scale.Pool{}},
		{"the configured count stands for the present one", nil, []scale.Update{scaletest.Update(minute, "worker", "3")}, at(3)},
		{
			`"current" is the present count`, func(r *scale.Rule) { r.Current = new(4) }, []scale.Update{scaletest.Update(minute, "worker", "3")},
			scale.Pool{Count: new(4), Configured: new(3)},
		},
		{`"current" may be all that is known`, func(r *scale.Rule) { r.Current = new(4) }, nil, scale.Pool{Count: new(4)}},
		{"a failed update configures nothing", nil, []scale.Update{scaletest.Failed(scaletest.Update(minute, "worker", "25")), scaletest.Update(2*minute, "worker", "3")}, at(3)},
		{"a refresh configures nothing", nil, []scale.Update{scaletest.OfKind(scaletest.Update(minute, "worker", "25"), "refresh"), scaletest.Update(2*minute, "worker", "3")}, at(3)},
		{"a last update without the key leaves nothing", nil, []scale.Update{scaletest.Update(minute, "worker", "-"), scaletest.Update(2*minute, "worker", "3")}, scale.Pool{}},
		{
			"the last scaling of each direction counts", nil,
			[]scale.Update{scaletest.Update(minute, "worker", "4"), scaletest.Update(2*minute, "worker", "3"), scaletest.Update(3*minute, "worker", "6"), scaletest.Update(4*minute, "worker", "5"), scaletest.Update(5*minute, "worker", "1")},
			scaledAt(at(4), minute, 2*minute),
		},
		{
			"of several scalings in one direction the last counts", nil,
			[]scale.Update{scaletest.Update(minute, "worker", "2"), scaletest.Update(2*minute, "worker", "3"), scaletest.Update(3*minute, "worker", "4"), scaletest.Update(4*minute, "worker", "3"), scaletest.Update(5*minute, "worker", "2"), scaletest.Update(6*minute, "worker", "1")},
			scaledAt(at(2), 3*minute, minute),
		},
		{"a failed scaling starts no cooldown", nil, []scale.Update{scaletest.Failed(scaletest.Update(minute, "worker", "9")), scaletest.Update(2*minute, "worker", "3"), scaletest.Update(3*minute, "worker", "2")}, scaledAt(at(3), 2*minute, never)},
		{"the first count starts no cooldown", nil, []scale.Update{scaletest.Update(0, "worker", "3")}, at(3)},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := &scale.Snapshot{Updates: c.updates}
			got, err := snap.Pool(scaletest.RuleWith(c.rule))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestSnapshotPoolRefusesWhatIsNoCount(t *testing.T) {
	for _, text := range []string{"many", "-1", "2.5", "", `{"a":1}`, "[secret]"} {
		snap := &scale.Snapshot{Updates: []scale.Update{{Kind: scale.UpdateUpdate, Succeeded: true, Values: map[string]*string{"worker": &text}}}}
		_, err := snap.Pool(scaletest.LeastRule())
		want := &scale.ValueError{Pool: "worker", Key: "workerCount", Found: `"` + text + `"`}
		if text == `{"a":1}` {
			want.Found = `"{\"a\":1}"`
		}
		if diff := cmp.Diff(error(want), err); diff != "" {
			t.Errorf("%q: -want +got:\n%s", text, diff)
		}
	}
}

func TestOneAway(t *testing.T) {
	for _, c := range []struct {
		name     string
		min, max int
		count    *int
		want     int
	}{
		{"inside it is one less", 1, 10, new(5), 4},
		{"just above min it is min", 1, 10, new(2), 1},
		{"at max it is one less", 1, 10, new(10), 9},
		{"at min it is one more", 1, 10, new(1), 2},
		{"above max it is one below max", 1, 10, new(50), 9},
		{"below min it is one above min", 3, 10, new(0), 4},
		{"an unknown count stands at min", 3, 10, nil, 4},
		{"without room it is one past max", 4, 4, new(4), 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := scale.OneAway(scale.Rule{Min: c.min, Max: c.max}, c.count); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestKnownSince(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 3, 4, hour, 0, 0, 0, time.UTC) }
	with := func(hour int, value *string) scale.Update {
		return scale.Update{Kind: scale.UpdateUpdate, Succeeded: true, End: at(hour), Values: map[string]*string{"worker": value}}
	}
	three := "3"
	failed, refresh, overtaken := with(1, &three), with(1, &three), with(1, &three)
	failed.Succeeded, refresh.Kind, overtaken.Overtaken = false, "refresh", true
	for name, test := range map[string]struct {
		updates []scale.Update
		want    time.Time
	}{
		"no update":                                               {nil, time.Time{}},
		"the oldest update that tells it":                         {[]scale.Update{with(5, &three), with(3, &three)}, at(3)},
		"not one before which it was something else":              {[]scale.Update{with(5, &three), with(4, nil), with(3, &three)}, at(5)},
		"failures, refreshes and what was overtaken tell nothing": {[]scale.Update{with(5, &three), failed, refresh, overtaken}, at(5)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := scale.KnownSince(test.updates, "worker"); !got.Equal(test.want) {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
	if updates := []scale.Update{with(5, &three), failed}; scale.ReachBack(updates, at(4)) || !scale.ReachBack(updates, at(5)) {
		t.Error("an update tells what was so before it, or not what was so after it")
	}
}
