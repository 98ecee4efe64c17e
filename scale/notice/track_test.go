package notice

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func num(n int) *int { return &n }

// op is an operation of pool "web" that is done.
func op(id, update string, result queue.Final, change func(*queue.Operation)) queue.Operation {
	out := queue.Operation{
		ID: id, State: queue.Done, Result: result, Update: update, From: num(3), To: num(5), EndedAt: noon,
		Intent:   scale.Intent{Pool: "web", Source: "prometheus", Reason: "JobsWait", Signal: &scale.Signal{}},
		Decision: scale.Decision{Outcome: scale.Scale, From: num(3), Wanted: 5, To: 5},
	}
	if change != nil {
		change(&out)
	}
	out.Decision.Intent = out.Intent
	return out
}

// step is an event at a time after noon, and the titles of what is told because of it.
type step struct {
	after time.Duration
	event scale.Event
	want  []string
}

func batch(ops ...queue.Operation) queue.BatchDone { return queue.BatchDone{Operations: ops} }

func titles(notices []Notice) (out []string) {
	for _, n := range notices {
		out = append(out, n.Title)
	}
	return out
}

func TestWhatIsTold(t *testing.T) {
	locked := &scale.LockedError{Stack: "dev"}
	failed := func(o *queue.Operation) { o.Error, o.To = "quota exceeded", nil }
	submitted := func(d scale.Decision) queue.Submitted {
		d.Intent.Pool = "web"
		return queue.Submitted{Submission: queue.Submission{Decision: d}}
	}
	signal := scale.Intent{Signal: &scale.Signal{}}
	window := scale.Intent{ToBounds: true, Source: queue.SourceSchedule}
	metrics := scale.Intent{Pool: "web", ToMetrics: true, Source: queue.SourceMetrics}
	since := noon.Add(-time.Minute)
	for name, steps := range map[string][]step{
		"a scaling": {{0, batch(op("1", "u", queue.FinalScaled, nil)), []string{"web 3 → 5: scaled"}}},
		"several operations of a pool and an update are one": {{0, batch(
			op("2", "u", queue.FinalScaled, func(o *queue.Operation) { o.From, o.To = num(5), num(7) }), op("1", "u", queue.FinalScaled, nil), op("3", "u", queue.FinalSuperseded, nil),
		), []string{"web 3 → 7: scaled"}}},
		"two pools are two": {{0, batch(
			op("1", "u", queue.FinalScaled, nil), op("2", "u", queue.FinalScaled, func(o *queue.Operation) { o.Intent.Pool = "db" }),
		), []string{"web 3 → 5: scaled", "db 3 → 5: scaled"}}},
		"what was not begun is not told": {{0, batch(op("1", "", queue.FinalCancelled, nil)), nil}},
		"a failure, once, and its end": {
			{0, batch(op("1", "u", queue.FinalFailed, failed)), []string{"web 3 → 5: scaling failed"}},
			{time.Minute, batch(op("2", "v", queue.FinalFailed, failed)), nil},
			{time.Hour, batch(op("3", "w", queue.FinalScaled, nil)), []string{"web 3 → 5: scaled", "web has recovered: no longer failing"}},
			{2 * time.Hour, batch(op("4", "x", queue.FinalScaled, nil)), []string{"web 3 → 5: scaled"}},
			{3 * time.Hour, batch(op("5", "y", queue.FinalFailed, failed)), []string{"web 3 → 5: scaling failed"}},
		},
		"a failure that lasts is told again after four hours": {
			{0, batch(op("1", "u", queue.FinalFailed, failed)), []string{"web 3 → 5: scaling failed"}},
			{5 * time.Hour, batch(op("2", "v", queue.FinalFailed, func(o *queue.Operation) { o.EndedAt = noon.Add(5 * time.Hour) })), []string{"web 3 → 5: scaling failed"}},
		},
		"given up": {{0, batch(op("1", "u", queue.FinalFailed, func(o *queue.Operation) { o.GivenUp = true })), []string{"web 3 → 5: scaling was given up"}}},
		"unverified": {
			{0, batch(op("1", "u", queue.FinalUnverified, nil)), []string{"web 3 → 5: done, and not verified"}},
			{time.Minute, batch(op("2", "v", queue.FinalScaled, nil)), []string{"web 3 → 5: scaled", "web has recovered: no longer unverified"}},
		},
		"clamped while it is scaled": {
			{0, batch(op("1", "u", queue.FinalScaled, func(o *queue.Operation) { o.Decision.Clamped, o.Decision.Wanted = true, 9 })), []string{"web 3 → 5: scaled", "web is limited to 5, but 9 are wanted"}},
			{time.Minute, batch(op("2", "v", queue.FinalScaled, nil)), []string{"web 3 → 5: scaled", "web has recovered: no longer limited by its max"}},
		},
		"clamped at max already": {
			{0, submitted(scale.Decision{Intent: signal, Outcome: scale.NoChange, Clamped: true, Wanted: 9, To: 5, From: num(5)}), []string{"web is limited to 5, but 9 are wanted"}},
			{time.Minute, submitted(scale.Decision{Intent: signal, Outcome: scale.NoChange, Clamped: true, Wanted: 9, To: 5, From: num(5)}), nil},
		},
		"clamped at min is nothing": {{0, submitted(scale.Decision{Intent: signal, Outcome: scale.NoChange, Clamped: true, Wanted: 0, To: 1, From: num(1)}), nil}},
		"metrics want more than max, and then not": {
			{0, queue.Unmet{Decision: scale.Decision{Intent: metrics, Outcome: scale.NoChange, Clamped: true, Wanted: 9, To: 5}}, []string{"web is limited to 5, but 9 are wanted"}},
			{time.Minute, queue.Met{Pool: "web"}, []string{"web has recovered: no longer limited by its max"}},
			{time.Hour, queue.Met{Pool: "web"}, nil},
		},
		"pending, for an alert":         {{0, submitted(scale.Decision{Intent: signal, Outcome: scale.HasPending}), []string{"web is not scaled while changes are pending"}}},
		"who asks directly is answered": {{0, submitted(scale.Decision{Intent: scale.Intent{Count: num(3)}, Outcome: scale.HasPending}), nil}},
		"an unknown pool is nobody's":   {{0, submitted(scale.Decision{Intent: signal, Outcome: scale.Refused, Err: &scale.UnknownPoolError{}}), nil}},
		"a guard refuses": {
			{0, batch(op("1", "u", queue.Final(scale.Guarded), func(o *queue.Operation) {
				o.Decision = scale.Decision{Outcome: scale.Guarded, Reason: "it would replace web"}
			})), []string{"web is not scaled: it would replace web"}},
		},
		"a window is refused": {
			{0, submitted(scale.Decision{Intent: window, Outcome: scale.Paused, Reason: "the rule is paused"}), []string{"web is outside of its min and max, and cannot be scaled back inside"}},
		},
		"pending, found in idle time, and gone": {
			{0, scale.Proved{Pending: map[string][]scale.PendingChange{"web": {{}}}}, []string{"web is not scaled while changes are pending"}},
			{time.Minute, scale.Proved{Err: errors.New("no")}, nil},
			{time.Hour, scale.Proved{Pending: map[string][]scale.PendingChange{}}, []string{"web has recovered: no longer blocked by changes that are not deployed"}},
		},
		"locked for a moment": {
			{0, queue.Postponed{Err: locked}, nil},
			{4 * time.Minute, queue.Postponed{Err: locked}, nil},
			{5 * time.Minute, batch(op("1", "u", queue.FinalScaled, nil)), []string{"web 3 → 5: scaled"}},
			{6 * time.Minute, queue.Postponed{Err: locked}, nil},
		},
		"locked for long, and free again": {
			{0, queue.Postponed{Err: locked}, nil},
			{5 * time.Minute, queue.Postponed{Err: locked}, []string{"The stack has been locked for 5m"}},
			{6 * time.Minute, queue.Postponed{Err: locked}, nil},
			{7 * time.Minute, queue.BatchDone{Postponed: true, Err: locked}, nil},
			{8 * time.Minute, batch(op("1", "u", queue.FinalScaled, nil)), []string{"web 3 → 5: scaled", "The stack has recovered: no longer locked"}},
		},
		"out of reach is not locked": {
			{0, queue.Postponed{Err: &scale.UnavailableError{}}, nil}, {time.Hour, queue.Postponed{Err: &scale.UnavailableError{}}, nil},
		},
		"no way back yet, and then one": {
			{0, scale.Settled{Pools: []string{"web"}, Err: errors.New("quota")}, []string{"web is half scaled: bringing it back to the previous count has failed"}},
			{time.Minute, scale.Settled{Pools: []string{"web"}}, []string{"web has recovered: no longer half scaled"}},
		},
		"a way back that succeeds at once is not told": {{0, scale.Settled{Pools: []string{"web"}}, nil}},
		"no value, of one metric of two": {
			{0, Lost{Pool: "web", Sample: scale.Sample{Metric: "jobs", Problem: "is down"}, Since: since}, []string{"web: metric jobs has no value"}},
			{0, Lost{Pool: "web", Sample: scale.Sample{Metric: "load"}, Since: since}, []string{"web: metric load has no value"}},
			{time.Minute, batch(op("1", "u", queue.FinalScaled, nil)), []string{"web 3 → 5: scaled"}},
			{time.Minute, Found{Pool: "web", Sample: scale.Sample{Metric: "jobs"}}, []string{"web has recovered: no longer without a metric's value"}},
		},
		"a hold begins and ends": {
			{0, queue.HoldsChanged{Now: scale.Holds{{Pool: "web", Until: noon.Add(time.Hour)}}}, []string{"web is held until 2026-03-04 13:00:00 UTC"}},
			{time.Minute, queue.HoldsChanged{Before: scale.Holds{{Pool: "web", Until: noon.Add(time.Hour)}, {Until: noon}}}, []string{"web is no longer held", "The stack is no longer held"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tracker := Tracker{Origin: Origin{Project: "shop", Stack: "dev"}}
			for i, s := range steps {
				if !IsHeard(s.event) {
					t.Errorf("step %d is not heard", i)
				}
				text, err := json.Marshal(tracker) // each step is in a process of its own
				if err != nil {
					t.Fatal(err)
				}
				again := Tracker{Origin: tracker.Origin}
				if err := json.Unmarshal(text, &again); err != nil {
					t.Fatal(err)
				}
				tracker = again
				if diff := cmp.Diff(s.want, titles(tracker.Hear(s.event, noon.Add(s.after)))); diff != "" {
					t.Errorf("step %d (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

func TestPausesAreToldWhenTheyChange(t *testing.T) {
	var tracker Tracker
	with := func(p scale.Pause) scale.Rules { return scale.Rules{"web": {Pool: "web", Paused: p}} }
	for i, s := range []struct {
		rules scale.Rules
		want  []string
	}{
		{nil, nil},
		{with(scale.PauseUp), nil}, // it was so before anybody looked
		{with(scale.PauseUp), nil},
		{nil, nil},
		{with(scale.PauseNone), []string{"web is no longer paused"}},
		{with(scale.PauseBoth), []string{"web is paused by its rule"}},
	} {
		if diff := cmp.Diff(s.want, titles(tracker.Rules(s.rules, noon))); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", i, diff)
		}
	}
}

func TestTroublesOfPoolsThatAreGoneEnd(t *testing.T) {
	var tracker Tracker
	tracker.Hear(batch(op("1", "u", queue.FinalFailed, nil)), noon)
	tracker.Hear(Lost{Pool: "db", Sample: scale.Sample{Metric: "jobs"}}, noon)
	rules := scale.Rules{"web": {}, "db": {Metrics: []scale.Metric{{Name: "jobs"}}}}
	if got := tracker.Rules(rules, noon); len(got) > 0 {
		t.Errorf("got %v", titles(got))
	}
	got := titles(tracker.Rules(scale.Rules{"db": {}}, noon))
	want := []string{"db has recovered: no longer without a metric's value", "web has recovered: no longer failing"}
	if diff := cmp.Diff(want, got); diff != "" && len(got) != 2 || len(tracker.Open()) > 0 {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatWouldComeAgainLapses(t *testing.T) {
	var tracker Tracker
	clamped := scale.Decision{Intent: scale.Intent{Pool: "web", Signal: &scale.Signal{}, Source: "grafana"}, Outcome: scale.NoChange, Clamped: true, Wanted: 9, To: 5}
	event := queue.Submitted{Submission: queue.Submission{Decision: clamped}}
	tracker.Hear(event, noon)
	tracker.Hear(event, noon.Add(50*time.Minute))
	tracker.Hear(batch(op("1", "u", queue.FinalFailed, func(o *queue.Operation) { o.Intent.Pool = "db" })), noon)
	if got := tracker.Lapse(noon.Add(100 * time.Minute)); len(got) > 0 {
		t.Errorf("it came 50 minutes ago, and got %v", titles(got))
	}
	if diff := cmp.Diff([]string{"web has recovered: no longer limited by its max"}, titles(tracker.Lapse(noon.Add(110*time.Minute)))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(tracker.Open()) != 1 {
		t.Errorf("a failure lapses: %v", tracker.Open())
	}
}

func TestIDsAreThoseOfTheSameThing(t *testing.T) {
	first, second := Tracker{}, Tracker{}
	one, two := op("1", "u", queue.FinalScaled, nil), op("2", "u", queue.FinalScaled, nil)
	live := first.Hear(batch(one, two), noon)
	recalled := second.Recall([]queue.Operation{two, one})
	if diff := cmp.Diff(live, recalled); diff != "" {
		t.Errorf("after a restart (-live +recalled):\n%s", diff)
	}
	if live[0].ID != IDOf(two) || IDOf(two) == IDOf(op("1", "v", queue.FinalScaled, nil)) {
		t.Errorf("the ids are %s, %s", live[0].ID, IDOf(two))
	}
}

func TestTextsFromElsewhereAreTidyAndVeiled(t *testing.T) {
	tracker := Tracker{Origin: Origin{Project: "shop", Stack: "dev", Veil: func(s string) string { return strings.ReplaceAll(s, "/srv/", "") }}}
	long := strings.Repeat("x", 100_000)
	n := tracker.Hear(batch(op("1", "u", queue.FinalFailed, func(o *queue.Operation) {
		o.Error, o.Intent.Reason = "in /srv/app:\n\x1b[31mred\u202e"+long, "a\nb\x00 "+long
	})), noon)[0]
	if strings.ContainsAny(n.Error+n.Reason, "\x1b\u202e\x00") || strings.Contains(n.Error, "/srv") || strings.Contains(n.Reason, "\n") || len(n.Error) > 17_000 || len(n.Reason) > 3_000 {
		t.Errorf("got %.100q, %.100q", n.Error, n.Reason)
	}
	if text := n.Text(500); len([]rune(text)) > 500 || !strings.HasPrefix(text, n.Title+"\n") {
		t.Errorf("got %q", text)
	}
}

func TestDirect(t *testing.T) {
	intent := scale.Intent{Pool: "web", Count: num(9), Source: "cli", Reason: "sale"}
	decision := scale.Decision{Intent: intent, Outcome: scale.Scale, From: num(3), Wanted: 9, To: 5, Clamped: true}
	report := &scale.Report{
		Plan:    scale.Plan{Decisions: []scale.Decision{decision}},
		Results: []scale.MoveResult{{Move: scale.Move{Pool: "web", From: num(3), To: 5}}},
	}
	for name, test := range map[string]struct {
		report *scale.Report
		err    error
		want   []string
	}{
		"done":                       {report, nil, []string{"web 3 → 5: scaled", "web is limited to 5, but 9 are wanted"}},
		"failed":                     {nil, errors.New("quota"), []string{"web ? → 9: scaling failed"}},
		"nothing was asked for":      {nil, nil, nil},
		"no change is not told":      {&scale.Report{Plan: scale.Plan{Decisions: []scale.Decision{{Intent: intent, Outcome: scale.NoChange}}}}, nil, nil},
		"pending is told, for a CLI": {&scale.Report{Plan: scale.Plan{Decisions: []scale.Decision{{Intent: intent, Outcome: scale.HasPending}}}}, nil, []string{"web is not scaled while changes are pending"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, titles(Direct(Origin{}, []scale.Intent{intent}, test.report, test.err, noon))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
