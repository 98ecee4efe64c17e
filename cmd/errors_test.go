package cmd

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pulumiscale/pulumiscale/cmd/signals"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

func TestEveryErrorHasAnExitCodeAKindAndAHint(t *testing.T) {
	decided := func(outcome scale.Outcome) error {
		return &decisionError{scale.Decision{Intent: scale.Intent{Pool: "w", Delta: num(1)}, Outcome: outcome, Reason: "why"}}
	}
	dead := scale.LockHolder{User: "ada", Host: "here", PID: 7, Dead: true}
	alive := scale.LockHolder{User: "bob", Host: "there", PID: 8}
	tested := map[scale.Kind]bool{}
	for name, test := range map[string]struct {
		err  error
		code int
		kind scale.Kind
		hint string
	}{
		"usage":              {&scale.UsageError{Field: "--count", Hint: "do"}, 2, "usage", "do"},
		"rules":              {&scale.RulesError{}, 2, "rules", "`pulumi up --stack dev`"},
		"unknown pool":       {&scale.UnknownPoolError{Pool: "wroker", Nearest: "worker", Known: []string{"a", "worker"}}, 2, "unknown-pool", `did you mean "worker"? the pools are a, worker`},
		"nothing like it":    {&scale.UnknownPoolError{Pool: "x", Known: []string{"a"}}, 2, "unknown-pool", "the pools are a"},
		"no pools":           {&scale.UnknownPoolError{Pool: "x"}, 2, "unknown-pool", "no pools"},
		"locked by somebody": {&scale.LockedError{Stack: "dev", Holders: []scale.LockHolder{dead, alive}}, 4, "locked", "wait for the update to end, or"},
		"locked by the dead": {&scale.LockedError{Stack: "dev", Holders: []scale.LockHolder{dead}}, 4, "locked", "the lock is stale: remove it with `pulumi cancel --stack dev`"},
		"locked by unknown":  {&scale.LockedError{Stack: "dev"}, 4, "locked", "only if it was killed, remove its lock with `pulumi cancel --stack dev`"},
		"cooldown":           {decided(scale.CoolingDown), 3, "cooldown", "--force"},
		"paused":             {decided(scale.Paused), 3, "paused", "--force"},
		"guarded":            {decided(scale.Guarded), 3, "guarded", "pulumiscale preview"},
		"pending":            {decided(scale.HasPending), 3, "pending", "deploy them with `pulumi up`"},
		"stale":              {&scale.StaleError{What: "w"}, 1, "stale", "try again once nobody edits the program"},
		"refused":            {decided(scale.Refused), 1, "refused", "`pulumiscale scale w --count N`"},
		"engine":             {&scale.EngineError{Operation: "update"}, 1, "engine", "config file is as it was; fix"},
		"engine, half done": {
			&scale.EngineError{Operation: "update", Done: []scale.ResourceStep{{Op: "create", Name: "a"}}}, 1, "engine",
			"done before that: create of a; ",
		},
		"engine, after a kubectl scale": {
			&scale.EngineError{Operation: "update", Owners: []string{"kubectl"}}, 1, "engine",
			"somebody's `kubectl`, such as `kubectl scale`, has set the field (kubectl): `pulumi.com/patchForce: \"true\"`",
		},
		"preview, after a kubectl scale": {
			&scale.EngineError{Operation: "preview", Owners: []string{"kubectl"}}, 1, "engine", "somebody's `kubectl`, such as `kubectl scale`",
		},
		"engine, beside an HPA": {
			&scale.EngineError{Operation: "update", Owners: []string{"kube-controller-manager", "kubectl"}}, 1, "engine",
			"an autoscaler of Kubernetes (HPA; kube-controller-manager) sets the field: take the autoscaler away, or the pool out of the rules",
		},
		"engine, beside another manager": {
			&scale.EngineError{Operation: "update", Owners: []string{"argocd-controller"}}, 1, "engine", "argocd-controller set the field: ",
		},
		"interrupted update": {&scale.EngineError{Operation: "update", Interrupted: true}, 1, "engine", "what ran may be half done"},
		"preview":            {&scale.EngineError{Operation: "preview"}, 1, "engine", "nothing was changed"},
		"target":             {&scale.TargetError{Pool: "w", Target: "urn:x"}, 1, "target", "`pulumi stack --show-urns --stack dev`"},
		"value":              {&scale.ValueError{Pool: "w", Key: "n", Found: "x"}, 1, "value", "`pulumi config set n N --stack dev`"},
		"setup":              {&scale.SetupError{Problem: "p", Hint: "install it"}, 1, "setup", "install it"},
		"program":            {&scale.ProgramError{Reason: "r"}, 3, "program", "a clean checkout of a commit that is pushed"},
		"unavailable":        {&scale.UnavailableError{}, 1, "unavailable", "network"},
		"write":              {&scale.WriteError{Err: errors.New("full")}, 1, "write", "`pulumiscale restore --stack dev`"},
		"drift":              {&scale.DriftError{}, 1, "drift", "`pulumiscale restore --stack dev`"},
		"overtaken":          {&scale.OvertakenError{Pools: []string{"w"}, Err: &scale.LockedError{}}, 1, "overtaken", "`pulumiscale rules --stack dev`"},
		"changed":            {&scale.ChangedError{}, 1, "changed", "pulumiscale preview"},
		"unverified":         {&unverifiedError{}, 1, "unverified", "`pulumiscale rules --verify --stack dev`"},
		"unproved":           {unproved([]scale.RuleCheck{{Pool: "v"}, {Pool: "w", Problem: "p"}}), 1, "unproved", "fix the rules in the program, then run `pulumi up --stack dev`"},
		"unproved, after a kubectl scale": {
			unproved([]scale.RuleCheck{{Pool: "v", Problem: "p", Owners: []string{"kubectl"}}, {Pool: "w", Problem: "p", Owners: []string{"kubectl"}}}),
			1, "unproved", "somebody's `kubectl`, such as `kubectl scale`, has set the field (kubectl)",
		},
		"unproved, not only after that": {
			unproved([]scale.RuleCheck{{Pool: "v", Problem: "p", Owners: []string{"kubectl"}}, {Pool: "w", Problem: "p"}}),
			1, "unproved", "fix the rules in the program",
		},
		"interrupted": {&signals.InterruptedError{}, 1, "interrupted", ""},
		"declined":    {&declinedError{}, 1, "declined", ""},
		"anything":    {errors.New("x"), 1, "failed", ""},
		"held":        {decided(scale.Held), 3, "held", "--end ends it"},
		"destroyed":   {&scale.DestroyedError{Stack: "dev"}, 1, "destroyed", "`pulumi up --stack dev` builds it up again"},
		"unprovable":  {&scale.UnprovableError{Key: "n"}, 1, "unprovable", "`ignoreChanges`"},
		"protected":   {&scale.ProtectedError{URN: "urn:x"}, 1, "protected", "`pulumi state unprotect 'urn:x' --stack dev`"},
		"unhealthy":   {&unhealthyError{}, 1, "unhealthy", ""},
		"untold":      {&untoldError{1, 2}, 1, "untold", ""},
		"unsettled":   {&scale.UnsettledError{Pool: "w"}, 1, "unsettled", ""},
		"journal":     {&queue.JournalError{Err: errors.New("full")}, 1, "journal", ""},
	} {
		tested[test.kind] = true
		t.Run(name, func(t *testing.T) {
			err := fmt.Errorf("wrapped: %w", test.err)
			kind, hint := scale.KindOf(err), hintFor(err, "dev")
			if code := exitCode(err); code != test.code || kind != test.kind {
				t.Errorf("got %d %s, want %d %s", code, kind, test.code, test.kind)
			}
			if !strings.Contains(hint, test.hint) || (test.hint == "") != (hint == "") {
				t.Errorf("the hint is %q, want %q", hint, test.hint)
			}
		})
	}
	if exitCode(nil) != 0 {
		t.Error("success is not 0")
	}
	for _, kind := range wordsIn(t, "../scale/kind.go", `(?m)^\tKind\w+ +Kind += "([a-z-]+)"$`) {
		if !tested[kind] {
			t.Errorf("no case has the kind %s", kind)
		}
	}
	documented := wordsIn(t, "../docs/commands.md", "`([a-z-]+)`", "The kinds:")
	for _, kind := range documented {
		if !tested[kind] {
			t.Errorf("the documentation has the kind %s, and no case has", kind)
		}
	}
	for kind := range tested {
		if kind != scale.KindUnsettled && !slices.Contains(documented, kind) { // no command ends with that one
			t.Errorf("the documentation does not have the kind %s", kind)
		}
	}
}

