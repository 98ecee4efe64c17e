package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

func wantText(t *testing.T, got, want string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func wantPart(t *testing.T, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("%q is not in\n%s", want, got)
	}
}

func TestScaleWithoutATerminalGoesAhead(t *testing.T) {
	f := newFake()
	term := newTerminal(f, "")
	term.run(t, "scale worker-pool --count 100 -m deploy", 0)
	wantText(t, term.stdout.String(), "worker-pool 3 -> 50 done in 1.5s (clamped from 100 to max 50)\n")
	wantText(t, term.stderr.String(), "updating worker-pool 3 -> 50 (cli: deploy)\n")
	if len(f.changes) != 1 || f.changes[0].Message != "pulumiscale: worker-pool 3 -> 50 (cli: deploy)" {
		t.Errorf("got %+v", f.changes)
	}
}

func TestScaleWithYesAsksNothingOnATerminal(t *testing.T) {
	term := newTerminal(newFake(), "no\n")
	term.run(t, "scale worker-pool --delta 1 --yes", 0)
	wantText(t, term.stdout.String(), "worker-pool 3 -> 4 done in 1.5s\n")
}

func TestPreviewChangesNothing(t *testing.T) {
	for _, line := range []string{"preview worker-pool --delta -2", "scale worker-pool --delta -2 --dry-run"} {
		f := newFake()
		term := newTerminal(f, "yes\n")
		term.run(t, line, 0)
		wantText(t, term.stdout.String(), `worker-pool 3 -> 1

~ localcloud:index:Pool worker-pool update
    ~ size: 3 => 1

1 to update
`)
		if len(f.changes)+len(f.written) > 0 {
			t.Errorf("%s changed %+v and wrote %+v", line, f.changes, f.written)
		}
	}
}

