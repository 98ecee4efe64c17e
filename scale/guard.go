package scale

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Judge returns the plan without the pools that must not be scaled, as the preview in result shows.
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

// broughtAlong returns the changes to providers, other than creations, that the preview of a plan shows; none if the
// rule allows pending changes. An example is a new version of a provider for a pool that has no resources yet: a proof
// cannot show such a change.
func (p Plan) broughtAlong(rule Rule, steps []ResourceStep) []PendingChange {
	var out []PendingChange
	for _, step := range steps {
		if rule.Pending != AllowPending && strings.HasPrefix(step.Type, providerTypes) && step.Op != opCreate {
			out = append(out, PendingChange{Op: step.Op, URN: step.URN, Type: step.Type, Name: step.Name})
		}
	}
	return out
}

// violations returns, in words, the steps of a preview that the rule's guard forbids. A step on another pool's target
// is left to that pool's guard.
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

// NameTarget adds the pool to a [*TargetError] of an engine, which names the target alone. Other errors stay as they
// are.
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
// only in the middle of an update, after it has deleted other resources.
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

// MayMeetProtected says whether a move could delete a protected resource after it has changed other resources. A
// scale-out of a pool of one resource cannot: there is nothing else to change first.
func (s *Snapshot) MayMeetProtected(rule Rule, m Move) bool {
	targeted := MatchTargets(rule.Targets...)
	if !slices.ContainsFunc(s.Protected, targeted) {
		return false
	}
	out := m.From != nil && m.To > *m.From
	return !out || len(rule.Targets) > 1 || slices.ContainsFunc(rule.Targets, IsPattern)
}

// RefuseProtected handles a preview that failed at a protected resource. It returns the plan without the pools that
// have the resource among their targets. If the resource is no pool's target, no pool is left in the plan. ok is false
// if the preview did not fail at a protected resource.
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

// An update writes the resources into the state in the order in which the program registers them, each with its
// dependencies. For an untargeted resource the engine keeps the dependencies that the state has. If the program no
// longer has such a dependency, the engine may write the resource before the resource on which it depends: the CLI
// cannot read such a state. In other runs the update fails in the middle, on a resource that the engine has met twice
// or on a provider that it has not met. For a targeted resource the engine writes the dependencies that the program
// gives. Providers are dependencies, too.

// changedDependencies compares the dependencies in the state with the dependencies in the program that a preview has
// run. own has, by pool, the pool's targets that would only gain dependencies. shared has the resources with a
// dependency that only the state has. A target may be among them, because an update of another pool does not target it.
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

// LostDependencies returns the resources of the state that depend on a resource over which a preview has failed. The
// preview fails because the program no longer has that dependency: the engine meets the resource twice, first because
// others depend on it and then when the program registers it, or the engine does not find a provider.
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

// includes says whether every URN of some is among all.
func includes(all, some []string) bool {
	return !slices.ContainsFunc(some, func(urn string) bool { return !slices.Contains(all, urn) })
}

// typeOf returns the type in a URN, without the types of its parents.
func typeOf(urn string) string {
	parts := strings.Split(urn, "::")
	if len(parts) < 4 { //nolint:mnd // a stack, a project, types and a name
		return ""
	}
	return parts[2][strings.LastIndex(parts[2], "$")+1:]
}
