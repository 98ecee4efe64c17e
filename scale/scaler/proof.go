package scaler

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/pulumiscale/pulumiscale/scale"
)

// mostProofs is how often a proof is begun, at most, if the program is edited while it is made.
const mostProofs = 3

// proofOf returns a proof that covers the pools: a kept one, or else a new one. A new proof is made for all pools at
// once, since that costs as much as for one of them. Before a new proof is made, sync brings the program to the
// deployed commit; sync is nil if there is nothing to be done. lasting is passed on to [scale.Stack.KeepProof]. The
// error may be a [*scale.StaleError].
func (s *Scaler) proofOf(ctx context.Context, snap *scale.Snapshot, pools []string, lasting bool, sync func() error) (*scale.Proof, error) {
	s.proving.Lock() // whoever comes while a proof is made waits for it
	defer s.proving.Unlock()
	for range mostProofs {
		proof, err := s.Stack.Proof(snap)
		if err != nil || proof.Covers(pools) {
			return proof, err
		}
		if sync != nil {
			err, sync = sync(), nil
			if refused, ok := errors.AsType[*scale.ProgramError](err); ok {
				return refused.Refuse(snap, pools), nil
			}
			if err == nil {
				proof, err = s.Stack.Proof(snap)
			}
			if err != nil {
				return nil, err
			}
		}
		s.Observe(scale.Proving{Pools: pools})
		found, err := s.provePools(ctx, snap, pools)
		if err != nil {
			return nil, err
		}
		made := &scale.Proof{Head: snap.Head, Basis: proof.Basis, Pools: found}
		if s.Stack.KeepProof(snap, made, lasting) {
			return made, nil
		}
	}
	return nil, &scale.StaleError{What: "the program or its configuration is being edited"}
}

// ProveAll proves what is pending for every pool of a stack as it was read, unless that is proved already. If the
// deployed program is kept, ProveAll brings it to the deployed commit first. The proof is nil if there is nothing to
// prove, or if it cannot be proved now. ProveAll is safe to call at any time.
func (s *Scaler) ProveAll(ctx context.Context, snap *scale.Snapshot) (*scale.Proof, error) {
	pools := s.needProof(snap, snap.Rules.Names())
	if len(pools) == 0 || len(snap.Busy) > 0 || snap.FileMissing && (s.Programs == nil || s.Programs.IsSynced(snap)) {
		return nil, nil
	}
	if s.Programs == nil {
		return s.proofOf(ctx, snap, pools, true, nil)
	}
	if !snap.FileMissing {
		if proof, err := s.Stack.Proof(snap); err != nil || proof.Covers(pools) {
			return proof, err
		}
	}
	free, synced := s.syncIfFree(ctx, snap)
	if !free {
		return nil, nil // the process that holds the lock syncs the program too
	}
	if snap.FileMissing && synced == nil {
		return nil, nil // the file may have come with the program: the next reading tells
	}
	return s.proofOf(ctx, snap, pools, true, func() error { return synced })
}

// Pending returns, by pool, the changes that keep the pools of a stack, as it was read, from being scaled. known is
// false if nothing is proved. If prove is set, a preview proves what is not known, and that proof is kept for this
// process alone.
func (s *Scaler) Pending(ctx context.Context, snap *scale.Snapshot, prove bool) (changes map[string][]scale.PendingChange, known bool, err error) {
	pools := s.needProof(snap, snap.Rules.Names())
	if len(pools) == 0 {
		return nil, true, nil
	}
	find := func() (*scale.Proof, error) { return s.Stack.Proof(snap) }
	if prove {
		synced := s.syncUnlocked(ctx, snap)
		find = func() (*scale.Proof, error) {
			return s.proofOf(ctx, snap, pools, false, func() error { return synced })
		}
	}
	proof, err := find()
	if err != nil || !proof.Covers(pools) {
		return nil, false, err
	}
	return snap.PendingBy(proof), true, nil
}

