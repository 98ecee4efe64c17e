package queue

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaler"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestOverviewBeforeTheFirstReading(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.readErr = &scale.UnavailableError{Detail: "gone"}
		r := begin(t, w)
		got := r.Overview()
		if got.Unready == nil || got.Pools != nil || !got.ReadAt.IsZero() {
			t.Errorf("%+v", got)
		}
	})
}

// If the stack cannot be read, what was known before is told, at once.
func TestOverviewAsksNobody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		r := begin(t, w)
		id := r.accepted(scaletest.ByDelta(2))
		r.wants(FinalScaled, id)
		time.Sleep(2 * readTime) // it is read
		w.set(func() { w.readErr = &scale.UnavailableError{Detail: "gone"} })
		time.Sleep(time.Minute)
		before, after, since := 0, 0, time.Now()
		w.set(func() { before = w.reads })
		got := r.Overview()
		w.set(func() { after = w.reads })
		if time.Since(since) > 0 || after != before {
			t.Errorf("it took %s and %d readings", time.Since(since), after-before)
		}
		if got.Unready == nil || len(got.Pools) != 2 || *got.Pools[1].Count != 5 || got.ReadAt.IsZero() {
			t.Errorf("%+v", got)
		}
		if len(got.Scalings) != 1 || got.Scalings[0].From != 3 || got.Scalings[0].To != 5 {
			t.Errorf("scalings %+v", got.Scalings)
		}
	})
}

func TestOverviewOfWhatWaits(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.rule("worker", func(rule *scale.Rule) { rule.Cooldown = scale.Cooldown{} })
		r := begin(t, w)
		id := r.accepted(scaletest.ByDelta(2))
		time.Sleep(updateTime / 2)
		if got := r.Overview(); len(got.Open) != 1 || got.Open[0].ID != id || got.Open[0].State != Running || !got.RetryAt.IsZero() {
			t.Errorf("while it runs: %+v", got)
		}
		r.wants(FinalScaled, id)
		id = r.accepted(scaletest.ByDelta(1))
		w.set(func() { w.readErr = &scale.UnavailableError{Detail: "gone"} })
		time.Sleep(20 * time.Second)
		got := r.Overview()
		if len(got.Open) != 1 || got.Open[0].ID != id || got.Open[0].Error == "" || !got.RetryAt.After(time.Now()) {
			t.Errorf("while the stack is out of reach: %+v", got)
		}
		w.set(func() { w.readErr = nil })
		r.wants(FinalScaled, id)
	})
}

func TestStatusesTellDrift(t *testing.T) {
	snap := scaletest.Snapshot(scaletest.WithFile("worker", "7"))
	got := snap.Standings(scaletest.Noon, nil)
	want := &scale.Drift{Pool: "worker", Key: snap.Rules["worker"].ConfigKey, File: new("7"), Configured: new("3"), Edit: true}
	if diff := cmp.Diff([]*scale.Drift{nil, want}, []*scale.Drift{got[0].Drift, got[1].Drift}); diff != "" {
		t.Errorf("drift (-want +got):\n%s", diff)
	}
}

// What a plan writes into an update's message is read from it again, for each of its pools.
func TestWhyIsReadFromTheMessage(t *testing.T) {
	three, two := 3, 2
	message := func(moves ...scale.Move) string { return scale.ChangeFor(scaletest.Snapshot(), moves).Message }
	worker := scale.Move{Pool: "worker", From: &three, To: 5, Why: "prometheus: HighCPU"}
	api := scale.Move{Pool: "api", From: &two, To: 4, Why: "http: sale (spring); or so"}
	for name, c := range map[string]struct {
		message, pool string
		from, to      int
		want          string
	}{
		"of one pool":                  {message(worker), "worker", 3, 5, "prometheus: HighCPU"},
		"of the first of two pools":    {message(api, worker), "api", 2, 4, "http: sale (spring); or so"},
		"of the second of two pools":   {message(api, worker), "worker", 3, 5, "prometheus: HighCPU"},
		"without a reason":             {message(scale.Move{Pool: "worker", From: &three, To: 5}), "worker", 3, 5, ""},
		"of a pool named in another's": {"pulumiscale: my-worker 3 -> 5 (cli: a); worker 3 -> 5 (cli: b)", "worker", 3, 5, "cli: b"},
		"of somebody's own update":     {"deploy day\n\nwith more lines", "worker", 3, 5, "deploy day"},
		"that looks a little like ours": {
			"worker 3 -> 5 (cli: forged)", "worker", 3, 5, "worker 3 -> 5 (cli: forged)",
		},
		"of a move that is not told": {"pulumiscale: api 2 -> 4 (cli)", "worker", 3, 5, "api 2 -> 4 (cli)"},
		"of no message":              {"", "worker", 3, 5, ""},
	} {
		s := scale.Scaling{Pool: c.pool, From: c.from, To: c.to, Update: scale.Update{Message: c.message, Pools: []string{"api", "worker"}}}
		if got := s.Why(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A look at the stack is one reading: it takes no lock, and a stale file stays.
func TestOverviewOfAStack(t *testing.T) {
	fake := scaletest.NewStack(t, scaletest.Snapshot(scaletest.WithFile("api", "-")))
	got, err := ReadOverview(t.Context(), &scaler.Scaler{Stack: fake, Now: func() time.Time { return scaletest.Noon }})
	if err != nil || len(got.Pools) != 2 || got.Pools[0].Drift == nil || got.ReadAt.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
	if diff := cmp.Diff([]string{"read"}, fake.Calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}
