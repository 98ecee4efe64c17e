//go:build !windows

package stack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli"
)

// decidedChange is a change on a proof of a stack with a file that updates write, out.bin.
func decidedChange(t *testing.T) (engine, scale.Change) {
	t.Helper()
	e := ground(t)
	known := past("update", succeeded, time.Hour, counted, "")
	e.put("history1.json", history(known))
	e.write("out.bin", "x")
	snap := read(headOf(t, known))
	e.keeps(snap, nothing, true, func() { e.write("out.bin", "y") })
	if !e.keeps(snap, nothing, true) {
		t.Fatal("the proof was not kept")
	}
	proof, err := e.Proof(snap)
	if err != nil {
		t.Fatal(err)
	}
	change := aChange()
	change.Head, change.Config, change.Basis, change.Pools = snap.Head, snap.Config, proof.Basis, []string{"worker"}
	return e, change
}

func TestEditedSince(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(e engine, change *scale.Change)
		want string
	}{
		{"nothing has changed", func(engine, *scale.Change) {}, ""},
		{"there is no proof behind it", func(e engine, c *scale.Change) { c.Basis = ""; e.write("index.ts", "x") }, ""},
		{"a file was edited", func(e engine, _ *scale.Change) { e.write("index.ts", "x") }, "the program was edited: index.ts"},
		{
			"many files were edited", func(e engine, _ *scale.Change) {
				for i := range 5 {
					e.write(fmt.Sprintf("a%d.ts", i), "x")
				}
			}, "the program was edited: a0.ts, a1.ts, a2.ts",
		},
		{"a file that updates write was written", func(e engine, _ *scale.Change) { e.write("out.bin", "z") }, ""},
		{
			"the configuration was edited", func(e engine, _ *scale.Change) { e.write("Pulumi.dev.yaml", "environment: [prod]\n") },
			"the program's commit, its configuration, a plugin or the environment has changed",
		},
		{"a count in it was", func(e engine, _ *scale.Change) { e.write("Pulumi.dev.yaml", "config:\n  count: 7\n") }, ""},
		{"another proof was asked for since", func(e engine, _ *scale.Change) {
			other := read("1")
			other.Config = map[string]string{"demo:a": `"x"`}
			e.knows(other)
		}, "the program or its configuration has changed"},
		{"the program cannot be looked at", func(e engine, _ *scale.Change) { e.write("Pulumi.dev.yaml", "config: [\n") }, "the program cannot be looked at: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, change := decidedChange(t)
			c.do(e, &change)
			decided, err := e.decidedOn(change)
			what := e.editedSince(decided, change)
			if stale, is := errors.AsType[*scale.StaleError](err); is {
				what = stale.What
			}
			if (what == "") != (c.want == "") || !strings.HasPrefix(what, c.want) {
				t.Errorf("got %q, %v", what, err)
			}
		})
	}
}