func TestOutcomesOfScale(t *testing.T) {
	scaled := []scale.Update{{
		Kind: "update", Succeeded: true, Start: noon.Add(-time.Minute), End: noon.Add(-time.Minute), Values: map[string]*string{"worker-pool": str("2")},
	}}
	for name, test := range map[string]struct {
		line           string
		change         func(*fake)
		code           int
		stdout, stderr string
	}{
		"no change is success": {"--count 3", func(*fake) {}, 0, "worker-pool: nothing to do: already at 3\n", ""},
		"a pause holds off":    {"--count 5", func(f *fake) { f.rule.Paused = scale.PauseBoth }, 3, "", "held off: pool worker-pool: the rule is paused\nhint: "},
		"--force passes a pause": {
			"--count 5 --force", func(f *fake) { f.rule.Paused = scale.PauseBoth }, 0, "worker-pool 3 -> 5 done in 1.5s\n", "",
		},
		"a cooldown holds off": {
			"--count 5", func(f *fake) {
				f.before, f.rule.Cooldown = scaled, scale.Cooldown{Up: 3 * time.Hour, Down: 3 * time.Hour}
			}, 3,
			"", "held off: worker-pool 3 -> 5: cooling down for another 1h0m0s\nhint: wait, or pass the cooldown with --force\n",
		},
		"a guard holds off": {
			"--count 5", func(f *fake) {
				f.rule.Guard, f.steps = []scale.Guard{scale.GuardDelete}, []scale.ResourceStep{{Op: "delete", URN: "x", Name: "frontend"}}
			}, 3, "", "held off: worker-pool 3 -> 5: the rule's guard forbids what the preview shows: delete of frontend",
		},
		"pending changes hold off": {
			"--count 5", func(f *fake) { f.pending = []scale.PendingChange{{Op: "output", Name: "url"}} }, 3, "",
			"held off: worker-pool 3 -> 5: the update would also make pending changes: stack output url\nhint: deploy them with `pulumi up`",
		},
		"no force passes them": {
			"--count 5 --force", func(f *fake) { f.pending = []scale.PendingChange{{Op: "output", Name: "url"}} }, 3, "", "held off: ",
		},
		"a rule may": {
			"--count 5", func(f *fake) {
				f.pending, f.rule.Pending = []scale.PendingChange{{Op: "output", Name: "url"}}, scale.AllowPending
			}, 0, "worker-pool 3 -> 5 done in 1.5s\n", "",
		},
		"nothing to do is said before them": {
			"--count 3", func(f *fake) { f.pending = []scale.PendingChange{{Op: "output", Name: "url"}} }, 0, "worker-pool: nothing to do: already at 3\n", "",
		},
		"an update that meets something else": {
			"--count 5 --retries 1", func(f *fake) { f.updateErr = &scale.StaleError{What: "the program was edited: index.ts"} }, 1, "",
			"error: nothing was scaled: the program was edited: index.ts\nhint: try again once nobody edits the program or deploys",
		},
		"a missing file": {
			"--count 5", func(f *fake) { f.program.FileMissing = true }, 1, "",
			"error: Pulumi.dev.yaml is missing, and with it the stack's configuration\nhint: nothing was changed; `pulumi config refresh --stack dev`",
		},
		"what is not proved is no success": {
			"--count 5", func(f *fake) { f.short = 1 }, 1, "worker-pool 3 -> 5 unverified: \"current\" is 4 after the update and not 5\n",
			"error: worker-pool 3 -> 5 is done but not verified: ",
		},
		"a failed update": {
			"--count 5", func(f *fake) {
				f.updateErr = &scale.EngineError{Operation: "update", Diagnostics: []scale.Diagnostic{{Severity: "error", URN: poolURN, Message: "quota"}}}
			}, 1, "", "error: the update failed\n  error: localcloud:index:Pool (worker-pool): quota\nhint: the stack's config file is as it was",
		},
		"a lock": {
			"--count 5 --retries 1", func(f *fake) { f.updateErr = &scale.LockedError{Stack: "dev"} }, 4, "",
			"retry: stack dev is locked by another update; retry 1 of 1 in 0.0s\nerror: stack dev is locked by another update\nhint: wait for",
		},
		"invalid rules": {
			"--count 5", func(f *fake) {
				f.readErr = &scale.RulesError{Problems: []scale.Problem{{Pool: "w", Field: "min", Found: "-1", Expected: "a whole number"}}}
			}, 2, "", "error: the stack output \"pulumiscale\" has 1 mistake\n  w: min is -1: a whole number\nhint: ",
		},
		"a value that is no count": {"--count 5", func(f *fake) { f.file = str("many") }, 1, "", "error: pool worker-pool: config \"workerCount\" is \"many\" in the"},
		"a file that cannot be written": {
			"--count 5", func(f *fake) { f.writeErr = errors.New("disk full") }, 1, "worker-pool 3 -> 5 done in 1.5s\n", "error: the scaling is done, but Pulumi.dev.yaml could not be written: disk full\nhint: ",
		},
		"drift, where it is a failure": {
			"--count 5 --on-drift fail", func(f *fake) { f.file, f.before = str("2"), scaled }, 1, "", "error: pool worker-pool: config \"workerCount\" is 2 in the file and 3",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			test.change(f)
			term := newTerminal(f, "")
			term.run(t, "scale worker-pool "+test.line, test.code)
			if test.stdout != "" {
				wantText(t, term.stdout.String(), test.stdout)
			}
			wantPart(t, term.stderr.String(), test.stderr)
		})
	}
}

func TestUnknownPool(t *testing.T) {
	term := newTerminal(newFake(), "")
	term.run(t, "scale wroker-pool --count 5", 2)
	wantText(t, term.stderr.String(), "error: no pool \"wroker-pool\" in the stack output \"pulumiscale\"\nhint: did you mean \"worker-pool\"? the pools are worker-pool\n")
}

