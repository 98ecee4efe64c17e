package output

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

var (
	noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	bare = NewStyle(ColorNever, nil)
)

func num(n int) *int          { return &n }
func str(s string) *string    { return &s }
func narrow(width int) *Style { return NewStyle(ColorNever, func() int { return width }) }

const poolURN = "urn:pulumi:dev::demo::localcloud:index:Pool::worker-pool"

var update = scale.ResourceStep{
	Op: "update", URN: poolURN, Type: "localcloud:index:Pool", Name: "worker-pool",
	Diffs: []scale.PropertyDiff{{Path: "size", Old: 3, New: 6}},
}

func check(t *testing.T, got, want string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecision(t *testing.T) {
	for name, test := range map[string]struct {
		decision scale.Decision
		want     string
	}{
		"a scaling shows both counts": {
			scale.Decision{Outcome: scale.Scale, From: num(3), To: 5}, "worker-pool 3 -> 5\n",
		},
		"a clamped scaling says by what": {
			scale.Decision{Outcome: scale.Scale, From: num(3), To: 50, Clamped: true, Reason: "clamped from 100 to max 50"},
			"worker-pool 3 -> 50 (clamped from 100 to max 50)\n",
		},
		"a count that is not known is a question mark": {
			scale.Decision{Outcome: scale.Scale, To: 5}, "worker-pool ? -> 5\n",
		},
		"no change gives the reason": {
			scale.Decision{Outcome: scale.NoChange, From: num(5), To: 5, Reason: "already at 5"}, "worker-pool: nothing to do: already at 5\n",
		},
		"a cooldown shows what waits": {
			scale.Decision{Outcome: scale.CoolingDown, From: num(3), To: 5, Reason: "cooling down for another 1m0s"},
			"worker-pool 3 -> 5 is held off: cooling down for another 1m0s\n",
		},
		"pending changes are in the reason": {
			scale.Decision{Outcome: scale.HasPending, From: num(3), To: 5, Reason: "the update would also make pending changes: stack output url"},
			"worker-pool is held off: the update would also make pending changes: stack output url\n",
		},
		"a pause has no counts": {
			scale.Decision{Outcome: scale.Paused, Reason: "the rule is paused"}, "worker-pool is held off: the rule is paused\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.decision.Intent.Pool = "worker-pool"
			check(t, bare.Decision(test.decision), test.want)
		})
	}
}

func TestDiff(t *testing.T) {
	steps := []scale.ResourceStep{
		update,
		{Op: "create", URN: "a", Type: "t:x:Y", Name: "new"},
		{Op: "create-replacement", URN: "b", Type: "t:x:Y", Name: "moved"},
		{Op: "replace", URN: "b", Type: "t:x:Y", Name: "moved", Diffs: []scale.PropertyDiff{
			{Path: "zone", Old: "a", New: "b", Replaces: true}, {Path: "tag", New: "x"}, {Path: "old", Old: true}, {Path: "blob"},
		}},
		{Op: "delete-replaced", URN: "b", Type: "t:x:Y", Name: "moved"},
		{Op: "delete", URN: "c", Type: "t:x:Y", Name: "gone"},
	}
	check(t, bare.Diff(steps), `~ localcloud:index:Pool worker-pool update
    ~ size: 3 => 6
+ t:x:Y new create
+- t:x:Y moved replace
    +- zone: "a" => "b" (replaces the resource)
    + tag: "x"
    - old: true
    ~ blob
- t:x:Y gone delete
`)
	check(t, Changes(steps), "1 to update, 1 to create, 1 to replace, 1 to delete")
	check(t, Changes(nil), "no resource changes")
}

func TestDiffIsColouredAsPulumiDoes(t *testing.T) {
	style := NewStyle(ColorAlways, nil)
	check(t, style.Diff([]scale.ResourceStep{update}),
		"\x1b[33m~\x1b[0m localcloud:index:Pool \x1b[1mworker-pool\x1b[0m \x1b[33mupdate\x1b[0m\n    \x1b[33m~\x1b[0m size: 3 => 6\n")
}

func TestPreview(t *testing.T) {
	plan := scale.Plan{Decisions: []scale.Decision{{Intent: scale.Intent{Pool: "worker-pool"}, Outcome: scale.Scale, From: num(3), To: 6}}}
	check(t, bare.Preview(plan, &scale.Result{Steps: []scale.ResourceStep{update}}), `worker-pool 3 -> 6

~ localcloud:index:Pool worker-pool update
    ~ size: 3 => 6

1 to update
`)
	check(t, bare.Preview(plan, &scale.Result{}), "worker-pool 3 -> 6\n\nno resource changes\n")
}

