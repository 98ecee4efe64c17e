package scale

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Judge takes out of the plan the pools of which its preview shows that they must not be scaled.
func Judge(snap *Snapshot, p Plan, result *Result) Plan {
	return p.without(snap, func(d Decision) (Decision, bool) {
		rule := snap.Rules[d.Intent.Pool]
		if p.move(rule.Pool).Pool == "" {
			return d, false // its intents cancel each other out
		}
		if missing := UnmatchedTargets(rule, snap.Resources, result.Seen); len(missing) > 0 {
			err := &TargetError{Pool: rule.Pool, Target: missing[0]}
			d.Err = err
			return d.WithOutcome(Refused, err.Error()), true
		}
		if left, want := snap.leftOver(rule, p.move(rule.Pool), result.Steps); left != want {
			return d.WithOutcome(Refused, keptReason(left, want, snap.keepers(rule))), true
		}
		if err := snap.unprovable(rule, p.move(rule.Pool), result); err != nil {
			d.Err = err
			return d.WithOutcome(Refused, err.Error()), true
		}
		if changes := p.broughtAlong(rule, result.Steps); len(changes) > 0 {
			d.Pending = changes
			return d.WithOutcome(HasPending, snap.PendingReason(changes)), true
		}
		if broken := rule.violations(p, result.Steps); len(broken) > 0 {
			return d.WithOutcome(Guarded, "the rule's guard forbids what the preview shows: "+strings.Join(broken, "; ")), true
		}
		return d, false
	})
}

// broughtAlong are changes that the preview of a plan shows besides those of its targets and what depends on them. An
// example is another version of a provider for a pool of which nothing is there yet, so that no proof could tell. The
// creation of a provider does not count.
func (p Plan) broughtAlong(rule Rule, steps []ResourceStep) []PendingChange {
	var out []PendingChange
	for _, step := range steps {
		if rule.Pending != AllowPending && strings.HasPrefix(step.Type, providerTypes) && step.Op != opCreate {
			out = append(out, PendingChange{Op: step.Op, URN: step.URN, Type: step.Type, Name: step.Name})
		}
	}
	return out
}

// violations are the steps of a preview that the rule's guard forbids, in words. A step on nothing but the targets of
// another pool is for that pool's guard.
func (r Rule) violations(p Plan, steps []ResourceStep) []string {
	targeted, own := MatchTargets(p.Change.Targets...), MatchTargets(r.Targets...)
	var out []string
	for _, step := range steps {
		if targeted(step.URN) && !own(step.URN) {
			continue
		}
		for _, guard := range r.Guard {
			if guard.forbids(step, targeted(step.URN), p.Change.TargetDependents) {
				out = append(out, fmt.Sprintf("%s of %s (guard %q)", step.Op, step.Name, guard))
				break
			}
		}
	}
	return out
}

// forbids says whether a step is what the guard is there to prevent.
func (g Guard) forbids(step ResourceStep, targeted, dependents bool) bool {
	switch g {
	case GuardReplace:
		return strings.Contains(step.Op, "replace")
	case GuardDelete:
		return !targeted && step.Op == "delete"
	case GuardUntargeted:
		// With --target-dependents the engine touches nothing but targets and what depends on them.
		return !targeted && !dependents
	}
	return false
}

// NameTarget adds to an engine's complaint about a target the pool that the target belongs to.
func NameTarget(snap *Snapshot, p Plan, err error) error {
	target, ok := errors.AsType[*TargetError](err)
	if !ok || target.Pool != "" {
		return err
	}
	for _, m := range p.Moves {
		if slices.Contains(snap.Rules[m.Pool].Targets, target.Target) {
			return &TargetError{Pool: m.Pool, Target: target.Target}
		}
	}
	return err
}

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

// An update writes the resources in the order in which the program registers them, with what they depend on. For an
// untargeted resource it keeps the dependencies that the state has. If the program no longer knows of such a
// dependency, it may write the resource before what it depends on: the CLI cannot read such a state. In other runs it
// fails in the middle, on a resource that it has met twice or on a provider that it has not met. For a targeted
// resource it writes what the program says. Providers are dependencies, too.

// changedDependencies are the changes of what resources depend on between the state and the program that a preview has
// run. own holds, for each pool, what its own targets would gain. shared holds what the program does not know of. That
// may be a target's too, because an update of another pool does not target it.
func changedDependencies(snap *Snapshot, pools []string, result *Result) (own map[string][]PendingChange, shared []PendingChange) {
	own = map[string][]PendingChange{}
	for _, urn := range snap.Resources {
		after, known := result.Dependencies[urn]
		before := snap.Dependencies[urn]
		if !known || includes(after, before) && includes(before, after) {
			continue
		}
		found := otherDependencies(urn)
		if !includes(after, before) {
			shared = append(shared, found)
			continue
		}
		for _, pool := range pools {
			if MatchTargets(snap.Rules[pool].Targets...)(urn) {
				own[pool] = append(own[pool], found)
			}
		}
	}
	return own, shared
}

// LostDependencies are the resources of the state that depend on those over which a preview has failed. The program
// does not know of these dependencies. So the engine has put an untargeted resource that others depend on first, before
// the program registers it, or it misses a provider.
func (s *Snapshot) LostDependencies(failure error) []PendingChange {
	failed, ok := errors.AsType[*EngineError](failure)
	if !ok || len(failed.Misplaced) == 0 {
		return nil
	}
	var out []PendingChange
	for _, urn := range s.Resources {
		if slices.ContainsFunc(failed.Misplaced, func(other string) bool { return slices.Contains(s.Dependencies[urn], other) }) {
			out = append(out, otherDependencies(urn))
		}
	}
	return out
}

func otherDependencies(urn string) PendingChange {
	return PendingChange{Op: opUpdate, URN: urn, Type: typeOf(urn), Name: urn[strings.LastIndex(urn, "::")+2:], Properties: []string{"dependencies"}}
}

// includes says whether all of some URNs are among others.
func includes(all, some []string) bool {
	return !slices.ContainsFunc(some, func(urn string) bool { return !slices.Contains(all, urn) })
}

// typeOf is the type in a URN, without those of its parents.
func typeOf(urn string) string {
	parts := strings.Split(urn, "::")
	if len(parts) < 4 { //nolint:mnd // a stack, a project, types and a name
		return ""
	}
	return parts[2][strings.LastIndex(parts[2], "$")+1:]
}
