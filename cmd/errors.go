package cmd

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
)

// The exit codes are a contract. docs/commands.md has them too.
const (
	exitDone    = 0 // done, or nothing to do
	exitFailed  = 1
	exitUsage   = 2 // wrong usage, or invalid rules
	exitHeldOff = 3 // cooldown, paused, guard, held, pending changes
	exitLocked  = 4 // locked by someone else
)

// exitCode returns the exit code for the error that a command ended with, by the error's kind.
func exitCode(err error) int {
	switch scale.KindOf(err) {
	case "":
		return exitDone
	case scale.KindUsage, scale.KindRules, scale.KindUnknownPool:
		return exitUsage
	case scale.KindLocked:
		return exitLocked
	case scale.Kind(scale.CoolingDown), scale.Kind(scale.Paused), scale.Kind(scale.Guarded), scale.Kind(scale.Held), scale.Kind(scale.HasPending), scale.KindProgram:
		return exitHeldOff
	}
	return exitFailed
}

// decisionError is the error of a decision that lets no scaling through, if the decision has no error of its own.
type decisionError struct{ scale.Decision }

func (e *decisionError) Error() string {
	if e.Outcome == scale.CoolingDown || e.Outcome == scale.Guarded || e.Outcome == scale.HasPending {
		return fmt.Sprintf("%s: %s", scale.Move{Pool: e.Intent.Pool, From: e.From, To: e.To}, e.Reason)
	}
	return fmt.Sprintf("pool %s: %s", e.Intent.Pool, e.Reason)
}

// unverifiedError says that an update succeeded but was not proved to have had its effect.
type unverifiedError struct{ scale.MoveResult }

func (e *unverifiedError) Error() string {
	return fmt.Sprintf("%s is done but not verified: %s", e.Move, e.Unverified)
}

const kindUnproved scale.Kind = "unproved"

// unprovedError says that `rules --verify` found rules to be wrong. If Kubernetes refused the previews of all these
// rules, owners names who has set the refused fields; else it is empty.
type unprovedError struct{ pools, owners []string }

func (e *unprovedError) Error() string {
	return "a preview does not confirm the rules of " + strings.Join(e.pools, ", ")
}

// unhealthyError says that `doctor` found problems. with has the titles of the checks that found them.
type unhealthyError struct{ with []string }

func (e *unhealthyError) Error() string {
	return "there is a problem with " + strings.Join(e.with, ", ")
}

// declinedError says that the user said no.
type declinedError struct{}

func (e *declinedError) Error() string { return "declined: nothing was changed" }

func (e *decisionError) Kind() scale.Kind { return scale.Kind(e.Outcome) }
func (*unverifiedError) Kind() scale.Kind { return scale.KindUnverified }
func (*unprovedError) Kind() scale.Kind   { return kindUnproved }
func (*unhealthyError) Kind() scale.Kind  { return "unhealthy" }
func (*declinedError) Kind() scale.Kind   { return "declined" }

// verdict returns the error with which a decision ends a command. It is nil if what was asked for is done, or if there
// is nothing to do.
func verdict(d scale.Decision) error {
	switch d.Outcome {
	case scale.Scale, scale.NoChange, scale.Cleared, scale.Superseded:
		return nil
	}
	if d.Err != nil {
		return d.Err
	}
	return &decisionError{d}
}

// outcome returns the error with which a report ends a command.
func outcome(report *scale.Report) error {
	for _, r := range report.Results {
		if r.Unverified != "" {
			return &unverifiedError{r}
		}
	}
	return verdictOf(report.Decisions)
}

// verdictOf returns the error with which decisions end a command: the error of the first decision that has one.
func verdictOf(decisions []scale.Decision) error {
	for _, d := range decisions {
		if err := verdict(d); err != nil {
			return err
		}
	}
	return nil
}

// trouble puts an error into words for people.
func (a *app) trouble(err error) output.Trouble {
	t := output.Trouble{HeldOff: exitCode(err) == exitHeldOff, Message: err.Error(), Hint: hintFor(err, a.stack)}
	if e, ok := errors.AsType[*scale.EngineError](err); ok && !e.Interrupted {
		t.Message = fmt.Sprintf("the %s failed", e.Operation) + e.Aftermath()
		for _, d := range e.Diagnostics {
			if a.said == nil || !a.said(d) {
				t.Diagnostics = append(t.Diagnostics, d)
			}
		}
	}
	return t
}

