package stack

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	fastjson "github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/parse"
	"github.com/pulumiscale/pulumiscale/scale/stack/statedir"
)

// The logs in testdata/events are an engine's own: Pulumi v3.250.0 with the program and the provider in examples/.
const (
	demoPrefix  = "urn:pulumi:dev::worker-pool::"
	demoStack   = demoPrefix + "pulumi:pulumi:Stack::worker-pool-dev"
	demoCloud   = demoPrefix + "pulumi:providers:localcloud::default_0_1_0"
	demoBalance = demoPrefix + "localcloud:index:Balancer::frontend"
	demoPool    = demoPrefix + "localcloud:index:Pool::worker-pool"
)

func eventLog(t testing.TB, name string) []byte {
	t.Helper()
	log, err := os.ReadFile(filepath.Join("testdata", "events", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// followed is what a follower makes of a log, and what it told.
func followed(log []byte, operation string) (*follower, []scale.Event) {
	var told []scale.Event
	f := newFollower(operation, "m", func(e scale.Event) { told = append(told, e) })
	f.consume(log)
	return f, told
}

// ignoringTime compares events without their time, which is the reader's.
var ignoringTime = cmp.Options{cmpopts.IgnoreFields(scale.StepStarted{}, "At"), cmpopts.IgnoreFields(scale.StepDone{}, "At")}

func poolStep(op string, diffs ...scale.PropertyDiff) scale.ResourceStep {
	return scale.ResourceStep{Op: op, URN: demoPool, Type: "localcloud:index:Pool", Name: "worker-pool", Diffs: diffs}
}

func sizeDiff(from, to float64) scale.PropertyDiff {
	return scale.PropertyDiff{Path: "size", Old: from, New: to}
}

var pluginWarning = scale.Diagnosed{Diagnostic: scale.Diagnostic{
	Severity: "info", Message: "using pulumi-resource-localcloud from $PATH at /usr/local/bin/pulumi-resource-localcloud",
}}

func poolError(message string) scale.Diagnostic {
	return scale.Diagnostic{Severity: "error", URN: demoPool, Message: message}
}

func TestFollowerOfAScaling(t *testing.T) {
	f, told := followed(eventLog(t, "scale"), "update")
	step := poolStep("update", sizeDiff(3, 5))
	want := []scale.Event{
		pluginWarning, scale.EngineStarted{Message: "m"}, pluginWarning,
		scale.StepStarted{Step: step}, scale.StepDone{Step: step},
	}
	if diff := cmp.Diff(want, told, ignoringTime); diff != "" {
		t.Errorf("events: -want +got:\n%s", diff)
	}
	wantResult := scale.Result{
		Steps: []scale.ResourceStep{step}, Seen: []string{demoStack, demoCloud, demoBalance, demoPool},
		Output: []byte(`{"worker-pool":{"configKey":"workerCount","cooldown":"0s","current":5,"max":50,"min":1,` +
			`"strategy":{"down":1,"type":"step","up":2},"urn":"` + demoPool + `"}}`),
	}
	if diff := cmp.Diff(wantResult, f.result); diff != "" {
		t.Errorf("result: -want +got:\n%s", diff)
	}
	if rules, err := parse.Rules(f.result.Output); err != nil || *rules["worker-pool"].Current != 5 {
		t.Errorf("rules %v, error %v", rules, err)
	}
	if diff := cmp.Diff([]scale.ResourceStep{step}, f.done); diff != "" {
		t.Errorf("done: -want +got:\n%s", diff)
	}
	if !f.hasBegun || len(f.diagnostics) > 0 || f.summary != "succeeded" || len(f.open) > 0 {
		t.Errorf("begun %v, diagnostics %v, summary %q, open %v", f.hasBegun, f.diagnostics, f.summary, f.open)
	}
}

func TestFollowerOfFailures(t *testing.T) {
	for _, c := range []struct {
		log         string
		diagnostics []scale.Diagnostic
		// done are the operations that were completed, and failed those that were not.
		done, failed []string
	}{
		{"failed", []scale.Diagnostic{poolError("1 error occurred:\n\t* pool worker-pool failed after 1 workers (failAfter in faults.json)")}, nil, []string{"update"}},
		{"interrupted", []scale.Diagnostic{poolError("operation cancelled")}, nil, []string{"update"}},
		{
			// The engine looks for a target only after it has updated the others.
			"missing", []scale.Diagnostic{{Severity: "error", Message: "Target '" + demoPrefix + "localcloud:index:Pool::nope' " +
				"could not be found in the stack. Did you forget to escape $ in your shell?"}}, []string{"update"}, nil,
		},
	} {
		t.Run(c.log, func(t *testing.T) {
			f, told := followed(eventLog(t, c.log), "update")
			if diff := cmp.Diff(c.diagnostics, f.diagnostics); diff != "" {
				t.Errorf("diagnostics: -want +got:\n%s", diff)
			}
			var done, failed []string
			for _, step := range f.done {
				done = append(done, step.Op)
			}
			for _, event := range told {
				if end, ok := event.(scale.StepDone); ok && end.Failed {
					failed = append(failed, end.Step.Op)
				}
			}
			if diff := cmp.Diff([][]string{c.done, c.failed}, [][]string{done, failed}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if f.summary != "failed" {
				t.Errorf("summary %q", f.summary)
			}
		})
	}
}

func TestFollowerOfAReplacement(t *testing.T) {
	f, told := followed(eventLog(t, "replace"), "preview")
	diffs := []scale.PropertyDiff{{Path: "name", Old: "worker-pool", New: "workers-two", Replaces: true}, sizeDiff(3, 5)}
	var ops []string
	for _, step := range f.result.Steps {
		ops = append(ops, step.Op)
		if step.Op == "create-replacement" {
			if diff := cmp.Diff(diffs, step.Diffs); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		}
	}
	if diff := cmp.Diff([]string{"create-replacement", "replace", "delete-replaced"}, ops); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if told[1] != (scale.EngineStarted{Preview: true, Message: "m"}) {
		t.Errorf("got %#v", told[1])
	}
}

func TestFollowerTakesALogInAnyPieces(t *testing.T) {
	log := eventLog(t, "scale")
	whole, wantTold := followed(log, "update")
	for _, size := range []int{1, 7, 1000, len(log) - 1} {
		var told []scale.Event
		f := newFollower("update", "m", func(e scale.Event) { told = append(told, e) })
		var pending []byte
		for at := 0; at < len(log); at += size {
			pending = f.consume(append(pending, log[at:min(at+size, len(log))]...))
		}
		if len(pending) > 0 {
			t.Errorf("pieces of %d: left %q", size, pending)
		}
		if diff := cmp.Diff(whole.result, f.result); diff != "" {
			t.Errorf("pieces of %d: -want +got:\n%s", size, diff)
		}
		if diff := cmp.Diff(wantTold, told, ignoringTime); diff != "" {
			t.Errorf("pieces of %d: -want +got:\n%s", size, diff)
		}
	}
}

func TestFollowerPassesOverWhatItDoesNotKnow(t *testing.T) {
	for name, lines := range map[string]string{
		"no JSON":                "this is no event\n",
		"an event of tomorrow":   `{"sequence":1,"somethingNew":{"a":1}}` + "\n",
		"an empty line":          "\n",
		"a line without its end": `{"sequence":1,"preludeEvent":{"config":{}}}`,
		"a resource without URN": `{"resourcePreEvent":{"metadata":{"op":"update","urn":"","type":""}}}` + "\n",
		"a debug message":        `{"diagnosticEvent":{"message":"x","severity":"debug"}}` + "\n",
		"a message that passes":  `{"diagnosticEvent":{"message":"x","severity":"info","ephemeral":true}}` + "\n",
		"an empty message":       `{"diagnosticEvent":{"message":" \n","severity":"info"}}` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			f, told := followed([]byte(lines), "update")
			for _, e := range told {
				if _, isStep := e.(scale.StepStarted); !isStep {
					t.Errorf("told %#v", e)
				}
			}
			if f.hasBegun {
				t.Error("has begun")
			}
		})
	}
}

func TestFollowerBeginsOnce(t *testing.T) {
	f, told := followed(bytes.Repeat([]byte(`{"preludeEvent":{"config":{}}}`+"\n"), 3), "update")
	if !f.hasBegun || len(told) != 1 {
		t.Errorf("has begun: %v; it told %v", f.hasBegun, told)
	}
}

// Between its event log and its first event the CLI does not listen for signals yet. One that is found stale then is
// interrupted with its first event, and nobody is told that it has begun.
func TestAnEngineIsInterruptedOnceItHeeds(t *testing.T) {
	prelude := []byte(`{"preludeEvent":{"config":{}}}` + "\n")
	for name, early := range map[string]bool{"before its first event": true, "after it": false} {
		t.Run(name, func(t *testing.T) {
			var told []scale.Event
			f := newFollower("update", "m", func(e scale.Event) { told = append(told, e) })
			stopped := make(chan struct{}, 2) // once more, if it never heeds
			last := lastMoment{stop: func() { stopped <- struct{}{} }}
			if !early {
				f.consume(prelude)
			}
			last.end(f, "another update of the stack finished first")
			if interrupted := len(stopped) > 0; interrupted == early {
				t.Errorf("interrupted at once: %v", interrupted)
			}
			f.consume(prelude)
			if len(stopped) != 1 || len(told) > 0 == early {
				t.Errorf("interrupted %d times; it told %v", len(stopped), told)
			}
		})
	}
}

// The engine makes its event log, still empty, when it has the lock.
func TestFollowerTellsOfTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), statedir.EventFile)
	f := newFollower("update", "", scale.Unobserved)
	locked, followed, ended := make(chan struct{}, 9), make(chan error), make(chan struct{})
	f.locked = func() { locked <- struct{}{} }
	go func() { followed <- f.follow(path, ended) }()
	select {
	case <-locked:
		t.Error("locked before there is a log")
	case <-time.After(5 * startInterval):
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	select {
	case <-locked:
	case <-time.After(10 * time.Second):
		t.Error("not locked")
	}
	close(ended)
	if err := <-followed; err != nil || len(locked) > 0 {
		t.Errorf("locked again: %v; %v", len(locked) > 0, err)
	}
}