func TestReport(t *testing.T) {
	move := scale.Move{Pool: "worker-pool", From: num(3), To: 6}
	clamped := scale.Decision{
		Intent: scale.Intent{Pool: "worker-pool"}, Outcome: scale.Scale, From: num(3), To: 6, Clamped: true, Reason: "clamped from 9 to max 6",
	}
	for name, test := range map[string]struct {
		report scale.Report
		want   string
	}{
		"done": {
			scale.Report{Plan: scale.Plan{Decisions: []scale.Decision{clamped}}, Results: []scale.MoveResult{{Move: move}}, Duration: 1440 * time.Millisecond},
			"worker-pool 3 -> 6 done in 1.4s (clamped from 9 to max 6)\n",
		},
		"unverified is not called done": {
			scale.Report{Plan: scale.Plan{Decisions: []scale.Decision{clamped}}, Results: []scale.MoveResult{{Move: move, Unverified: `"current" is 5`}}},
			"worker-pool 3 -> 6 unverified: \"current\" is 5\n",
		},
		"nothing to do": {
			scale.Report{Plan: scale.Plan{Decisions: []scale.Decision{{Intent: clamped.Intent, Outcome: scale.NoChange, Reason: "already at 6"}}}},
			"worker-pool: nothing to do: already at 6\n",
		},
	} {
		t.Run(name, func(t *testing.T) { check(t, bare.Report(test.report), test.want) })
	}
}

func statuses() []scale.Standing {
	return []scale.Standing{
		{
			Rule: scale.Rule{Pool: "batch", Min: 0, Max: 100, Paused: scale.PauseBoth}, Count: num(7), Configured: num(9),
			UpUntil: noon.Add(time.Minute), DownUntil: noon.Add(5 * time.Minute),
			Last: &scale.Scaling{From: 5, To: 9, Update: scale.Update{End: noon.Add(-49 * time.Hour)}},
		},
		{
			Rule: scale.Rule{Pool: "worker-pool", Min: 1, Max: 50}, Count: num(3), Configured: num(3),
			UpUntil: noon.Add(90 * time.Second), DownUntil: noon.Add(90 * time.Second),
			Drift: &scale.Drift{}, Last: &scale.Scaling{From: 2, To: 3, Update: scale.Update{End: noon.Add(-3 * time.Minute)}},
		},
		{Rule: scale.Rule{Pool: "zero", Max: 1, Paused: scale.PauseDown}, DownUntil: noon.Add(time.Millisecond)},
	}
}

func TestPools(t *testing.T) {
	check(t, bare.Pools(statuses(), noon), `POOL         COUNT         MIN  MAX  COOLDOWN        PAUSED  LAST SCALED
batch        7 (config 9)  0    100  up 1m, down 5m  yes     2d ago, 5 -> 9
worker-pool  3 *           1    50   1m30s           —       3m ago, 2 -> 3
zero         ?             0    1    down 1s         down    —
`)
	check(t, bare.Pools(nil, noon), "the stack output \"pulumiscale\" has no pools\n")
}

func TestColourDoesNotMoveColumns(t *testing.T) {
	plain := bare.Pools(statuses(), noon)
	if painted := NewStyle(ColorAlways, nil).Pools(statuses(), noon); painted == plain {
		t.Error("nothing is coloured")
	} else {
		check(t, bare.engine(painted), plain)
	}
}

func TestProofs(t *testing.T) {
	check(t, bare.RuleChecks([]scale.RuleCheck{
		{Pool: "worker-pool", To: 4, Steps: []scale.ResourceStep{update}},
		{Pool: "batch", Problem: "target urn:x matches no resource of the stack"},
	}), "✓ worker-pool: ok, a count of 4 changes 1 target\n✗ batch: target urn:x matches no resource of the stack\n")
}

func TestHistory(t *testing.T) {
	scalings := []scale.Scaling{
		{Pool: "worker-pool", From: 3, To: 5, Update: scale.Update{
			Succeeded: true, Start: noon.Add(-12 * time.Second), End: noon, By: "ada", Message: "pulumiscale: worker-pool 3 -> 5 (cli)\nmore",
		}},
		{Pool: "worker-pool", From: 3, To: 9, Update: scale.Update{Start: noon.Add(-time.Hour - time.Second), End: noon.Add(-time.Hour)}},
	}
	check(t, bare.History(scalings, noon), `TIME                 POOL         COUNT   RESULT     TOOK  COMMIT BY  MESSAGE
2026-03-04 12:00:00  worker-pool  3 -> 5  succeeded  12s   ada        pulumiscale: worker-pool 3 -> 5 (cli)
2026-03-04 11:00:00  worker-pool  3 -> 9  failed     1s    —
`)
	check(t, bare.History(nil, noon), "no scaling yet\n")
	check(t, narrow(80).History(scalings[:1], noon), `TIME                 POOL         COUNT   RESULT     TOOK  COMMIT BY  MESSAGE
2026-03-04 12:00:00  worker-pool  3 -> 5  succeeded  12s   ada        pulumisca…
`)
	check(t, narrow(30).History(scalings[:1], noon), bare.History(scalings[:1], noon))
}

