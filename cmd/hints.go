package cmd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
)

// hintFor says what to do about an error; empty if there is nothing to say. The stack's name is empty if it is not
// known.
func hintFor(err error, stack string) string {
	option := ""
	if stack != "" {
		option = " --stack " + stack
	}
	classified, _ := errors.AsType[scale.Classified](err)
	switch e := classified.(type) {
	case *decisionError:
		return decisionHint(e.Decision)
	case *scale.UsageError:
		return e.Hint
	case *scale.SetupError:
		return e.Hint
	case *scale.UnknownPoolError:
		return poolHint(e)
	case *scale.LockedError:
		return lockHint(e)
	case *scale.EngineError:
		return engineHint(e, option)
	case *scale.ValueError:
		return valueHint(e, option)
	case *scale.ProtectedError:
		return "`pulumi state unprotect '" + e.URN + "'" + option + "`, and no `protect` in the program, lets it be deleted; or scale in by less"
	}
	return fixedHint(scale.KindOf(err), option)
}

// fixedHint is what to do about all errors of a kind.
func fixedHint(kind scale.Kind, option string) string {
	return map[scale.Kind]string{
		scale.KindRules:       "mend the output \"pulumiscale\" in the program, then run `pulumi up" + option + "`",
		scale.KindDestroyed:   "`pulumi up" + option + "` builds it up again, and scaling goes on by itself",
		scale.KindUnavailable: "check the network and `pulumi whoami --verbose`; --retries tries more often",
		scale.KindTarget:      "compare the rule's urn or targets with `pulumi stack --show-urns" + option + "`",
		scale.KindUnprovable:  "the rule's targets or its configKey are wrong, or the program ignores the size (`ignoreChanges`): mend it and run `pulumi up" + option + "`",
		scale.KindDrift:       "`pulumiscale restore" + option + "` puts the file right; --on-drift=keep leaves it as it is",
		scale.KindWrite:       "once the file can be written, `pulumiscale restore" + option + "` puts the count into it",
		scale.KindStale:       "try again once nobody edits the program or deploys; a file that is written all the time belongs elsewhere than in the program's directory",
		scale.KindOvertaken:   "`pulumiscale rules" + option + "` shows how the pools stand now; scale again to the count that is wanted",
		scale.KindChanged:     "look at it again with `pulumiscale preview`",
		scale.KindUnverified:  "the configuration has the new count; `pulumiscale rules --verify" + option + "` shows whether the rule is right",
		kindUnproved:          "mend the rules in the program, then run `pulumi up" + option + "`",
	}[kind]
}

func valueHint(e *scale.ValueError, option string) string {
	if e.Form != "" {
		return "nothing was changed; write the pool's count out in the stack's config file, once and in a place of its own, and try again"
	}
	path := ""
	if e.Path {
		path = "--path "
	}
	return fmt.Sprintf("put a count there with `pulumi config set %s%s N%s`, then run `pulumi up%s`", path, e.Key, option, option)
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