func TestFollowerNamesResources(t *testing.T) {
	for urn, want := range map[string]string{
		demoPool:                                "worker-pool",
		"urn:pulumi:dev::demo::a:b:C$d:e:F::x":  "x",
		"urn:pulumi:dev::demo::a:b:C::odd::na:": "odd::na:",
	} {
		line, _ := json.Marshal(map[string]any{"resourcePreEvent": map[string]any{"metadata": map[string]any{"op": "create", "urn": urn, "type": "a:b:C"}}})
		f, _ := followed(append(line, '\n'), "update")
		if len(f.result.Steps) != 1 || f.result.Steps[0].Name != want {
			t.Errorf("%s: got %+v, want %q", urn, f.result.Steps, want)
		}
	}
}

func TestFollowerDoesNotTakeTheStackForAResource(t *testing.T) {
	f, told := followed([]byte(`{"resourcePreEvent":{"metadata":{"op":"create","urn":"`+demoStack+`","type":"pulumi:pulumi:Stack"}}}`+"\n"), "update")
	if len(f.result.Steps) > 0 || len(told) > 0 {
		t.Errorf("steps %v, told %v", f.result.Steps, told)
	}
}

// TestFollowReadsALogAsItGrows writes a log piece by piece, and ends before the follower has looked at the last one.
func TestFollowReadsALogAsItGrows(t *testing.T) {
	log := eventLog(t, "scale")
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(dir, "log")
		var told []scale.Event
		f := newFollower("update", "", func(e scale.Event) { told = append(told, e) })
		ended, followed := make(chan struct{}), make(chan error)
		go func() { followed <- f.follow(path, ended) }()
		synctest.Wait() // there is no file yet
		lines := strings.SplitAfter(string(log), "\n")
		for i, piece := range []string{strings.Join(lines[:3], "") + lines[3][:20], lines[3][20:] + strings.Join(lines[4:15], "")} {
			appendTo(t, path, piece)
			time.Sleep(2 * pollInterval) // of the bubble's clock
			synctest.Wait()
			if f.hasBegun != true || len(f.result.Steps) != i {
				t.Errorf("after piece %d: begun %v, steps %v", i, f.hasBegun, f.result.Steps)
			}
		}
		appendTo(t, path, strings.Join(lines[15:], ""))
		close(ended)
		if err := <-followed; err != nil {
			t.Error(err)
		}
		if f.summary != "succeeded" || len(f.done) != 1 {
			t.Errorf("summary %q, done %v", f.summary, f.done)
		}
	})
}

