package cmd

import (
	"errors"
	"fmt"
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

// exitCode is the exit code for what a command ended with: the table by kind.
func exitCode(err error) int {
	switch scale.KindOf(err) {
	case "":
		return exitDone
	case scale.KindUsage, scale.KindRules, scale.KindUnknownPool:
		return exitUsage
	case scale.KindLocked:
		return exitLocked
	case scale.Kind(scale.CoolingDown), scale.Kind(scale.Paused), scale.Kind(scale.Guarded), scale.Kind(scale.Held), scale.Kind(scale.HasPending):
		return exitHeldOff
	}
	return exitFailed
}

// decisionError is a decision that does not let a scaling through and is not an error of the domain.
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

// unprovedError says that `rules --verify` found rules to be wrong.
type unprovedError struct{ pools []string }

func (e *unprovedError) Error() string {
	return "the engine does not prove the rules of " + strings.Join(e.pools, ", ")
}

// unhealthyError says that `doctor` found problems. It holds what they are with.
type unhealthyError struct{ with []string }

func (e *unhealthyError) Error() string {
	return "there is a problem with " + strings.Join(e.with, ", ")
}

// interruptedError says that the user interrupted a command before it scaled anything.
type interruptedError struct{}

func (e *interruptedError) Error() string { return "interrupted: nothing was scaled" }

// declinedError says that the user said no.
type declinedError struct{}

func (e *declinedError) Error() string { return "declined: nothing was changed" }

func (e *decisionError) Kind() scale.Kind  { return scale.Kind(e.Outcome) }
func (*unverifiedError) Kind() scale.Kind  { return scale.KindUnverified }
func (*unprovedError) Kind() scale.Kind    { return kindUnproved }
func (*unhealthyError) Kind() scale.Kind   { return "unhealthy" }
func (*interruptedError) Kind() scale.Kind { return "interrupted" }
func (*declinedError) Kind() scale.Kind    { return "declined" }

// verdict is the error that a decision ends a command with. It is nil if what was asked for is done, or if there is
// nothing to do.
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

// outcome is the error that a report ends a command with.
func outcome(report *scale.Report) error {
	for _, r := range report.Results {
		if r.Unverified != "" {
			return &unverifiedError{r}
		}
	}
	for _, d := range report.Decisions {
		if err := verdict(d); err != nil {
			return err
		}
	}
	return nil
}

// trouble is an error in words for people.
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

// errorOf is an error as a part of a document.
func (a *app) errorOf(err error) *output.Error {
	out := &output.Error{Kind: string(scale.KindOf(err)), Message: err.Error(), Hint: hintFor(err, a.stack), ExitCode: exitCode(err)}
	if e, ok := errors.AsType[*scale.RulesError](err); ok {
		out.Problems = e.Problems
	}
	if e, ok := errors.AsType[*scale.LockedError](err); ok {
		out.Holders = output.Holders(e.Holders)
	}
	if e, ok := errors.AsType[*scale.UnknownPoolError](err); ok {
		out.Pools = e.Known
	}
	if e, ok := errors.AsType[*scale.EngineError](err); ok {
		out.Diagnostics = e.Diagnostics
	}
	return out
}