func TestTheQuestion(t *testing.T) {
	for answer, code := range map[string]int{"yes\n": 0, "Y\n": 0, "yes": 0, "what?\nyes\n": 0, "no\n": 1, "\nyes\n": 1, "what?\n": 1} {
		f := newFake()
		term := newTerminal(f, answer)
		term.run(t, "scale worker-pool --count 5", code)
		wantPart(t, term.stderr.String(), "worker-pool 3 -> 5\n\n~ localcloud:index:Pool worker-pool update\n    ~ size: 3 => 5\n\n1 to update\n\n"+
			"do you want to perform this update? [yes/no] ")
		if code == 0 {
			wantText(t, term.stdout.String(), "worker-pool 3 -> 5 done in 1.5s\n")
			continue
		}
		wantPart(t, term.stderr.String(), "error: declined: nothing was changed\n")
		if len(f.changes) > 0 {
			t.Errorf("%q: scaled all the same", answer)
		}
	}
}

func TestAChangeSinceThePreviewIsAskedAbout(t *testing.T) {
	f := newFake()
	f.onPreview = func(context.Context) { f.onPreview, f.count, f.file = nil, 4, str("4") }
	term := newTerminal(f, "yes\nyes\n")
	term.run(t, "scale worker-pool --delta 2", 0)
	wantPart(t, term.stderr.String(), "note: the stack has changed since the preview; this is what it comes to now\n")
	wantPart(t, term.stderr.String(), "    ~ size: 4 => 6\n")
	wantText(t, term.stdout.String(), "worker-pool 4 -> 6 done in 1.5s\n")
}

func TestNothingToDoIsNotAskedAbout(t *testing.T) {
	f := newFake()
	f.rule.Guard, f.steps = []scale.Guard{scale.GuardDelete}, []scale.ResourceStep{{Op: "delete", URN: "x", Name: "frontend"}}
	for line, code := range map[string]int{"scale worker-pool --count 3": 0, "scale worker-pool --count 5": 3, "scale other --count 5": 2} {
		term := newTerminal(f, "yes\n")
		term.run(t, line, code)
		if strings.Contains(term.stderr.String(), "do you want") {
			t.Errorf("%s: asked", line)
		}
		if shown := strings.Contains(term.stdout.String(), "frontend delete"); shown != (code == 3) {
			t.Errorf("%s: what the guard forbids is shown: %v", line, shown)
		}
	}
}

func TestJSON(t *testing.T) {
	for name, test := range map[string]struct {
		line   string
		change func(*fake)
		code   int
		want   map[string]any
	}{
		"scaled":  {"scale worker-pool --count 5", func(*fake) {}, 0, map[string]any{"scaled": true, "from": 3., "to": 5., "current": 5., "dryRun": false}},
		"preview": {"preview worker-pool --count 5", func(*fake) {}, 0, map[string]any{"scaled": false, "from": 3., "to": 5., "dryRun": true}},
		"held off": {
			"scale worker-pool --count 5", func(f *fake) { f.rule.Paused = scale.PauseBoth }, 3,
			map[string]any{"outcome": "paused", "scaled": false, "error.kind": "paused", "error.exitCode": 3.},
		},
		"unverified": {
			"scale worker-pool --count 5", func(f *fake) { f.short = 1 }, 1, map[string]any{"scaled": true, "current": 4., "error.kind": "unverified"},
		},
		"unknown pool":  {"scale x --count 5", func(*fake) {}, 2, map[string]any{"error.kind": "unknown-pool", "pool": nil}},
		"wrong usage":   {"scale x", func(*fake) {}, 2, map[string]any{"error.kind": "usage"}},
		"unknown flags": {"scale x --no-such", func(*fake) {}, 2, map[string]any{"error.kind": "usage"}},
		"locked": {
			"scale worker-pool --count 5 --retries 0", func(f *fake) { f.updateErr = &scale.LockedError{Stack: "dev"} }, 4,
			map[string]any{"error.kind": "locked", "error.message": "stack dev is locked by another update"},
		},
		"rules":                {"rules", func(*fake) {}, 0, map[string]any{"stack": "dev"}},
		"unproved":             {"rules --verify", func(f *fake) { f.previewErr = errors.New("no") }, 1, map[string]any{"stack": "dev", "error.kind": "unproved"}},
		"a picture is no JSON": {"history worker-pool --plot", func(*fake) {}, 2, map[string]any{"error.kind": "usage"}},
		"history":              {"history", func(*fake) {}, 0, map[string]any{"stack": "dev"}},
		"restore":              {"restore", func(*fake) {}, 0, map[string]any{"configFile": "Pulumi.dev.yaml"}},
		"version":              {"version", func(*fake) {}, 0, map[string]any{"version": "v1.2.3"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			test.change(f)
			term := newTerminal(f, "")
			term.run(t, test.line+" --json", test.code)
			var got map[string]any
			if err := json.Unmarshal(term.stdout.Bytes(), &got); err != nil {
				t.Fatalf("%v: %s", err, term.stdout.String())
			}
			failure, failed := got["error"].(map[string]any)
			if failed != (test.code != 0) {
				t.Errorf("exit code %d with the error %v", test.code, failure)
			}
			for key, want := range test.want {
				value := got[key]
				if name, ok := strings.CutPrefix(key, "error."); ok {
					value = failure[name]
				}
				if diff := cmp.Diff(want, value); diff != "" {
					t.Errorf("%s: (-want +got):\n%s", key, diff)
				}
			}
		})
	}
}

