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
	var target *TargetError
	if !errors.As(err, &target) || target.Pool != "" {
		return err
	}
	for _, m := range p.Moves {
		if slices.Contains(snap.Rules[m.Pool].Targets, target.Target) {
			return &TargetError{Pool: m.Pool, Target: target.Target}
		}
	}
	return err
}
