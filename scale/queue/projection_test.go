package queue

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaler"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// checkProjections compares what is kept of pools' projections with ones made afresh.
func (r *rig) checkProjections(after string) (kept int) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Queue.mu.Lock()
	defer r.Queue.mu.Unlock()
	for name, got := range r.projections {
		kept++
		delete(r.projections, name)
		want := *r.projection(name, r.now())
		r.projections[name] = got
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(scale.Projection{}), cmpopts.IgnoreFields(scale.Projection{}, "At", "Holds"), cmpopts.EquateErrors()); diff != "" {
			r.t.Fatalf("%s, the projection of %s is not what it would be made afresh:\n%s", after, name, diff)
		}
	}
	return kept
}

func TestQueueKeepsProjectionsAsTheyWouldBeMade(t *testing.T) {
	for seed := range uint64(8) {
		inBubble(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			w := newWorld(t)
			// Without a cooldown time changes nothing, so none of them is ever too old.
			w.rule("worker", func(r *scale.Rule) { r.Cooldown, r.OnCooldown = scale.Cooldown{}, scale.Defer })
			w.rule("api", func(r *scale.Rule) { r.Cooldown = scale.Cooldown{} })
			r := begin(t, w, func(o *Options) { o.Freshness = 24 * time.Hour })
			kept := 0
			for range 150 {
				intent := []scale.Intent{
					scaletest.ByDelta(random.IntN(7) - 3), scaletest.ToCount(random.IntN(12)), alarm("A", random.IntN(12)), alarm("B", random.IntN(12)),
					clearedAlarm("A"), scaletest.APIDelta(random.IntN(5) - 2), scaletest.Forced(scaletest.APIDelta(1)),
				}[random.IntN(7)]
				r.submit(intent)
				kept += r.checkProjections(intent.Ask())
				switch random.IntN(20) {
				case 0:
					w.somebody("worker", random.IntN(10))
				case 1:
					w.set(func() { w.cutOff = 1 })
				case 2:
					w.set(func() { w.broken["api"] = !w.broken["api"] })
				case 3:
					w.set(func() { w.foreignUpdate = !w.foreignUpdate })
				case 4:
					time.Sleep(time.Minute)
				}
				time.Sleep(time.Duration(random.IntN(2000)) * time.Millisecond)
				r.checkProjections("later")
			}
			if kept < 50 {
				t.Errorf("only %d were kept", kept)
			}
		})
	}
}

func TestABatchDidAsDecided(t *testing.T) {
	report := func(edit func(*scale.Report)) *scale.Report {
		r := &scale.Report{Results: []scale.MoveResult{{Move: scale.Move{Pool: "worker", From: new(3), To: 5}}}}
		r.Change.ID = "pulumiscale/1"
		edit(r)
		return r
	}
	for _, c := range []struct {
		name   string
		report *scale.Report
		err    error
		want   bool
	}{
		{"all went well", report(func(*scale.Report) {}), nil, true},
		{"an overtaken update was corrected", report(func(r *scale.Report) { r.Change.ID += "+" }), nil, false},
		{"the count is not proved", report(func(r *scale.Report) { r.Results[0].Unverified = "current is 4" }), nil, false},
		{"the file could not be written", report(func(*scale.Report) {}), &scale.WriteError{}, false},
	} {
		if got := (&batch{id: "pulumiscale/1"}).didAsDecided(c.report, c.err); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestHeadStartAcceptsBehindAnUpdateWithoutAReading(t *testing.T) {
	cases := []struct {
		name     string
		intent   scale.Intent
		cooldown time.Duration
		want     scale.Outcome
		from     int
		// reads says that the answer waits for a reading.
		accepted, reads bool
	}{
		{"a delta of the other pool", scaletest.APIDelta(1), time.Minute, scale.Scale, 2, true, false},
		{"a forced delta begins from where the update went", scaletest.Forced(scaletest.ByDelta(1)), time.Minute, scale.Scale, 5, true, false},
		{"a signal in the cooldown", alarm("A", 7), time.Minute, scale.CoolingDown, 5, false, false},
		{"but one that may be about to end is turned away on what was read", alarm("A", 7), 2*time.Second - time.Millisecond, scale.CoolingDown, 5, false, true},
		{"so is a delta in the cooldown", scaletest.ByDelta(1), time.Minute, scale.CoolingDown, 5, false, true},
		{"so is a count for nothing", scaletest.ToCount(5), time.Minute, scale.NoChange, 5, false, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t)
				w.rule("worker", func(rule *scale.Rule) { rule.Cooldown = scale.Cooldown{Up: c.cooldown, Down: c.cooldown} })
				r := begin(t, w)
				r.wants(FinalScaled, r.accepted(scaletest.ByDelta(2)))
				before := time.Now()
				sub := r.submit(c.intent)[0]
				if d := sub.Decision; d.Outcome != c.want || *d.From != c.from || sub.Accepted != c.accepted {
					t.Errorf("accepted: %v, %+v", sub.Accepted, d)
				}
				if read := time.Since(before) > 0; read != c.reads {
					t.Errorf("it took %s", time.Since(before))
				}
			})
		})
	}
	t.Run("but not behind one that failed", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			w := newWorld(t)
			w.broken["worker"] = true
			r := begin(t, w)
			r.wants(FinalFailed, r.accepted(scaletest.ByDelta(2)))
			before := time.Now()
			if r.accepted(scaletest.APIDelta(1)); time.Since(before) == 0 {
				t.Error("nothing was read")
			}
		})
	})
}