// provePools makes the proof for all pools that need one and for those that are asked for. If that fails, it makes the
// proof for the pools that are asked for, one by one, since a different pool may be the reason for the failure.
func (s *Scaler) provePools(ctx context.Context, snap *scale.Snapshot, asked []string) (map[string]scale.PoolProof, error) {
	all := slices.Concat(snap.NeedProof(snap.Rules.Names()), asked)
	slices.Sort(all)
	all = slices.Compact(all)
	found, err := s.previewPending(ctx, snap, all)
	if err == nil || len(all) == len(asked) || !scale.MayBeOnePools(err) {
		return found, err
	}
	out := map[string]scale.PoolProof{}
	for _, pool := range asked {
		one, err := s.previewPending(ctx, snap, []string{pool})
		if err != nil {
			return nil, err
		}
		maps.Copy(out, one)
	}
	return out, nil
}

// previewPending previews what an update of the pools would change with the present counts. If that update would change
// a resource that is no target of the pools, such as a provider, previewPending previews each pool by itself: the
// resource need not concern all of them.
func (s *Scaler) previewPending(ctx context.Context, snap *scale.Snapshot, pools []string) (map[string]scale.PoolProof, error) {
	out := make(map[string]scale.PoolProof, len(pools))
	for _, pool := range pools {
		out[pool] = scale.PoolProof{}
	}
	unchanged, ok := scale.UnchangedCounts(snap, pools, nil)
	if !ok {
		return out, nil // a pool that has no resources yet is previewed by itself: see [Scaler.tryInPreview]
	}
	result, err := s.Stack.Preview(ctx, unchanged, scale.Unobserved)
	if lost := snap.LostDependencies(err); len(lost) > 0 {
		for _, pool := range pools {
			out[pool] = scale.PoolProof{Pending: lost}
		}
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	own, shared := scale.JudgePending(snap, pools, result)
	sizes := snap.StateSizes(own, result.Steps)
	if others := snap.OtherCounts(own, sizes); len(others) > 0 {
		resized, _ := scale.UnchangedCounts(snap, pools, others)
		if result, err = s.Stack.Preview(ctx, resized, scale.Unobserved); err != nil {
			return nil, err
		}
		ownAgain, sharedAgain := scale.JudgePending(snap, pools, result)
		shared = scale.CommonChanges(shared, sharedAgain) // without what depends on the count
		for pool := range others {
			size, known := sizes[pool]
			switch {
			case slices.Contains(snap.Unsettled, pool):
				own[pool] = scale.CommonChanges(own[pool], ownAgain[pool])
			case known && scale.Extent(ownAgain[pool]) < scale.Extent(own[pool]): // else that number is not the size
				own[pool], out[pool] = ownAgain[pool], scale.PoolProof{Size: &size}
			}
		}
	}
	if len(pools) > 1 && slices.ContainsFunc(shared, func(c scale.PendingChange) bool { return c.Op != scale.OpOutput }) {
		for _, pool := range pools {
			one, err := s.previewPending(ctx, snap, []string{pool})
			if err != nil {
				return nil, err
			}
			maps.Copy(out, one)
		}
		return out, nil
	}
	for _, pool := range pools {
		found := out[pool]
		found.Pending = slices.Concat(own[pool], shared)
		out[pool] = found
	}
	return out, nil
}

// decideOnProof makes a plan with decide, and a proof of what is pending for the plan's pools. If the proof finds sizes
// in the state that were not known, it decides again with these. Pools with pending changes are taken out of the plan.
// lasting and sync are passed on to proofOf.
func (s *Scaler) decideOnProof(ctx context.Context, snap *scale.Snapshot, lasting bool, sync func() error, decide func() scale.Plan) (scale.Plan, error) {
	p := decide()
	if len(p.Moves) == 0 && (len(p.Decisions) == 0 || !snap.DoubtsSizes()) {
		return p, nil
	}
	pools := s.needProof(snap, p.Pools())
	if p.Change.Refresh { // see [scale.Plan.heldBack]
		pools = p.Pools()
		slices.Sort(pools)
		pools = slices.DeleteFunc(slices.Compact(pools), func(pool string) bool { _, known := snap.Rules[pool]; return !known })
	}
	if len(pools) == 0 {
		return p, nil
	}
	proof, err := s.proofOf(ctx, snap, pools, lasting, sync)
	if err != nil {
		return p, err
	}
	if snap.TakeSizes(proof) {
		p = decide()
	}
	p = p.WithoutPending(snap, proof)
	if len(p.Moves) > 0 {
		p.Change.Basis = proof.Basis
	}
	return p, nil
}