// wordsIn are the kinds that a pattern finds in a file, after a text of it.
func wordsIn(t *testing.T, file, pattern string, after ...string) (out []scale.Kind) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, part, ok := strings.Cut(string(text), strings.Join(after, ""))
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(part, -1) {
		out = append(out, scale.Kind(match[1]))
	}
	if !ok || len(out) == 0 {
		t.Fatalf("%s has no kinds", file)
	}
	return out
}

func TestVerdict(t *testing.T) {
	for outcome, code := range map[scale.Outcome]int{
		scale.Scale: 0, scale.NoChange: 0, scale.Cleared: 0, scale.Superseded: 0,
		scale.CoolingDown: 3, scale.Paused: 3, scale.Guarded: 3, scale.HasPending: 3, scale.Refused: 1,
	} {
		if got := exitCode(verdict(scale.Decision{Outcome: outcome})); got != code {
			t.Errorf("%s: exit code %d, want %d", outcome, got, code)
		}
	}
	if got := exitCode(verdict(scale.Decision{Outcome: scale.Refused, Err: &scale.UnknownPoolError{}})); got != 2 {
		t.Errorf("unknown pool: exit code %d", got)
	}
}

func TestEngineDiagnosticsAreShownOnce(t *testing.T) {
	said := scale.Diagnostic{Severity: "error", Message: "said"}
	a := &app{said: func(d scale.Diagnostic) bool { return d == said }}
	got := a.trouble(&scale.EngineError{Operation: "update", Diagnostics: []scale.Diagnostic{said, {Severity: "error", Message: "new"}}})
	if got.Message != "the update failed" || len(got.Diagnostics) != 1 || got.Diagnostics[0].Message != "new" {
		t.Errorf("got %+v", got)
	}
}
