package queue

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func resourceNamed(name string) scale.ResourceStep {
	return scale.ResourceStep{Op: "update", URN: "urn:" + name, Name: name}
}

// watched is an activity that has been told some events, a second apart.
func watched(events ...scale.Event) *Activity {
	now := scaletest.Noon
	a := &Activity{Now: func() time.Time { return now }}
	for _, e := range events {
		now = now.Add(time.Second)
		a.Observe(e)
	}
	return a
}

func tick(seconds int) time.Time { return scaletest.Noon.Add(time.Duration(seconds) * time.Second) }

func TestActivityTellsWhatRuns(t *testing.T) {
	begun := BatchStarted{Operations: []Operation{{ID: "1"}, {ID: "2"}}}
	update := scale.EngineStarted{Message: "m"}
	one, two := resourceNamed("one"), resourceNamed("two")
	warning := scale.Diagnostic{Severity: "warning", Message: "w"}
	of := func(w Work) Work {
		w.Operations, w.StartedAt = []string{"1", "2"}, tick(1)
		return w
	}
	cases := map[string]struct {
		events []scale.Event
		want   Work
	}{
		"operations that have begun":               {[]scale.Event{begun}, of(Work{})},
		"a lock that is waited for":                {[]scale.Event{begun, scale.Waiting{Lock: "L"}}, of(Work{WaitsFor: "another pulumiscale is at work in the directory (L)"})},
		"a retry":                                  {[]scale.Event{begun, scale.Retrying{Delay: time.Minute, Err: errors.New("locked by ana")}}, of(Work{WaitsFor: "locked by ana", RetryAt: tick(62)})},
		"an engine that has begun waits no longer": {[]scale.Event{begun, scale.Waiting{}, update}, of(Work{Runs: []Run{{Message: "m", StartedAt: tick(3)}}})},
		"steps that run, are done, and have failed": {
			[]scale.Event{begun, update, scale.StepStarted{Step: one, At: tick(3)}, scale.StepStarted{Step: two, At: tick(4)}, scale.StepDone{Step: two, At: tick(5), Failed: true}},
			of(Work{Runs: []Run{{Message: "m", StartedAt: tick(2), Steps: []RunStep{
				{ResourceStep: one, StartedAt: tick(3)}, {ResourceStep: two, StartedAt: tick(4), EndedAt: tick(5), Failed: true},
			}}}}),
		},
		"the engine's warnings, and not what the program prints": {
			[]scale.Event{begun, update, scale.Diagnosed{Diagnostic: warning}, scale.Diagnosed{Diagnostic: scale.Diagnostic{Severity: "info", Message: "i"}}},
			of(Work{Runs: []Run{{Message: "m", StartedAt: tick(2), Said: []scale.Diagnostic{warning}}}}),
		},
		"previews are none of it": {
			[]scale.Event{
				begun, update, scale.EngineStarted{Preview: true}, scale.StepStarted{Step: one, Preview: true}, scale.StepDone{Step: one, Preview: true},
				scale.Diagnosed{Diagnostic: warning, Preview: true},
			},
			of(Work{Runs: []Run{{Message: "m", StartedAt: tick(2)}}}),
		},
		"the way back after a failure": {
			[]scale.Event{begun, update, scale.Settling{Pools: []string{"worker"}}, scale.EngineStarted{Message: "back"}},
			of(Work{Settling: []string{"worker"}, Runs: []Run{{Message: "m", StartedAt: tick(2)}, {Message: "back", StartedAt: tick(4)}}}),
		},
		"back again, and not yet done": {
			[]scale.Event{begun, scale.Settling{Pools: []string{"worker"}}, scale.Settled{}}, of(Work{}),
		},
		"settling that nobody asks for": {
			[]scale.Event{scale.Settling{Pools: []string{"worker"}}}, Work{Settling: []string{"worker"}, StartedAt: tick(1)},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := watched(c.events...).Running()
			if diff := cmp.Diff(c.want, got); diff != "" || !ok {
				t.Errorf("running %v (-want +got):\n%s", ok, diff)
			}
		})
	}
}