func TestRestored(t *testing.T) {
	check(t, bare.Restored(nil, "Pulumi.dev.yaml", Committed{}), "nothing to restore\n")
	drifts := []scale.Drift{{Pool: "worker-pool", Key: "workerCount", Configured: str("5")}}
	line := "worker-pool: config \"workerCount\" missing -> 5 in Pulumi.dev.yaml"
	for want, committed := range map[string]Committed{
		"":                              {},
		"; commit 0123456789 has none":  {Commit: "0123456789abcdef"},
		"; commit 0123456789 has 3":     {Commit: "0123456789abcdef", Counts: map[string]*string{"worker-pool": str("3")}},
		", as commit 0123456789 has it": {Commit: "0123456789abcdef", Counts: map[string]*string{"worker-pool": str("5")}},
		"; commit 0123456789 has 4":     {Commit: "0123456789abcdef", Counts: map[string]*string{"worker-pool": str("4\x1b[2J")}},
	} {
		check(t, bare.Restored(drifts, "Pulumi.dev.yaml", committed), line+want+"\n")
	}
}

func TestTrouble(t *testing.T) {
	check(t, bare.Trouble(Trouble{Message: "the update failed", Hint: "try again", Diagnostics: []scale.Diagnostic{
		{Severity: "error", URN: poolURN, Message: "<{%fg 1%}>quota exceeded<{%reset%}>\nsee the console\n"},
	}}), `error: the update failed
  error: localcloud:index:Pool (worker-pool):
    quota exceeded
    see the console
hint: try again
`)
	var diagnostics []scale.Diagnostic
	for _, name := range []string{"w-0", "w-1", "w-2"} {
		diagnostics = append(diagnostics, scale.Diagnostic{Severity: "error", URN: "urn:pulumi:dev::demo::t:x:Y::" + name, Message: "quota exceeded"})
	}
	diagnostics = append(diagnostics, scale.Diagnostic{Severity: "error", URN: diagnostics[0].URN, Message: "two\nlines"})
	check(t, bare.Trouble(Trouble{Message: "the update failed", Diagnostics: diagnostics}), `error: the update failed
  error: quota exceeded
    of t:x:Y (w-0)
    of t:x:Y (w-1)
    of t:x:Y (w-2)
  error: t:x:Y (w-0):
    two
    lines
`)
	check(t, bare.Trouble(Trouble{HeldOff: true, Message: "paused"}), "held off: paused\n")
}

func TestEngineColours(t *testing.T) {
	const tagged = "<{%bold%}><{%fg 1%}>no<{%reset%}>"
	for color, want := range map[Color]string{
		ColorNever:  "no",
		ColorRaw:    tagged,
		ColorAlways: "\x1b[1m\x1b[38;5;1mno\x1b[0m\x1b[0m",
	} {
		check(t, NewStyle(color, nil).engine(tagged), want)
	}
	check(t, bare.engine("\x1b[31mred\x1b[0m"), "red")
}

func TestPendingNote(t *testing.T) {
	pending := []scale.PendingChange{
		{Op: "update", URN: poolURN, Type: "localcloud:index:Pool", Name: "worker-pool", Properties: []string{"dir", "size"}}, {Op: "output", Name: "url"},
	}
	check(t, PendingNote("worker-pool", pending),
		"pool worker-pool: not scaled while changes are pending: update of localcloud:index:Pool worker-pool (dir, size); stack output url")
}

func TestWhatIsSaidOfAProof(t *testing.T) {
	for want, event := range map[string]scale.Event{
		"note: checking whether the update would also make pending changes\n":                                                                    scale.Proving{Pools: []string{"worker-pool"}},
		"note: bringing the program to commit 0123456789, from which the stack was deployed\n":                                                   scale.ProgramMoving{To: "0123456789abcdef"},
		"note: preparing the program: npm ci\n":                                                                                                  scale.ProgramPreparing{Command: "npm ci"},
		"note: the program is at commit 0123456789 and prepared, after 2.0s\n":                                                                   scale.ProgramMoved{To: "0123456789abcdef", Took: 2 * time.Second},
		"warning: files in PulumiScale's own checkout of the program were edited (a, b): the edits are saved as git ref r and removed from it\n": scale.ProgramEdited{Files: []string{"a", "b"}, Ref: "r"},
		"note: another update of the stack finished first; computing the count again\n":                                                          scale.Stale{Err: &scale.StaleError{What: "another update of the stack finished first"}},
	} {
		check(t, bare.eventText(event), want)
	}
}
