package cmd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
)

// explanation is what there is to say about an error besides its text.
type explanation struct {
	// kind is one word that scripts can branch on.
	kind string
	// hint says what to do. It may be empty.
	hint string
}

// row explains the errors of one type.
type row func(error) (explanation, bool)

func on[E error](kind string, hint func(E) string) row {
	return func(err error) (explanation, bool) {
		e, ok := errors.AsType[E](err)
		if !ok {
			return explanation{}, false
		}
		return explanation{kind: kind, hint: hint(e)}, true
	}
}

func always[E error](hint string) func(E) string { return func(E) string { return hint } }

// explain says what kind of error it is, and what to do. The stack's name is empty if it is not known.
func explain(err error, stack string) explanation {
	option := ""
	if stack != "" {
		option = " --stack " + stack
	}
	if e, ok := errors.AsType[*decisionError](err); ok {
		return explanation{kind: string(e.Outcome), hint: decisionHint(e.Decision)}
	}
	for _, explained := range rows(option) {
		if out, ok := explained(err); ok {
			return out
		}
	}
	return explanation{kind: "failed"}
}

// rows is the table of all errors. If an error is of several types, the first row counts.
func rows(option string) []row {
	return []row{
		on("interrupted", always[*interruptedError]("")),
		on("declined", always[*declinedError]("")),
		on("usage", func(e *scale.UsageError) string { return e.Hint }),
		on("rules", always[*scale.RulesError]("mend the output \"pulumiscale\" in the program, then run `pulumi up"+option+"`")),
		on("destroyed", always[*scale.DestroyedError]("`pulumi up"+option+"` builds it up again, and scaling goes on by itself")),
		on("unknown-pool", poolHint),
		on("locked", lockHint),
		on("unavailable", always[*scale.UnavailableError]("check the network and `pulumi whoami --verbose`; --retries tries more often")),
		on("engine", func(e *scale.EngineError) string { return engineHint(e, option) }),
		on("target", always[*scale.TargetError]("compare the rule's urn or targets with `pulumi stack --show-urns"+option+"`")),
		on("unprovable", always[*scale.UnprovableError]("the rule's targets or its configKey are wrong, or the program ignores the size (`ignoreChanges`): mend it and run `pulumi up"+option+"`")),
		on("protected", func(e *scale.ProtectedError) string {
			return "`pulumi state unprotect '" + e.URN + "'" + option + "`, and no `protect` in the program, lets it be deleted; or scale in by less"
		}),
		on("value", func(e *scale.ValueError) string {
			if e.Form != "" {
				return "nothing was changed; write the pool's count out in the stack's config file, once and in a place of its own, and try again"
			}
			path := ""
			if e.Path {
				path = "--path "
			}
			return fmt.Sprintf("put a count there with `pulumi config set %s%s N%s`, then run `pulumi up%s`", path, e.Key, option, option)
		}),
		on("drift", always[*scale.DriftError]("`pulumiscale restore"+option+"` puts the file right; --on-drift=keep leaves it as it is")),
		on("write", always[*scale.WriteError]("once the file can be written, `pulumiscale restore"+option+"` puts the count into it")),
		on("stale", always[*scale.StaleError]("try again once nobody edits the program or deploys; a file that is written all the time belongs elsewhere than in the program's directory")),
		on("overtaken", always[*scale.OvertakenError]("`pulumiscale rules"+option+"` shows how the pools stand now; scale again to the count that is wanted")),
		on("changed", always[*scale.ChangedError]("look at it again with `pulumiscale preview`")),
		on("setup", func(e *scale.SetupError) string { return e.Hint }),
		on("unverified", always[*unverifiedError]("the configuration has the new count; `pulumiscale rules --verify"+option+"` shows whether the rule is right")),
		on("unhealthy", always[*unhealthyError]("")),
		on("unproved", always[*unprovedError]("mend the rules in the program, then run `pulumi up"+option+"`")),
	}
}

func poolHint(e *scale.UnknownPoolError) string {
	if len(e.Known) == 0 {
		return "the output has no pools"
	}
	known := "the pools are " + strings.Join(e.Known, ", ")
	if e.Nearest == "" {
		return known
	}
	return fmt.Sprintf("did you mean %q? %s", e.Nearest, known)
}

func lockHint(e *scale.LockedError) string {
	cancel := "`pulumi cancel --stack " + e.Stack + "`"
	dead := 0
	for _, h := range e.Holders {
		if h.Dead {
			dead++
		}
	}
	switch {
	case len(e.Holders) > 0 && dead == len(e.Holders):
		return scale.StaleLock(cancel)
	case len(e.Holders) > 0:
		return "wait for the update to end, or give --retries and --retry-delay more time"
	}
	return "wait for the update to end; only if it was killed, " + cancel + " takes its lock away"
}

func engineHint(e *scale.EngineError, option string) string {
	if e.Operation != "update" {
		return "nothing was changed; mend the program and try again"
	}
	switch {
	case e.Interrupted:
		return "what ran may be half done; the stack's config file is as it was: try again, or go back with `pulumi up" + option + "`"
	case len(e.Done) == 0:
		return "the stack's config file is as it was; mend the cause and try again"
	}
	done := make([]string, len(e.Done))
	for i, step := range e.Done {
		done[i] = step.Op + " of " + step.Name
	}
	return fmt.Sprintf("done before that: %s; the stack's config file is as it was: try again, or go back with `pulumi up%s`",
		strings.Join(done, ", "), option)
}

func decisionHint(d scale.Decision) string {
	switch d.Outcome {
	case scale.CoolingDown:
		return "wait, or pass the cooldown with --force"
	case scale.Paused:
		return "take \"paused\" out of the rule and run `pulumi up`, or pass it with --force"
	case scale.Held:
		return "wait until the hold ends, or end it: `pulumiscale hold` shows what is held, and --end ends it; --force does not pass a hold"
	case scale.Guarded:
		return "look at it with `pulumiscale preview`; where it is wanted, do it with `pulumi up` or take the guard out of the rule"
	case scale.HasPending:
		if change := scale.PendingProtection(d.Pending); change != nil {
			return fmt.Sprintf("have the program and the state agree: `protect` in the program keeps it protected, and `pulumi state unprotect '%s'` ends that", change.URN)
		}
		return "bring them out with `pulumi up`, or bring this checkout to what was deployed; `pending: allow` in the rule lets them come along"
	case scale.Refused:
		if d.From == nil && d.Intent.Delta != nil {
			return fmt.Sprintf("`pulumiscale scale %s --count N` gives it a start value", d.Intent.Pool)
		}
	}
	return ""
}
