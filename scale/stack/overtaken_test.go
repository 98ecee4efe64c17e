//go:build !windows

package stack

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/configfile"
)

// The engine has changed nothing yet when it gets its lock. One that follows another update than the one that its own
// was decided on is ended then.
func TestUpdateEndsIfItFollowsAnotherThanItWasDecidedOn(t *testing.T) {
	known := past("update", "succeeded", time.Hour, counted, "")
	other := past("update", "succeeded", time.Minute, counted, "x")
	for _, c := range []struct {
		name    string
		head    string
		history []string
		want    bool
	}{
		{"the update it was decided on", known, []string{known}, false},
		{"another one since", known, []string{other, known}, true},
		{"another one that still runs", known, []string{past("update", "in-progress", 0, counted, ""), known}, false},
		{"none before", "", nil, false},
		{"a first one since", "", []string{other}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t)
			e.put("events", untilTheStack(t))
			e.put("writes", "sleep 0.5\n")
			e.put("history1.json", history(c.history...))
			change := aChange()
			change.Head = headOf(t, c.head)
			_, err := e.Update(context.Background(), change, scale.Unobserved)
			if stale := errors.As(err, new(*scale.StaleError)); stale != c.want || !stale && err != nil {
				t.Errorf("the error is %v", err)
			}
			change.Correction = true
			if got, err := e.Update(context.Background(), change, scale.Unobserved); err != nil || got.Overtaken != c.want {
				t.Errorf("a correction is made in any case: overtaken %v, error %v", got.Overtaken, err)
			}
		})
	}
}

// untilTheStack is an event log up to where the program has told of the stack.
func untilTheStack(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	for line := range strings.Lines(string(eventLog(t, "scale"))) {
		if strings.Contains(line, "preludeEvent") || strings.Contains(line, `resourcePreEvent":{"metadata":{"op":"same","urn":"urn:pulumi:dev::worker-pool::pulumi:pulumi:Stack::`) {
			out.WriteString(line)
		}
	}
	return out.String()
}

// headOf is the head of a history whose newest entry is this one; empty for none.
func headOf(t *testing.T, text string) string {
	t.Helper()
	if text == "" {
		return ""
	}
	var e entry
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&e); err != nil {
		t.Fatal(err)
	}
	return head([]entry{e})
}

func TestPreviousUpdate(t *testing.T) {
	before := past("update", "succeeded", time.Hour, counted, "")
	others := past("update", "succeeded", 0, counted, "somebody's")
	mine := past("update", "succeeded", time.Second, counted, "pulumiscale/mine after=h pools=worker")
	tried := past("update", "failed", time.Second, counted, "pulumiscale/mine after=h pools=worker")
	running := past("update", "in-progress", 0, counted, "pulumiscale/mine after=h pools=worker")
	for _, c := range []struct {
		name    string
		history []string
		// decided is what the newest update was when the change was decided on.
		decided, want string
	}{
		{"of one that runs is the newest", []string{running, before}, before, before},
		{"also if the running one is not listed", []string{before}, before, before},
		{"or somebody else's that came in between", []string{running, others, before}, before, others},
		{"of one that has ended comes before it", []string{mine, before}, before, before},
		{"even if others came after it", []string{others, mine, before}, before, before},
		{"of another attempt is the attempt before", []string{running, tried, before}, tried, tried},
		{"also if the running one is not listed, and there were two", []string{tried, tried, before}, tried, tried},
		{"or somebody else's that came after that attempt", []string{running, others, tried, before}, tried, others},
		{"also if the running one is not listed, after an attempt", []string{others, tried, before}, tried, others},
	} {
		e := newEngine(t)
		e.put("history1.json", history(c.history...))
		got, err := e.previous(context.Background(), scale.Change{ID: "pulumiscale/mine", Head: headOf(t, c.decided)})
		if diff := cmp.Diff(headOf(t, c.want), got); diff != "" || err != nil {
			t.Errorf("%s: error %v, -want +got:\n%s", c.name, err, diff)
		}
	}
}

// An update that failed is tried again with the same mark.
func TestHeadTellsTheAttemptsOfAnUpdateApart(t *testing.T) {
	mark := "pulumiscale/1 after=h pools=worker"
	failed, done := headOf(t, past("update", "failed", 0, counted, mark)), headOf(t, past("update", succeeded, 0, counted, mark))
	if failed == done || done != ownHead("pulumiscale/1", succeeded) {
		t.Errorf("the heads are %q and %q", failed, done)
	}
}

// canonical is a JSON text as Go writes it.
func canonical(t *testing.T, text string) string {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return configfile.JSON(value)
}

// writtenAt is an export of a state with such rules that was written at that time.
func writtenAt(at time.Time, rules string) string {
	manifest := `"manifest":{"time":"` + at.UTC().Format(time.RFC3339Nano) + `"},`
	return strings.Replace(exportOf(rules), `"deployment":{`, `"deployment":{`+manifest, 1)
}