func TestQueueSavesWhatGaveWayWithoutAWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.rule("worker", deferring)
		r := begin(t, w)
		r.wants(FinalScaled, r.accepted(scaletest.ByDelta(1)))
		older := r.accepted(alarm("A", 6))
		r.journal.mu.Lock()
		r.journal.updateDelay = time.Second
		r.journal.mu.Unlock()
		before := time.Now()
		newer := r.accepted(alarm("B", 5))
		if took := time.Since(before); took != 0 {
			t.Errorf("the newer one waited %s for the end of the older", took)
		}
		r.wants(FinalSuperseded, older)
		left := r.journal.copied() // of a process that dies now
		if open := left.mustOpen(t); len(open) != 2 {
			t.Fatalf("the journal has %d open operations", len(open))
		}
		time.Sleep(2 * time.Second)
		if open := r.journal.copied().mustOpen(t); len(open) != 1 || open[0].ID != newer {
			t.Errorf("it was never saved: %+v", open)
		}
		before = time.Now()
		r.submit(clearedAlarm("B"))
		if open := r.journal.copied().mustOpen(t); time.Since(before) == 0 || len(open) != 0 {
			t.Errorf("the alert has cleared, and would scale after a crash: %+v", open)
		}
		r.stop()
		<-r.stopped
		r = start(t, w, left)
		r.wants(FinalSuperseded, older)
		r.wants(FinalScaled, newer)
		r.wantCounts(5, 2, 2)
	})
}

// A submission must not cost more the more operations are open: with a hundred times as many, it may take three times
// as long.
func BenchmarkQueueSubmitWithManyOpen(b *testing.B) {
	perSubmit := func(open int) time.Duration {
		q, err := New(Options{Scaler: &scaler.Scaler{Now: time.Now}, Journal: discarding{}, MaxOpen: 1 << 30})
		if err != nil {
			b.Fatal(err)
		}
		now := time.Now()
		q.known.snap, q.known.began, q.worker.busy["worker"] = scaletest.Snapshot(scaletest.WithRule("worker", func(r *scale.Rule) { r.Cooldown = scale.Cooldown{} })), now, now
		for i := range open {
			q.ledger.open = append(q.ledger.open, newEntry(Operation{ID: newOperationID(now), Intent: scaletest.ByDelta(i%2*2 - 1), State: Accepted, AcceptedAt: now}))
		}
		const submissions = 2000
		began := time.Now()
		for i := range submissions {
			if _, err := q.Submit(context.Background(), []scale.Intent{scaletest.ByDelta(i%2*2 - 1)}); err != nil {
				b.Fatal(err)
			}
		}
		return time.Since(began) / submissions
	}
	perSubmit(100)
	var few, many time.Duration
	for b.Loop() {
		few, many = few+perSubmit(100), many+perSubmit(10_000)
	}
	b.ReportMetric(float64(many)/float64(few), "ratio")
}

// discarding is a journal that keeps nothing.
type discarding struct{ Journal }

func (discarding) Open() ([]Operation, error)                   { return nil, nil }
func (discarding) Add(ops []Operation) ([]Operation, error)     { return ops, nil }
func (discarding) Find(string, string) (Operation, bool, error) { return Operation{}, false, nil }
func (discarding) Update([]Operation) error                     { return nil }
