package output

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

func document(t *testing.T, d Document, want string) {
	t.Helper()
	got, err := Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	check(t, got, want)
}

func TestScalingDocument(t *testing.T) {
	decision := scale.Decision{
		Intent: scale.Intent{Pool: "worker-pool"}, Outcome: scale.Scale, From: num(3), Wanted: 9, To: 6, Clamped: true, Reason: "clamped from 9 to max 6",
	}
	report := &scale.Report{
		Plan:     *only(decision),
		Results:  []scale.MoveResult{{Move: scale.Move{Pool: "worker-pool", From: num(3), To: 6}, Current: num(6)}},
		Steps:    []scale.ResourceStep{update},
		Restored: []scale.Drift{{Pool: "worker-pool", Key: "n", File: str("5"), Configured: str("3")}},
		Duration: 1500 * time.Millisecond,
	}
	document(t, NewScaling("dev", report), `{
  "stack": "dev",
  "dryRun": false,
  "pool": "worker-pool",
  "outcome": "scale",
  "from": 3,
  "to": 6,
  "wanted": 9,
  "clamped": true,
  "reason": "clamped from 9 to max 6",
  "scaled": true,
  "current": 6,
  "stateSize": null,
  "steps": [
    {
      "op": "update",
      "urn": "urn:pulumi:dev::demo::localcloud:index:Pool::worker-pool",
      "type": "localcloud:index:Pool",
      "name": "worker-pool",
      "diffs": [
        {
          "path": "size",
          "old": 3,
          "new": 6,
          "replaces": false
        }
      ]
    }
  ],
  "restored": [
    {
      "pool": "worker-pool",
      "configKey": "n",
      "file": "5",
      "configured": "3",
      "edit": false
    }
  ],
  "seconds": 1.5
}
`)
}

// only is the plan with one decision.
func only(d scale.Decision) *scale.Plan { return &scale.Plan{Decisions: []scale.Decision{d}} }

func TestAScalingThatIsHeldOffHasItsErrorInTheDocument(t *testing.T) {
	doc := NewPreview("dev", only(scale.Decision{Intent: scale.Intent{Pool: "w"}, Outcome: scale.Paused, From: num(3), Reason: "the rule is paused"}), nil)
	doc.Fail(&Error{Kind: "paused", Message: "pool w: the rule is paused", ExitCode: 3})
	document(t, doc, `{
  "stack": "dev",
  "dryRun": true,
  "pool": "w",
  "outcome": "paused",
  "from": 3,
  "to": null,
  "wanted": null,
  "clamped": false,
  "reason": "the rule is paused",
  "scaled": false,
  "current": null,
  "stateSize": null,
  "steps": [],
  "seconds": 0,
  "error": {
    "kind": "paused",
    "message": "pool w: the rule is paused",
    "exitCode": 3
  }
}
`)
}

func TestAScalingOfWhichNoCountIsKnownHasNone(t *testing.T) {
	for _, outcome := range []scale.Outcome{scale.Paused, scale.Refused, scale.Cleared, scale.Held} {
		if doc := NewPreview("dev", only(scale.Decision{Outcome: outcome}), nil); doc.Wanted != nil || doc.To != nil {
			t.Errorf("%s: wanted %v, to %v", outcome, doc.Wanted, doc.To)
		}
	}
	for _, d := range []scale.Decision{{Outcome: scale.Scale}, {Outcome: scale.Paused, Wanted: 3, To: 3}} {
		if doc := NewPreview("dev", only(d), nil); doc.Wanted == nil || doc.To == nil {
			t.Errorf("%+v: wanted %v, to %v", d, doc.Wanted, doc.To)
		}
	}
}

func TestRulesDocument(t *testing.T) {
	status := scale.Standing{
		Rule: scale.Rule{
			Pool: "worker-pool", Targets: []string{poolURN}, ConfigKey: "n", Min: 1, Max: 50, OnCooldown: scale.Ignore,
			Cooldown: scale.Cooldown{Up: time.Minute, Down: time.Minute}, Strategy: scale.Strategy{Type: scale.Step}, Guard: []scale.Guard{scale.GuardReplace},
		},
		Count: num(3), UpUntil: noon.Add(time.Minute), DownUntil: noon.Add(-time.Minute),
		Last:  &scale.Scaling{Pool: "worker-pool", From: 2, To: 3, Update: scale.Update{Succeeded: true, Start: noon, End: noon.Add(time.Second)}},
		Drift: &scale.Drift{Pool: "worker-pool", Key: "n", Configured: str("3")},
	}
	doc := NewRules("dev", []scale.Standing{status}, scale.Program{}, noon).Checked([]scale.RuleCheck{{Pool: "worker-pool", To: 2, Problem: "no"}})
	document(t, doc, `{
  "stack": "dev",
  "pools": [
    {
      "pool": "worker-pool",
      "count": 3,
      "configured": null,
      "min": 1,
      "max": 50,
      "targets": [
        "urn:pulumi:dev::demo::localcloud:index:Pool::worker-pool"
      ],
      "targetDependents": false,
      "configKey": "n",
      "configPath": false,
      "refresh": false,
      "guard": [
        "replace"
      ],
      "strategy": "step",
      "cooldown": {
        "up": 60,
        "down": 60,
        "upUntil": "2026-03-04T12:01:00Z",
        "onCooldown": "ignore"
      },
      "lastScaling": {
        "pool": "worker-pool",
        "from": 2,
        "to": 3,
        "succeeded": true,
        "start": "2026-03-04T12:00:00Z",
        "end": "2026-03-04T12:00:01Z",
        "seconds": 1
      },
      "drift": {
        "pool": "worker-pool",
        "configKey": "n",
        "file": null,
        "configured": "3",
        "edit": false
      },
      "restored": false,
      "unsettled": false,
      "proof": {
        "ok": false,
        "to": 2,
        "steps": [],
        "problem": "no"
      }
    }
  ]
}
`)
}