func TestRules(t *testing.T) {
	f := newFake()
	f.file, f.before = str("2"), []scale.Update{{Kind: "update", Succeeded: true, Values: map[string]*string{"worker-pool": str("2")}}}
	term := newTerminal(f, "")
	term.run(t, "rules --on-drift keep --verify", 0)
	wantText(t, term.stdout.String(), `POOL         COUNT  MIN  MAX  COOLDOWN  PAUSED  LAST SCALED
worker-pool  3 *    1    50   —         —       2h ago, 2 -> 3

✓ worker-pool: ok, a count of 2 changes 1 target
`)
	if got := strings.Count(term.stderr.String(), "note: "); got != 1 {
		t.Errorf("%d notes", got)
	}
	wantPart(t, term.stderr.String(), `note: pool worker-pool: config "workerCount" is 2 in the file and 3 in the last successful update; the file is left as it is`)
}

func TestHistory(t *testing.T) {
	f := newFake()
	for _, n := range []string{"2", "7", "1"} {
		f.before = append(f.before, scale.Update{Kind: "update", Succeeded: true, Start: noon, End: noon, Values: map[string]*string{"worker-pool": str(n)}})
	}
	term := newTerminal(f, "")
	term.run(t, "history worker-pool --limit 2", 0)
	if got := strings.Count(term.stdout.String(), "worker-pool"); got != 2 {
		t.Errorf("%d lines:\n%s", got, term.stdout.String())
	}
	wantText(t, term.stderr.String(), "note: the newest 2 scalings; --limit 0 shows all\n")
	newTerminal(f, "").run(t, "history other", 2)
}

// The picture is of one pool, with ASCII on a dumb terminal, and reads as much of the history as it needs.
func TestHistoryPlot(t *testing.T) {
	f := newFake()
	for i, n := range []string{"2", "7"} {
		at := noon.Add(-time.Duration(i+3) * time.Hour)
		f.before = append(f.before, scale.Update{Kind: "update", Succeeded: true, Start: at, End: at, Values: map[string]*string{"worker-pool": str(n)}})
	}
	term := newTerminal(f, "")
	term.run(t, "history worker-pool --plot", 0)
	wantPart(t, term.stdout.String(), "worker-pool over the last 6 hours: between 2 and 7, now 3, known since 08:00\n")
	wantPart(t, term.stdout.String(), "2 scalings: 7 to 2 at 09:00, 2 to 3 at 10:00\n")
	wantPart(t, term.stdout.String(), "█")
	term = newTerminal(f, "")
	term.dumb = true
	term.run(t, "history worker-pool --plot --span 168h", 0)
	wantPart(t, term.stdout.String(), "worker-pool over the last week: ")
	if strings.ContainsFunc(term.stdout.String(), func(r rune) bool { return r > 126 }) {
		t.Errorf("what is not ASCII is in\n%s", term.stdout.String())
	}
	term = newTerminal(f, "")
	term.run(t, "history other --plot", 2)
	wantPart(t, term.stderr.String(), `no pool "other"`)
}

