package scale

import (
	"errors"
	"fmt"
	"slices"
)

// ProtectedError says that a scaling would delete a protected resource, or delete and replace it. The engine finds out
// only in the middle of an update, after it has deleted others.
type ProtectedError struct {
	// Pool may be empty if the engine does not say whose target it is.
	Pool, URN string
}

func (e *ProtectedError) Error() string {
	text := fmt.Sprintf("%s would be deleted, and is protected", e.URN)
	if e.Pool == "" {
		return text
	}
	return fmt.Sprintf("pool %s: %s", e.Pool, text)
}

// MayMeetProtected says whether a move could delete a protected resource. A scale-out of a pool of one resource cannot
// do so after anything else.
func (s *Snapshot) MayMeetProtected(rule Rule, m Move) bool {
	targeted := MatchTargets(rule.Targets...)
	if !slices.ContainsFunc(s.Protected, targeted) {
		return false
	}
	out := m.From != nil && m.To > *m.From
	return !out || len(rule.Targets) > 1 || slices.ContainsFunc(rule.Targets, IsPattern)
}

// RefuseProtected takes out of a plan the pools whose preview failed at a protected resource of theirs, or all pools if
// the resource is nobody's. ok is false if the preview failed for another reason.
func (p Plan) RefuseProtected(snap *Snapshot, failed error) (_ Plan, ok bool) {
	found, ok := errors.AsType[*ProtectedError](failed)
	if !ok {
		return p, false
	}
	owns := func(pool string) bool { return MatchTargets(snap.Rules[pool].Targets...)(found.URN) }
	isTheirs := slices.ContainsFunc(p.Moves, func(m Move) bool { return owns(m.Pool) })
	return p.without(snap, func(d Decision) (Decision, bool) {
		if p.move(d.Intent.Pool).Pool == "" || isTheirs && !owns(d.Intent.Pool) {
			return d, false
		}
		err := &ProtectedError{Pool: d.Intent.Pool, URN: found.URN}
		d.Err = err
		return d.WithOutcome(Refused, err.Error()), true
	}), true
}
