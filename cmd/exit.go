package cmd

import (
	"errors"

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

// exitCode is the exit code for what a command ended with.
func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	for _, row := range []struct {
		code int
		is   bool
	}{
		{exitUsage, isA[*scale.UsageError](err)},
		{exitUsage, isA[*scale.RulesError](err)},
		{exitUsage, isA[*scale.UnknownPoolError](err)},
		{exitLocked, isA[*scale.LockedError](err)},
		{exitHeldOff, heldOff(err)},
	} {
		if row.is {
			return row.code
		}
	}
	return exitFailed
}

func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// heldOff says whether an error is a decision to wait, rather than a failure.
func heldOff(err error) bool {
	e, ok := errors.AsType[*decisionError](err)
	if !ok {
		return false
	}
	switch e.Outcome {
	case scale.CoolingDown, scale.Paused, scale.Guarded, scale.Held, scale.HasPending:
		return true
	}
	return false
}