func TestRestore(t *testing.T) {
	f := newFake()
	f.file, f.before = str("2"), []scale.Update{{Kind: "update", Succeeded: true, Values: map[string]*string{"worker-pool": str("2")}}}
	term := newTerminal(f, "")
	term.run(t, "restore", 0)
	wantText(t, term.stdout.String(), "worker-pool: config \"workerCount\" 2 -> 3 in Pulumi.dev.yaml\n")
	wantText(t, term.stderr.String(), "")
	if len(f.written) != 1 || *f.written[0].Value != "3" {
		t.Errorf("wrote %+v", f.written)
	}
	term = newTerminal(newFake(), "")
	term.run(t, "restore", 0)
	wantText(t, term.stdout.String(), "nothing to restore\n")
}

func TestCompletionOfPools(t *testing.T) {
	term := newTerminal(newFake(), "")
	if code := term.execute([]string{"__complete", "scale", ""}); code != 0 {
		t.Errorf("exit code %d", code)
	}
	wantText(t, term.stdout.String(), "worker-pool\n:4\n")
	f := newFake()
	f.readErr = errors.New("no")
	term = newTerminal(f, "")
	term.execute([]string{"__complete", "scale", ""})
	wantText(t, term.stdout.String(), ":4\n")
}

// Changes that would come along are told of wherever the pool is.
func TestPendingChangesAreTold(t *testing.T) {
	pending := []scale.PendingChange{{Op: "update", URN: poolURN, Type: "localcloud:index:Pool", Name: "worker-pool", Properties: []string{"dir"}}}
	stack := func() *fake {
		f := newFake()
		f.pending = pending
		f.program = scale.Program{Deploy: &scale.Deploy{Head: "h", At: noon, Commit: "0123456789abc"}, Commit: "fedcba9876543", ConfigDiffers: []string{"demo:tag"}}
		return f
	}
	for _, c := range []struct {
		line string
		code int
		// stdout and stderr are parts of what the streams must have.
		stdout, stderr []string
	}{
		{"rules", 0, nil, []string{
			"the stack was deployed from commit 0123456789, and this checkout is at commit fedcba9876", "Pulumi.dev.yaml differs from the last successful update in demo:tag",
			"pool worker-pool: not scaled while changes are pending: update of localcloud:index:Pool worker-pool (dir)",
		}},
		{"rules --json", 0, []string{`"configDiffers": [`, `"commit": "fedcba9876543"`, `"deployed": {`, `"pending": [`, `"op": "update"`, `"dir"`}, nil},
		{"preview worker-pool --delta 1", 3, nil, []string{"held off: worker-pool 3 -> 4: the update would also make pending changes"}},
		{"scale worker-pool --delta 1 --json", 3, []string{`"outcome": "pending"`, `"kind": "pending"`, `"exitCode": 3`, `"pending": [`, `"hint": "deploy them with`}, nil},
	} {
		t.Run(c.line, func(t *testing.T) {
			f := stack()
			term := newTerminal(f, "")
			term.run(t, c.line, c.code)
			for _, part := range c.stdout {
				wantPart(t, term.stdout.String(), part)
			}
			for _, part := range c.stderr {
				wantPart(t, term.stderr.String(), part)
			}
			if len(f.changes)+len(f.written) > 0 {
				t.Errorf("changed %v, wrote %v", f.changes, f.written)
			}
		})
	}
}