// An update may end between the reading of the state and that of the history, which are read at the same time.
func TestReadTakesNoStateThatIsOlderThanTheHistory(t *testing.T) {
	written := func(age time.Duration, rules string) string { return writtenAt(time.Now().Add(-age), rules) }
	newest := past("update", "succeeded", 10*time.Second, counted, "") // began ten seconds ago
	narrow := strings.Replace(rulesOutput, `"max":9`, `"max":4`, 1)
	for _, c := range []struct {
		name     string
		first    string
		readings int
		max      int
	}{
		{name: "written before the newest update began", first: written(time.Minute, rulesOutput), readings: 2, max: 4},
		{name: "written by the newest update", first: written(5*time.Second, rulesOutput), readings: 1, max: 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t)
			e.put("first.json", c.first)
			e.put("export.json", written(0, narrow))
			e.put("history1.json", history(newest))
			got, err := e.Read(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if readings := len(e.called("stack export")); readings != c.readings || got.Rules["worker"].Max != c.max {
				t.Errorf("read %d times, and max is %d: want %d times and %d", readings, got.Rules["worker"].Max, c.readings, c.max)
			}
		})
	}
}

// The history is asked for only if an update may have ended since.
func TestReadSinceAsksForTheHistoryWhereTheStateIsAnother(t *testing.T) {
	at := time.Now().Add(-time.Hour)
	narrow := strings.Replace(rulesOutput, `"max":9`, `"max":4`, 1)
	first, second := past("update", "succeeded", 2*time.Hour, counted, ""), past("update", "succeeded", time.Minute, counted, "x")
	for _, c := range []struct {
		name, before, after string
		asked               bool
	}{
		{"the same state", writtenAt(at, rulesOutput), writtenAt(at, rulesOutput), false},
		{"written again", writtenAt(at, rulesOutput), writtenAt(at.Add(time.Nanosecond), rulesOutput), true},
		{"other rules", writtenAt(at, rulesOutput), writtenAt(at, narrow), true},
		{"the time is not known", exportOf(rulesOutput), exportOf(rulesOutput), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t)
			e.put("export.json", c.before)
			e.put("history1.json", history(first))
			known, err := e.Read(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			e.put("export.json", c.after)
			e.put("history1.json", history(second, first))
			asked := len(e.called("stack history"))
			got, err := e.ReadSince(context.Background(), known)
			if err != nil {
				t.Fatal(err)
			}
			if asked := len(e.called("stack history")) > asked; asked != c.asked || (got.Head != known.Head) != c.asked {
				t.Errorf("the history was asked for: %v, and the head is another: %v", asked, got.Head != known.Head)
			}
			if fresh, err := e.Read(context.Background()); err != nil || !cmp.Equal(fresh.Resources, got.Resources) || !cmp.Equal(fresh.Rules, got.Rules) {
				t.Errorf("got %+v, error %v", got, err)
			}
		})
	}
}

// An engine that finds other rules than the change was decided on is ended before it changes anything.
func TestUpdateEndsIfItBeginsWithAnotherOutput(t *testing.T) {
	found := `{"worker-pool":{"current":3,"max":8}}`
	begun := `{"preludeEvent":{"config":{}}}
{"resourcePreEvent":{"metadata":{"op":"same","urn":"urn:s","type":"pulumi:pulumi:Stack","old":{"outputs":{"pulumiscale":` + found + `}}}}}
`
	for _, c := range []struct {
		name, output, events string
		want                 bool
	}{
		{"the one that it was decided on", found, begun, false},
		{"another one", `{"worker-pool":{"current":4,"max":8}}`, begun, true},
		{"one that was not read as it is", "", begun, false},
		{"none is told of", found, `{"preludeEvent":{"config":{}}}` + "\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t)
			e.put("events", c.events)
			change := aChange()
			if change.Head = ""; c.output != "" {
				change.Output = []byte(canonical(t, c.output))
			}
			e.put("writes", "sleep 0.5\n")
			_, err := e.Update(context.Background(), change, scale.Unobserved)
			if stale := errors.As(err, new(*scale.StaleError)); stale != c.want || !stale && err != nil {
				t.Errorf("the error is %v", err)
			}
			change.Correction = true
			if got, err := e.Update(context.Background(), change, scale.Unobserved); err != nil || got.Overtaken != c.want {
				t.Errorf("a correction is made in any case: overtaken %v, error %v", got.Overtaken, err)
			}
		})
	}
}

func TestReadDoesNotCompareSecretRules(t *testing.T) {
	secret := strings.Replace(rulesOutput, `"max":9`, `"max":9,"paused":{"4dabf18193072939515e22adb298388d":"1b47061264138c4ac30d75fd1eb44270","ciphertext":"x"}`, 1)
	if got := (state{rules: []byte(secret)}).output(); got != nil {
		t.Errorf("got %s", got)
	}
}