func TestFollowWithoutALog(t *testing.T) {
	ended := make(chan struct{})
	close(ended)
	f := newFollower("", "", scale.Unobserved)
	if err := f.follow(filepath.Join(t.TempDir(), "none"), ended); err != nil {
		t.Error(err)
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkConsume compares how the log of an update that leaves two thousand resources as they are is decoded with
// decoding all of it.
func BenchmarkConsume(b *testing.B) {
	var log bytes.Buffer
	for line := range bytes.Lines(eventLog(b, "scale")) {
		log.Write(line)
		if bytes.Contains(line, []byte(`"op":"same"`)) && bytes.Contains(line, []byte(demoBalance)) {
			log.Write(bytes.Repeat(line, 2000))
		}
	}
	b.Run("what is needed", func(b *testing.B) {
		for b.Loop() {
			newFollower("update", "m", scale.Unobserved).consume(log.Bytes())
		}
	})
	b.Run("all of it", func(b *testing.B) {
		for b.Loop() {
			for line := range bytes.Lines(log.Bytes()) {
				var event apitype.EngineEvent
				if err := json.Unmarshal(line, &event); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// What is decoded only if it is needed is decoded in the same way as when all of it is.
func TestEventsAreDecodedAsFarAsTheyAreNeeded(t *testing.T) {
	for _, name := range []string{"failed", "interrupted", "missing", "replace", "scale"} {
		for line := range bytes.Lines(eventLog(t, name)) {
			var whole apitype.EngineEvent
			var got loggedEvent
			if err := errors.Join(json.Unmarshal(line, &whole), fastjson.Unmarshal(line, &got)); err != nil {
				t.Fatal(err)
			}
			steps := map[*loggedStep]*apitype.StepEventMetadata{}
			if e := whole.ResourcePreEvent; e != nil {
				steps[got.Pre] = &e.Metadata
			}
			if e := whole.ResOutputsEvent; e != nil {
				steps[got.Outputs] = &e.Metadata
			}
			if e := whole.ResOpFailedEvent; e != nil {
				steps[got.Failed] = &e.Metadata
			}
			for step, want := range steps {
				if unchanged(want.Op) && want.Type != stackType {
					want.Old, want.New = nil, nil
				}
				if diff := cmp.Diff(*want, step.metadata()); diff != "" {
					t.Errorf("%s: -want +got:\n%s", name, diff)
				}
			}
		}
	}
}
