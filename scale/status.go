package scale

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Status is a pool as it stands.
type Status struct {
	Rule Rule
	// Count is the present count; nil if it is not known.
	Count *int
	// Configured is the count in the last successful update; nil if there is none.
	Configured *int
	// UpUntil and DownUntil are when the cooldown lets a scaling in that direction through; zero or past if it does
	// already.
	UpUntil, DownUntil time.Time
	// Last is the last successful scaling; nil if none is known. Then LastAmong is the number of newest updates that
	// were looked at. It is 0 if those were all: there was none.
	Last      *Scaling
	LastAmong int
	// Drift is the difference to the configuration file, nil if there is none, and Restored says that it has just been
	// put right.
	Drift    *Drift
	Restored bool
	// Unsettled says that an update began to scale the pool and then failed or was cut off, so that its resources may
	// be anything in between: see [Snapshot.Unsettled]. Count is then what it was before.
	Unsettled bool
	// Pending are the changes that would come along with a scaling, as far as it is proved; a rule that allows them has
	// none.
	Pending []PendingChange
	// Hold keeps the pool as it is; nil if nobody holds it.
	Hold *Hold
	// Unverified says why the configured count is not proved to have come about; nil if that is not in doubt.
	Unverified *Doubt
	// Err says why the pool cannot be scaled, a [*ValueError]; nil if it can.
	Err error
}

// Pools tells how every pool stands, by name. It puts drift in the configuration file right, as a scaling would, unless
// somebody else is at work in the directory.
func (s *Scaler) Pools(ctx context.Context) ([]Status, Program, error) {
	snap, err := withRetries(ctx, s, func() (*Snapshot, error) { return s.Stack.Read(ctx) })
	if err != nil {
		return nil, Program{}, err
	}
	if snap, err = s.WithHolds(snap); err != nil {
		return nil, Program{}, err
	}
	found, restored, err := s.settleIfFree(ctx, snap)
	if err != nil {
		return nil, Program{}, err
	}
	proof, err := s.Stack.Proof(snap)
	if err != nil {
		return nil, Program{}, err
	}
	snap.TakeSizes(proof)
	statuses := make([]Status, 0, len(snap.Rules))
	for _, name := range snap.Rules.Names() {
		status := snap.Status(snap.Rules[name], s.Now())
		if i := slices.IndexFunc(found, func(d Drift) bool { return d.Pool == name }); i >= 0 {
			status.Drift = &found[i]
			status.Restored = slices.ContainsFunc(restored, func(d Drift) bool { return d.Pool == name })
		}
		if len(snap.needsProof([]string{name})) > 0 {
			status.Pending = proof.Pending(name)
		}
		statuses = append(statuses, status)
	}
	return statuses, snap.Program, nil
}

