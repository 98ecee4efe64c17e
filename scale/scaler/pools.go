package scaler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Pools tells how every pool stands, sorted by name. It deals with drift in the configuration file as OnDrift says,
// unless another process holds the lock.
func (s *Scaler) Pools(ctx context.Context) ([]scale.Standing, scale.Program, error) {
	snap, err := withRetries(ctx, s, func() (*scale.Snapshot, error) { return s.Stack.Read(ctx) })
	if err != nil {
		return nil, scale.Program{}, err
	}
	if snap, err = s.AsOfNow(snap); err != nil {
		return nil, scale.Program{}, err
	}
	found, restored, err := s.fixDriftIfFree(ctx, snap)
	if err != nil {
		return nil, scale.Program{}, err
	}
	proof, err := s.Stack.Proof(snap)
	if err != nil {
		return nil, scale.Program{}, err
	}
	snap.TakeSizes(proof)
	standings := make([]scale.Standing, 0, len(snap.Rules))
	for _, name := range snap.Rules.Names() {
		standing := snap.Standing(snap.Rules[name], s.Now())
		if i := slices.IndexFunc(found, func(d scale.Drift) bool { return d.Pool == name }); i >= 0 {
			standing.Drift = &found[i]
			standing.Restored = slices.ContainsFunc(restored, func(d scale.Drift) bool { return d.Pool == name })
		}
		if len(snap.NeedProof([]string{name})) > 0 {
			standing.Pending = proof.Pending(name)
		}
		standings = append(standings, standing)
	}
	return standings, snap.Program, nil
}

// FollowCounts deals with drift in the configuration file as OnDrift says, if the snapshot shows any. It does nothing
// while another process holds the lock.
func (s *Scaler) FollowCounts(ctx context.Context, snap *scale.Snapshot) error {
	_, _, err := s.fixDriftIfFree(ctx, snap)
	return err
}

// fixDriftIfFree deals with drift if no other process holds the lock. A process that holds it may be about to write the
// file itself.
func (s *Scaler) fixDriftIfFree(ctx context.Context, snap *scale.Snapshot) (found, restored []scale.Drift, err error) {
	found, err = Drifts(ctx, s.Stack, snap)
	if err != nil || len(found) == 0 || snap.FileMissing { // a missing file is reported by Remarks
		return nil, nil, err
	}
	unlock, ok, err := s.Stack.TryLock()
	if err != nil || !ok {
		return found, nil, err
	}
	defer unlock()
	// Between the reading and the lock somebody may have finished a scaling.
	if snap, err = s.Stack.Read(ctx); err != nil {
		return found, nil, err
	}
	restored, err = fixDrift(ctx, s.Stack, snap, s.OnDrift, s.Observe)
	return found, restored, err
}

// tellsKeys says whether a snapshot that came with an error has rules whose keys can be relied on.
func tellsKeys(snap *scale.Snapshot, err error) bool {
	return (scale.IsA[*scale.RulesError](err) || scale.IsA[*scale.DestroyedError](err)) && snap != nil && len(snap.Rules) > 0
}

// Restore writes the counts of the last successful update into the configuration file, and returns what it changed. It
// keeps edits that no update ever had, and reports them to the observer. If it returns a [*scale.RulesError], it has
// written the counts of the pools in [scale.RulesError.Keys]. If it returns a [*scale.DestroyedError], it has written
// the counts of the pools whose rules the stack still has. Restore needs only the keys of the rules: the `pulumi up`
// that follows may be the one that mends the rules.
func (s *Scaler) Restore(ctx context.Context) ([]scale.Drift, error) {
	unlock, err := s.Stack.Lock(ctx, s.Observe)
	if err != nil {
		return nil, err
	}
	defer unlock()
	snap, err := withRetries(ctx, s, func() (*scale.Snapshot, error) { return s.Stack.Read(ctx) })
	if err != nil && !tellsKeys(snap, err) {
		return nil, err
	}
	restored, failed := fixDrift(ctx, s.Stack, snap, scale.Restore, s.Observe)
	return restored, cmp.Or(failed, err)
}

// Verify proves each rule against the engine, by a preview of its pool one unit away from the present count. Each
// target must stand for a resource, and the changed key must change a target. It changes nothing.
func (s *Scaler) Verify(ctx context.Context) ([]scale.RuleCheck, error) {
	snap, err := withRetries(ctx, s, func() (*scale.Snapshot, error) {
		snap, refused, err := s.readToPreview(ctx)
		return snap, cmp.Or(err, refused)
	})
	if err != nil {
		return nil, err
	}
	var checks []scale.RuleCheck
	for _, name := range snap.Rules.Names() {
		check, err := s.verifyRule(ctx, snap, snap.Rules[name])
		if err != nil {
			return checks, err
		}
		checks = append(checks, check)
	}
	return checks, nil
}

func (s *Scaler) verifyRule(ctx context.Context, snap *scale.Snapshot, rule scale.Rule) (scale.RuleCheck, error) {
	check := scale.RuleCheck{Pool: rule.Pool}
	pool, err := snap.Pool(rule)
	if err == nil {
		err = snap.CheckFile(rule)
	}
	if err != nil {
		check.Problem = err.Error()
		return check, nil //nolint:nilerr // it is the rule that is at fault
	}
	check.To = scale.OneAway(rule, pool.Count)
	result, err := s.Stack.Preview(ctx, scale.ChangeFor(snap, []scale.Move{{Pool: rule.Pool, From: pool.Count, To: check.To}}), s.Observe)
	if met, ok := errors.AsType[*scale.ProtectedError](err); ok && scale.MatchTargets(rule.Targets...)(met.URN) {
		check.Steps = []scale.ResourceStep{{Op: "delete", URN: met.URN}} // the rule changes what it should; a scaling finds this out beforehand
		return check, nil
	}
	if err != nil {
		if failed, ok := errors.AsType[*scale.EngineError](err); ok {
			check.Owners = failed.Owners
		}
		check.Problem = scale.NameTarget(snap, scale.Plan{Moves: []scale.Move{{Pool: rule.Pool}}}, err).Error()
		return check, ctx.Err()
	}
	match := scale.MatchTargets(rule.Targets...)
	for _, step := range result.Steps {
		if match(step.URN) {
			check.Steps = append(check.Steps, step)
		}
	}
	if missing := scale.UnmatchedTargets(rule, snap.Resources, result.Seen); len(missing) > 0 {
		check.Problem = fmt.Sprintf("target %s matches no resource of the stack", missing[0])
	} else if len(check.Steps) == 0 {
		check.Problem = fmt.Sprintf("changing config %q to %d changes none of the targets", rule.ConfigKey, check.To)
	}
	return check, nil
}