func TestActivityKnowsWhenNothingRuns(t *testing.T) {
	for name, events := range map[string][]scale.Event{
		"from the first":    nil,
		"after a batch":     {BatchStarted{}, scale.EngineStarted{}, BatchDone{}},
		"after settling":    {scale.Settling{Pools: []string{"worker"}}, scale.Settled{}},
		"events of no work": {scale.EngineStarted{}, scale.StepStarted{}, scale.StepDone{}, scale.Diagnosed{}, scale.Waiting{}, scale.Settled{}, BatchDone{}, Submitted{}},
	} {
		if got, ok := watched(events...).Running(); ok {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Operations that fail together are tried pool by pool: each has the runs of both tries.
func TestActivityRemembersTheRunsOfAnOperation(t *testing.T) {
	group := []Operation{{ID: "1"}, {ID: "2"}}
	a := watched(
		BatchStarted{Operations: group}, scale.EngineStarted{Message: "together"}, BatchDone{},
		BatchStarted{Operations: group[:1]}, scale.EngineStarted{Message: "first"}, BatchDone{},
		BatchStarted{Operations: group[1:]}, scale.EngineStarted{Message: "second"},
	)
	for id, want := range map[string][]string{"1": {"together", "first"}, "2": {"together", "second"}, "3": nil} {
		var got []string
		for _, run := range a.Runs(id) {
			got = append(got, run.Message)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
	}
}

func TestActivityIsBounded(t *testing.T) {
	a := watched()
	for i := range 3 * maxPast {
		a.Observe(BatchStarted{Operations: []Operation{{ID: fmt.Sprint(i)}}})
		a.Observe(scale.EngineStarted{})
		a.Observe(BatchDone{})
	}
	if len(a.past) != maxPast || a.Runs("0") != nil || len(a.Runs(fmt.Sprint(3*maxPast-1))) != 1 {
		t.Errorf("%d pieces of work are remembered", len(a.past))
	}
	a.Observe(BatchStarted{})
	a.Observe(scale.EngineStarted{})
	stuck, failed := resourceNamed("stuck"), resourceNamed("failed")
	a.Observe(scale.StepStarted{Step: stuck, At: scaletest.Noon})
	a.Observe(scale.StepStarted{Step: failed, At: scaletest.Noon})
	a.Observe(scale.StepDone{Step: failed, At: scaletest.Noon, Failed: true})
	for i := range 2 * maxSteps {
		step := resourceNamed(fmt.Sprint(i))
		a.Observe(scale.StepStarted{Step: step, At: scaletest.Noon})
		a.Observe(scale.StepDone{Step: step, At: scaletest.Noon})
		a.Observe(scale.Diagnosed{Diagnostic: scale.Diagnostic{Severity: "error", Message: fmt.Sprint(i)}})
	}
	work, _ := a.Running()
	run := work.Runs[0]
	if len(run.Steps) != maxSteps || run.Omitted != maxSteps+2 || run.Steps[0].Name != "stuck" || run.Steps[1].Name != "failed" {
		t.Errorf("%d steps, the first %q and %q, and %d left out", len(run.Steps), run.Steps[0].Name, run.Steps[1].Name, run.Omitted)
	}
	if len(run.Said) != maxSaid || run.Said[maxSaid-1].Message != fmt.Sprint(2*maxSteps-1) {
		t.Errorf("%d messages", len(run.Said))
	}
}

// What was told before does not change for those who were told.
func TestActivityTellsCopies(t *testing.T) {
	step := resourceNamed("one")
	a := watched(BatchStarted{Operations: []Operation{{ID: "1"}}}, scale.EngineStarted{}, scale.StepStarted{Step: step, At: scaletest.Noon})
	work, _ := a.Running()
	runs := a.Runs("1")
	a.Observe(scale.StepDone{Step: step, At: scaletest.Noon.Add(time.Second)})
	if !work.Runs[0].Steps[0].EndedAt.IsZero() || !runs[0].Steps[0].EndedAt.IsZero() {
		t.Error("a step that was told of has ended")
	}
}