// settleIfFree deals with drift if no other process holds the lock. One that does may be about to write the file
// itself.
func (s *Scaler) settleIfFree(ctx context.Context, snap *Snapshot) (found, restored []Drift, err error) {
	found, err = Drifts(ctx, s.Stack, snap)
	if err != nil || len(found) == 0 || snap.FileMissing { // whoever goes on without the file is told so
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
	restored, err = settle(ctx, s.Stack, snap, s.OnDrift, s.Observe)
	return found, restored, err
}

// Status tells how the pool of one of the rules stands. It does not tell of drift in the configuration file: see
// [Drifts].
func (s *Snapshot) Status(rule Rule, now time.Time) Status {
	pool, err := s.Pool(rule)
	status := Status{Rule: rule, Count: pool.Count, Configured: pool.Configured, Err: err}
	status.Unsettled = slices.Contains(s.Unsettled, rule.Pool) || len(s.lostCreations(rule)) > 0
	status.Hold = s.Holds.On(rule.Pool, now)
	if d, doubtful := s.Unverified[rule.Pool]; doubtful {
		status.Unverified = &d
	}
	status.UpUntil = cooldownEnd(rule.Cooldown, pool, Up, now)
	status.DownUntil = cooldownEnd(rule.Cooldown, pool, Down, now)
	for _, scaling := range Scalings(s.Updates, rule.Pool) {
		if scaling.Succeeded {
			status.Last = &scaling
			break
		}
	}
	if status.Last == nil && !s.Complete {
		status.LastAmong = len(s.Updates)
	}
	return status
}

// statuses tell how every pool stands, by name. They tell of drift as far as the snapshot knows: see [Snapshot.drifts].
// A proof, which may be nil, says what is pending.
func (s *Snapshot) Statuses(now time.Time, proof *Proof) []Status {
	drifts := s.drifts()
	out := make([]Status, 0, len(s.Rules))
	for _, name := range s.Rules.Names() {
		status := s.Status(s.Rules[name], now)
		if i := slices.IndexFunc(drifts, func(d Drift) bool { return d.Pool == name }); i >= 0 {
			status.Drift = &drifts[i]
		}
		if len(s.needsProof([]string{name})) > 0 {
			status.Pending = proof.Pending(name)
		}
		out = append(out, status)
	}
	return out
}

// tellsKeys says whether a snapshot that came with an error has rules whose keys can be relied on.
func tellsKeys(snap *Snapshot, err error) bool {
	_, malformed := errors.AsType[*RulesError](err)
	_, destroyed := errors.AsType[*DestroyedError](err)
	return (malformed || destroyed) && snap != nil && len(snap.Rules) > 0
}

// Restore writes the counts of the last successful update into the configuration file, and returns what it changed. It
// keeps edits that no update ever had, and reports them to the observer. If it returns a [*RulesError], it has done so
// for the pools of [RulesError.Keys]. If it returns a [*DestroyedError], it has done so for the pools whose rules the
// stack still has. Nothing else is needed, and the `pulumi up` that follows may be the one that mends the rules.
func (s *Scaler) Restore(ctx context.Context) ([]Drift, error) {
	unlock, err := s.Stack.Lock(ctx, s.Observe)
	if err != nil {
		return nil, err
	}
	defer unlock()
	snap, err := withRetries(ctx, s, func() (*Snapshot, error) { return s.Stack.Read(ctx) })
	if err != nil && !tellsKeys(snap, err) {
		return nil, err
	}
	restored, failed := settle(ctx, s.Stack, snap, Restore, s.Observe)
	return restored, cmp.Or(failed, err)
}

// RuleProof is what `rules --verify` found out about one pool.
type RuleProof struct {
	Pool string
	// To is the count that was tried in a preview.
	To int
	// Steps are the targets' steps in that preview.
	Steps []ResourceStep
	// Problem says what is wrong with the rule; empty if the engine proves it right.
	Problem string `text:"lines"`
}

// Verify proves each rule against the engine, by a preview of its pool one unit away from the present count. Each
// target must stand for a resource, and the changed key must change a target. It changes nothing.
func (s *Scaler) Verify(ctx context.Context) ([]RuleProof, error) {
	snap, err := withRetries(ctx, s, func() (*Snapshot, error) { return s.Stack.Read(ctx) })
	if err == nil {
		err = s.checkConfigFile(snap)
	}
	if err != nil {
		return nil, err
	}
	var proofs []RuleProof
	for _, name := range snap.Rules.Names() {
		proof, err := s.verifyRule(ctx, snap, snap.Rules[name])
		if err != nil {
			return proofs, err
		}
		proofs = append(proofs, proof)
	}
	return proofs, nil
}

func (s *Scaler) verifyRule(ctx context.Context, snap *Snapshot, rule Rule) (RuleProof, error) {
	proof := RuleProof{Pool: rule.Pool}
	pool, err := snap.Pool(rule)
	if err == nil {
		err = snap.checkFile(rule)
	}
	if err != nil {
		proof.Problem = err.Error()
		return proof, nil //nolint:nilerr // it is the rule that is at fault
	}
	proof.To = oneAway(rule, pool.Count)
	result, err := s.Stack.Preview(ctx, ChangeFor(snap, []Move{{Pool: rule.Pool, From: pool.Count, To: proof.To}}), s.Observe)
	if met, ok := errors.AsType[*ProtectedError](err); ok && matcher(rule.Targets...)(met.URN) {
		proof.Steps = []ResourceStep{{Op: "delete", URN: met.URN}} // the rule changes what it should; a scaling finds this out beforehand
		return proof, nil
	}
	if err != nil {
		proof.Problem = nameTarget(snap, Plan{Moves: []Move{{Pool: rule.Pool}}}, err).Error()
		return proof, ctx.Err()
	}
	match := matcher(rule.Targets...)
	for _, step := range result.Steps {
		if match(step.URN) {
			proof.Steps = append(proof.Steps, step)
		}
	}
	if missing := unmatched(rule, snap.Resources, result.Seen); len(missing) > 0 {
		proof.Problem = fmt.Sprintf("target %s matches no resource of the stack", missing[0])
	} else if len(proof.Steps) == 0 {
		proof.Problem = fmt.Sprintf("changing config %q to %d changes none of the targets", rule.ConfigKey, proof.To)
	}
	return proof, nil
}

// oneAway is a count next to the present one that the guardrails allow. If min equals max there is none, and it is one
// past max.
func oneAway(rule Rule, count *int) int {
	at := rule.Min
	if count != nil {
		at = min(max(*count, rule.Min), rule.Max)
	}
	if at > rule.Min {
		return at - 1
	}
	return at + 1
}