// Whatever was decided on may change up to the last moment.
func TestAnUpdateEndsIfTheProgramIsEdited(t *testing.T) {
	stackEvent := func(e engine, log string) (before, after string) {
		at := strings.Index(log, `{"resourcePreEvent"`)
		at = strings.LastIndex(log[:at+1], "\n") + 1
		e.put("rest", log[at:])
		return log[:at], "cat rest >>\"$log\"\n"
	}
	for _, c := range []struct {
		name string
		// writes happens under the engine's lock, before the program is read. edits happens before that.
		writes func(e engine) string
		edits  func(e engine, change *scale.Change)
		stale  bool
	}{
		{"nothing is", func(engine) string { return "" }, nil, false},
		{"under the engine's lock", func(e engine) string { return "echo x >>'" + e.project.Dir + "/index.ts'\n" }, nil, true},
		{"just before the program is read", func(e engine) string { return "sleep 0.3\necho x >>'" + e.project.Dir + "/index.ts'\n" }, nil, true},
		{"a file that updates write is written", func(e engine) string { return "echo x >>'" + e.project.Dir + "/out.bin'\n" }, nil, false},
		{"there is no proof", func(e engine) string { return "echo x >>'" + e.project.Dir + "/index.ts'\n" }, func(_ engine, c *scale.Change) { c.Basis = "" }, false},
		{"a correction is made in any case", func(e engine) string { return "echo x >>'" + e.project.Dir + "/index.ts'\n" }, func(_ engine, c *scale.Change) { c.Correction = true }, false},
		{"before it began", func(engine) string { return "" }, func(e engine, _ *scale.Change) { e.write("index.ts", "x") }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, change := decidedChange(t)
			before, rest := stackEvent(e, untilTheStack(t))
			e.put("events", before)
			e.put("orderly", "") // as the CLI, which ends in order
			e.put("writes", c.writes(e)+rest+"sleep 0.5\n")
			if c.edits != nil {
				c.edits(e, &change)
			}
			var told []scale.Event
			_, err := e.Update(context.Background(), change, func(e scale.Event) { told = append(told, e) })
			if _, stale := errors.AsType[*scale.StaleError](err); stale != c.stale || !stale && err != nil {
				t.Errorf("the error is %v", err)
			}
			for _, event := range told {
				if said, is := event.(scale.Diagnosed); is {
					t.Errorf("the engine's end was told of: %+v", said)
				}
			}
			if left := e.folders(); c.stale && len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// Under the engine's lock the files are looked at again, whether or not the program comes to run.
func TestStaleAtLock(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(e engine, change *scale.Change)
		want string
	}{
		{"nothing has changed", func(engine, *scale.Change) {}, ""},
		{"the program was edited", func(e engine, _ *scale.Change) { e.write("index.ts", "x") }, "the program was edited: index.ts"},
		{"for a correction that is no matter", func(e engine, c *scale.Change) { e.write("index.ts", "x"); c.Correction = true }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			inFolder(t)
			e, change := decidedChange(t)
			change.History = e.stamp(context.Background()).History // nobody has updated the stack, so that no engine need be asked
			decided, err := e.decidedOn(change)
			if err != nil {
				t.Fatal(err)
			}
			c.edit(e, &change)
			waiting := &engineProcess{child: &cli.Invocation{}}
			if got := e.staleAtLock(context.Background(), e.departure(change), decided, change, waiting); got != c.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestEndedAsStale(t *testing.T) {
	failed := &scale.EngineError{Operation: "update", Interrupted: true, Diagnostics: []scale.Diagnostic{{Severity: "error", Message: "own"}}}
	locked := &scale.LockedError{Stack: "dev"}
	step := []scale.ResourceStep{{Op: "update"}}
	for _, c := range []struct {
		name  string
		steps []scale.ResourceStep
		err   error
		want  error
	}{
		{"before any resource was begun nothing was done", nil, failed, &scale.StaleError{What: "why"}},
		{"whatever the engine says", nil, locked, &scale.StaleError{What: "why"}},
		{
			"an engine that had begun has failed, and nobody has interrupted it", step, failed,
			&scale.EngineError{Operation: "update", Diagnostics: []scale.Diagnostic{{Severity: "error", Message: "own"}, {Severity: "error", Message: "why"}}},
		},
		{"anything else is what it is", step, locked, locked},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFollower("update", "m", scale.Unobserved)
			f.result.Steps = c.steps
			if diff := cmp.Diff(c.want, endedAsStale("why", f, c.err)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestTheProofIsCarriedOverTheUpdateItself(t *testing.T) {
	for _, code := range []string{"0", "1"} {
		e, change := decidedChange(t)
		e.put("events", string(eventLog(t, map[string]string{"0": "scale", "1": "failed"}[code])))
		e.put("code", code)
		change.ID, change.Output = "pulumiscale/2", nil
		_, err := e.Update(context.Background(), change, scale.Unobserved)
		if (err != nil) != (code == "1") {
			t.Fatal(err)
		}
		result := map[string]string{"0": succeeded, "1": "failed"}[code]
		after := afterOurs(ownHead("pulumiscale/2", result), read(change.Head))
		if after.Updates[0].Succeeded = code == "0"; !e.knows(after) {
			t.Errorf("after exit code %s it is not proved any more", code)
		}
		if diff := cmp.Diff(code == "0", e.proofs.kept.Proof.Head == after.Head); diff != "" {
			t.Errorf("its head after exit code %s: %s", code, e.proofs.kept.Proof.Head)
		}
	}
}