// errorOf makes the part of a document that tells of an error.
func (a *app) errorOf(err error) *output.Error {
	out := &output.Error{Kind: string(scale.KindOf(err)), Message: err.Error(), Hint: hintFor(err, a.stack), ExitCode: exitCode(err)}
	if e, ok := errors.AsType[*scale.RulesError](err); ok {
		out.Problems = e.Problems
	}
	if e, ok := errors.AsType[*scale.LockedError](err); ok {
		out.Holders = output.LockHolders(e.Holders)
	}
	if e, ok := errors.AsType[*scale.UnknownPoolError](err); ok {
		out.Pools = e.Known
	}
	if e, ok := errors.AsType[*scale.EngineError](err); ok {
		out.Diagnostics = e.Diagnostics
	}
	return out
}

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
	case *unprovedError:
		if len(e.owners) > 0 {
			return ownersHint(e.owners, option)
		}
	case *scale.ValueError:
		return valueHint(e, option)
	case *scale.ProtectedError:
		return "to have it deleted, remove `protect` from the program and run `pulumi state unprotect '" + e.URN + "'" + option + "`; or scale in by less"
	}
	return fixedHint(scale.KindOf(err), option)
}

// fixedHint says what to do about all errors of a kind.
func fixedHint(kind scale.Kind, option string) string {
	return map[scale.Kind]string{
		scale.KindRules:       "fix the output \"pulumiscale\" in the program, then run `pulumi up" + option + "`",
		scale.KindDestroyed:   "`pulumi up" + option + "` builds it up again, and scaling goes on by itself",
		scale.KindUnavailable: "check the network and `pulumi whoami --verbose`; --retries tries more often",
		scale.KindTarget:      "compare the rule's urn or targets with `pulumi stack --show-urns" + option + "`",
		scale.KindUnprovable:  "the rule's targets or its configKey are wrong, or the program ignores the size (`ignoreChanges`): fix it and run `pulumi up" + option + "`",
		scale.KindDrift:       "`pulumiscale restore" + option + "` puts the file right; --on-drift=keep leaves it as it is",
		scale.KindWrite:       "once the file can be written, `pulumiscale restore" + option + "` puts the count into it",
		scale.KindStale:       "try again once nobody edits the program or deploys; a file that is written all the time belongs elsewhere than in the program's directory",
		scale.KindProgram:     programHint,
		scale.KindOvertaken:   "`pulumiscale rules" + option + "` shows how the pools stand now; scale again to the count that is wanted",
		scale.KindChanged:     "look at it again with `pulumiscale preview`",
		scale.KindUnverified:  "the configuration has the new count; `pulumiscale rules --verify" + option + "` shows whether the rule is right",
		kindUnproved:          "fix the rules in the program, then run `pulumi up" + option + "`",
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
	return "wait for the update to end; only if it was killed, remove its lock with " + cancel
}

func engineHint(e *scale.EngineError, option string) string {
	switch {
	case len(e.Owners) > 0:
		return ownersHint(e.Owners, option)
	case e.Operation != "update":
		return "nothing was changed; fix the program and try again"
	case e.Interrupted:
		return "what ran may be half done; the stack's config file is as it was: try again, or go back with `pulumi up" + option + "`"
	case len(e.Done) == 0:
		return "the stack's config file is as it was; fix the cause and try again"
	}
	done := make([]string, len(e.Done))
	for i, step := range e.Done {
		done[i] = step.Op + " of " + step.Name
	}
	return fmt.Sprintf("done before that: %s; the stack's config file is as it was: try again, or go back with `pulumi up%s`",
		strings.Join(done, ", "), option)
}

// ownersHint says what to do if Kubernetes refused an apply because others have set a field.
func ownersHint(owners []string, option string) string {
	take := "`pulumi.com/patchForce: \"true\"` among the resource's annotations, and `pulumi up" + option + "`, takes the field back"
	who := strings.Join(owners, ", ")
	switch owner := owners[0]; {
	case slices.Contains(owners, "kube-controller-manager"):
		who = "an autoscaler of Kubernetes (HPA; kube-controller-manager) sets the field: take the autoscaler away, or the pool out of the rules; then " + take
	case len(owners) == 1 && (owner == "kubectl" || strings.HasPrefix(owner, "kubectl-")):
		who = "somebody's `kubectl`, such as `kubectl scale`, has set the field (" + owner + "): " + take
	default:
		who += " set the field: have one of the two leave it alone; " + take
	}
	return who + "; docs/recovery.md says more"
}

// programHint says what to do if PulumiScale cannot get the deployed program.
const programHint = "deploy from a clean checkout of a commit that is pushed; `pulumiscale doctor` looks at the remote and the program"

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
		if len(d.Pending) > 0 && d.Pending[0].Op == scale.OpProgram {
			return programHint
		}
		if change := scale.PendingProtection(d.Pending); change != nil {
			return fmt.Sprintf("have the program and the state agree: `protect` in the program keeps it protected, and `pulumi state unprotect '%s'` ends that", change.URN)
		}
		return "deploy them with `pulumi up`, or check out the commit that is deployed; `pending: allow` in the rule scales anyway and makes these changes too"
	case scale.Refused:
		if d.From == nil && d.Intent.Delta != nil {
			return fmt.Sprintf("`pulumiscale scale %s --count N` gives it a start value", d.Intent.Pool)
		}
	}
	return ""
}