func TestOtherDocuments(t *testing.T) {
	document(t, NewHistory("dev", nil), "{\n  \"stack\": \"dev\",\n  \"scalings\": []\n}\n")
	document(t, NewRestored("dev", "Pulumi.dev.yaml", nil, Committed{}), "{\n  \"stack\": \"dev\",\n  \"configFile\": \"Pulumi.dev.yaml\",\n  \"restored\": []\n}\n")
	document(t, &Failed{Failure{&Error{Kind: "usage", Message: "m", Hint: "h", ExitCode: 2}}},
		"{\n  \"error\": {\n    \"kind\": \"usage\",\n    \"message\": \"m\",\n    \"hint\": \"h\",\n    \"exitCode\": 2\n  }\n}\n")
}

func TestPendingChangesInDocuments(t *testing.T) {
	pending := []scale.PendingChange{{Op: "output", Name: "url"}, {Op: "update", URN: "urn:w", Type: "a:b:C", Name: "w", Properties: []string{"dir"}}}
	decision := scale.Decision{Intent: scale.Intent{Pool: "w"}, Outcome: scale.HasPending, From: num(3), Wanted: 5, To: 5, Reason: "why", Pending: pending}
	document(t, NewPreview("dev", only(decision), nil), `{
  "stack": "dev",
  "dryRun": true,
  "pool": "w",
  "outcome": "pending",
  "from": 3,
  "to": 5,
  "wanted": 5,
  "clamped": false,
  "reason": "why",
  "pending": [
    {
      "op": "output",
      "name": "url"
    },
    {
      "op": "update",
      "urn": "urn:w",
      "type": "a:b:C",
      "name": "w",
      "properties": [
        "dir"
      ]
    }
  ],
  "scaled": false,
  "current": null,
  "stateSize": null,
  "steps": [],
  "seconds": 0
}
`)
	program := scale.Program{Deploy: &scale.Deploy{Head: "h", At: noon, Commit: "abc", Dirty: true}, Commit: "def", ConfigDiffers: []string{"demo:a"}}
	document(t, NewRules("dev", nil, program, noon), `{
  "stack": "dev",
  "pools": [],
  "deployed": {
    "head": "h",
    "at": "2026-03-04T12:00:00Z",
    "commit": "abc",
    "dirty": true
  },
  "commit": "def",
  "configDiffers": [
    "demo:a"
  ]
}
`)
}

// part is a part of a document, as a script reads it.
func part(t *testing.T, doc any, path ...any) any {
	t.Helper()
	text, err := board.JSON(doc, "")
	var at any
	if err != nil || json.Unmarshal(text, &at) != nil {
		t.Fatal(err, string(text))
	}
	for _, step := range path {
		if name, ok := step.(string); ok {
			at = at.(map[string]any)[name]
		} else {
			at = at.([]any)[step.(int)]
		}
	}
	if at == nil {
		t.Fatalf("%v is not in %s", path, text)
	}
	return at
}

// What stands in the documents of several commands and of the server has one form there.
func TestDocumentsAgree(t *testing.T) {
	now := noon.Add(-time.Minute)
	status := filled(reflect.TypeFor[scale.Standing](), "x", deep).Interface().(scale.Standing)
	past := filled(reflect.TypeFor[scale.Scaling](), "x", deep).Interface().(scale.Scaling)
	holds, statuses, scalings := scale.Holds{*status.Hold}, []scale.Standing{status}, []scale.Scaling{past}
	decision := filled(reflect.TypeFor[scale.Decision](), "x", deep).Interface().(scale.Decision)
	program := filled(reflect.TypeFor[scale.Program](), "x", deep).Interface().(scale.Program)
	server := board.New(board.Name{Project: "shop", Stack: "dev"}, queue.Overview{
		Pools: statuses, Scalings: scalings, Holds: holds, Program: program, Open: []queue.Operation{{ID: "a", Intent: decision.Intent, Decision: decision}},
	}, nil, nil, now)
	rules, preview := NewRules("dev", statuses, program, now), part(t, NewPreview("dev", only(decision), nil)).(map[string]any)
	for name, c := range map[string][2]any{
		"the pools of rules":            {part(t, rules, "pools"), part(t, server, "pools")},
		"the deploy of rules":           {part(t, rules, "deployed"), part(t, server, "deployed")},
		"the scalings of history":       {part(t, NewHistory("dev", scalings), "scalings"), part(t, server, "scalings")},
		"the last scaling of a pool":    {part(t, rules, "pools", 0, "lastScaling"), part(t, NewHistory("dev", []scale.Scaling{*status.Last}), "scalings", 0)},
		"the holds":                     {part(t, NewHolds("dev", holds), "holds"), part(t, server, "holds")},
		"the hold on a pool":            {part(t, rules, "pools", 0, "hold"), part(t, server, "holds", 0)},
		"the drift that restore writes": {part(t, rules, "pools", 0, "drift"), part(t, NewRestored("dev", "f", []scale.Drift{*status.Drift}, Committed{}), "restored", 0)},
	} {
		if diff := cmp.Diff(c[0], c[1]); diff != "" {
			t.Errorf("%s is another one elsewhere:\n%s", name, diff)
		}
	}
	for name, value := range part(t, server, "open", 0, "decision").(map[string]any) {
		if diff := cmp.Diff(value, preview[name]); diff != "" {
			t.Errorf("%s of a decision is another one in preview:\n%s", name, diff)
		}
	}
}
