package scale

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// prove previews a plan if a rule's guard asks for it, if protected resources may be met, or if the pool's last update
// is not proved. It also does so if the engine might take something for success that is none. That can be a target that
// matches nothing in the state (a pool at zero, or a mistake). It can also be a scale-in of resources on which others
// depend: the engine keeps these without a word unless the others are targets too. Pools that fail are taken out of the
// plan.
func (s *Scaler) prove(ctx context.Context, snap *Snapshot, p Plan) (Plan, error) {
	needed := slices.ContainsFunc(p.Moves, func(m Move) bool {
		rule := snap.Rules[m.Pool]
		return len(rule.Guard) > 0 || len(unmatched(rule, snap.Resources)) > 0 || snap.mayKeep(rule, m) || snap.mayMeetProtected(rule, m) || snap.isDoubtful(m.Pool)
	})
	if !needed {
		return p, nil
	}
	result, err := s.Stack.Preview(ctx, p.Change, s.Observe)
	if rest, refused := p.refuseProtected(snap, err); refused {
		return s.prove(ctx, snap, rest)
	}
	if err != nil {
		return p, nameTarget(snap, p, err)
	}
	return judge(snap, p, result), nil
}

// judge takes out of the plan the pools of which its preview shows that they must not be scaled.
func judge(snap *Snapshot, p Plan, result *Result) Plan {
	return p.without(snap, func(d Decision) (Decision, bool) {
		rule := snap.Rules[d.Intent.Pool]
		if p.move(rule.Pool).Pool == "" {
			return d, false // its intents cancel each other out
		}
		if missing := unmatched(rule, snap.Resources, result.Seen); len(missing) > 0 {
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
			return d.WithOutcome(HasPending, snap.pendingReason(changes)), true
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
	targeted, own := matcher(p.Change.Targets...), matcher(r.Targets...)
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

// nameTarget adds to an engine's complaint about a target the pool that the target belongs to.
func nameTarget(snap *Snapshot, p Plan, err error) error {
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
