package board

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func num(n int) *int { return &n }

// moving is an operation that is to scale a pool.
func moving(id, pool string, from, to int) Operation {
	return Operation{ID: id, Pool: pool, From: num(from), To: num(to), Decision: Decision{Outcome: string(scale.Scale)}}
}

// A large update does not make a large picture: what runs and what failed comes first.
func TestManySteps(t *testing.T) {
	run := Run{Omitted: 800, Steps: make([]Step, 200)}
	for i := range run.Steps {
		run.Steps[i].State = StepDone
	}
	run.Steps[3].State, run.Steps[7].State = StepRunning, StepFailed
	got := View{}.Steps(run)
	if len(got) != mostSteps || got[0].State != StepRunning || got[1].State != StepFailed {
		t.Errorf("%d steps, the first %s and %s", len(got), got[0].State, got[1].State)
	}
	check(t, View{}.Progress(run), "1 failed, 1 running, 998 succeeded")
}

func TestStateIsTheWorst(t *testing.T) {
	work := &Work{Operations: []string{"a"}}
	for name, c := range map[string]struct {
		status Status
		want   Mood
	}{
		"nothing goes on":                {Status{Ready: true}, Mood{Good, "Ready"}},
		"an update runs":                 {Status{Ready: true, Running: work}, Mood{Busy, "Scaling"}},
		"pools are brought back":         {Status{Ready: true, Running: &Work{Settling: []string{"api"}}}, Mood{Busy, "Recovering"}},
		"the stack is locked":            {Status{Ready: true, Running: &Work{Operations: []string{"a"}, WaitsFor: "ana"}}, Mood{Warn, "Waiting for the stack"}},
		"what failed is tried again":     {Status{Ready: true, RetryAt: &noon}, Mood{Warn, "Waiting for the stack"}},
		"a pool is unsettled":            {Status{Ready: true, RetryAt: &noon, Pools: []Pool{{Pool: "a"}, {Unsettled: true}}}, Mood{Warn, "A pool is half scaled"}},
		"it is being brought back":       {Status{Ready: true, Running: &Work{Settling: []string{"b"}}, Pools: []Pool{{Pool: "b", Unsettled: true}}}, Mood{Busy, "Recovering"}},
		"rules with mistakes":            {Status{Ready: true, Running: work, RuleErrors: []scale.Problem{{}}}, Mood{Warn, "Rules have mistakes"}},
		"the disk is full":               {Status{Unwritable: true}, Mood{Bad, "Cannot save to disk"}},
		"most replicas are down":         {Status{Unwritable: true, Cluster: &Cluster{}}, Mood{Bad, "Cannot save to the cluster's log"}},
		"the stack is not to be reached": {Status{Running: work, RuleErrors: []scale.Problem{{}}}, Mood{Bad, "Stack cannot be read"}},
	} {
		if got := c.status.View(noon).State(); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Times are counted from when the view is seen, so that they go on between two answers.
func TestTimesGoOn(t *testing.T) {
	until := noon.Add(time.Minute)
	pool := Pool{Pool: "api", Paused: "up", Cooldown: Cooldown{UpUntil: &until, DownUntil: &until}}
	s := &Status{Now: noon}
	check(t, s.View(noon).Held(pool), "paused up, cooldown 1m")
	check(t, s.View(noon.Add(20*time.Second)).Held(pool), "paused up, cooldown 40s")
	check(t, s.View(until).Held(pool), "paused up")
	check(t, s.View(until).Ago(&noon), "1m ago")
}

func TestTargetIsThatOfTheOperationUnderWay(t *testing.T) {
	s := Status{Open: []Operation{moving("a", "api", 2, 5), moving("b", "worker", 3, 4)}, Running: &Work{Operations: []string{"a"}}}
	v := s.View(noon)
	if got := v.Target("api"); got == nil || *got != 5 {
		t.Errorf("api: %v", got)
	}
	if got := v.Target("worker"); got != nil {
		t.Errorf("worker waits, and is on its way to %d", *got)
	}
	if len(v.Waiting()) != 1 || v.Waiting()[0].ID != "b" {
		t.Errorf("%v waits", v.Waiting())
	}
}

func TestWhatAnOperationWaitsFor(t *testing.T) {
	soon := noon.Add(90 * time.Second)
	for want, op := range map[string]Operation{
		"its turn":              {State: string(queue.Accepted)},
		"the cooldown, 1m30s":   {State: string(queue.Deferred), NotBefore: &soon},
		"the end of the update": {State: string(queue.Deferred)},
		"the lock":              {State: string(queue.Deferred), Error: "the lock"},
	} {
		if got := (&Status{Now: noon}).View(noon).WaitsFor(op); got != want {
			t.Errorf("%q; want %q", got, want)
		}
	}
}

// Clients read what a server tells.
func TestStatusSurvivesItsDocument(t *testing.T) {
	open := queue.Operation{ID: "a", Intent: scale.Intent{Pool: "api", Count: num(5), Source: "http"}, State: queue.Running, AcceptedAt: noon}
	step := queue.RunStep{ResourceStep: scale.ResourceStep{Op: "update", URN: "u", Diffs: []scale.PropertyDiff{{Path: "size"}}}, StartedAt: noon}
	status := New(Name{Project: "shop", Stack: "dev"}, queue.Overview{
		Pools:  []scale.Standing{{Rule: scale.Rule{Pool: "api", Min: 1, Max: 9}, Count: num(2), UpUntil: noon.Add(time.Hour)}},
		ReadAt: noon, Open: []queue.Operation{open},
	}, &queue.Work{Operations: []string{"a", "gone"}, StartedAt: noon, Runs: []queue.Run{{Message: "m", StartedAt: noon, Steps: []queue.RunStep{step}}}}, nil, noon)
	text, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(status, got); diff != "" {
		t.Errorf("(-told +read):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a"}, got.Running.Operations); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeRefusesWhatIsNoStatus(t *testing.T) {
	for _, text := range []string{``, `{}`, `[]`, `<html>`, `{"status":"ok"}`, `{"stack":"dev"}`} {
		if got, err := Decode(strings.NewReader(text)); err == nil {
			t.Errorf("%s is read as %+v", text, got)
		}
	}
}
