package scale

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// mostProofs is how often a proof is begun, at most, if the program is edited while it is made.
const mostProofs = 3

// needsProof are those of the pools that must not be scaled while changes are pending, by name.
func (s *Snapshot) needsProof(pools []string) []string {
	out := slices.DeleteFunc(slices.Clone(pools), func(pool string) bool {
		rule, known := s.Rules[pool]
		return !known || rule.Pending == AllowPending
	})
	slices.Sort(out)
	return slices.Compact(out)
}

// PendingBy are the changes that keep pools from being scaled, by pool, as a proof has them. The proof may be nil.
func (s *Snapshot) PendingBy(proof *Proof) map[string][]PendingChange {
	out := map[string][]PendingChange{}
	for _, pool := range s.needsProof(s.Rules.Names()) {
		if changes := proof.Pending(pool); len(changes) > 0 {
			out[pool] = changes
		}
	}
	return out
}

// proofOf is a proof that covers the pools: one that is kept, or else a new one. A new one is made for all pools at
// once, since that costs as much as for one of them. lasting is that of [Stack.KeepProof]. The error may be a
// [*StaleError].
func (s *Scaler) proofOf(ctx context.Context, snap *Snapshot, pools []string, lasting bool) (*Proof, error) {
	s.proving.Lock() // whoever comes while a proof is made waits for it
	defer s.proving.Unlock()
	for range mostProofs {
		proof, err := s.Stack.Proof(snap)
		if err != nil || proof.covers(pools) {
			return proof, err
		}
		s.Observe(Proving{Pools: pools})
		found, err := s.provePools(ctx, snap, pools)
		if err != nil {
			return nil, err
		}
		made := &Proof{Head: snap.Head, Basis: proof.Basis, Pools: found}
		if s.Stack.KeepProof(snap, made, lasting) {
			return made, nil
		}
	}
	return nil, &StaleError{What: "the program or its configuration is being edited"}
}

// ProveAll proves what is pending for every pool of a stack as it was read, unless that is proved already. It is safe
// to call at any time.
func (s *Scaler) ProveAll(ctx context.Context, snap *Snapshot) (*Proof, error) {
	pools := snap.needsProof(snap.Rules.Names())
	if len(pools) == 0 || snap.FileMissing || len(snap.Busy) > 0 {
		return nil, nil
	}
	return s.proofOf(ctx, snap, pools, true)
}

// Pending are the changes that keep pools from being scaled on a stack as it was read, by pool; known is false if
// nothing is proved. With prove set, a preview proves what is not known, and nothing of that is kept for another
// process.
func (s *Scaler) Pending(ctx context.Context, snap *Snapshot, prove bool) (changes map[string][]PendingChange, known bool, err error) {
	pools := snap.needsProof(snap.Rules.Names())
	if len(pools) == 0 {
		return nil, true, nil
	}
	find := func() (*Proof, error) { return s.Stack.Proof(snap) }
	if prove {
		find = func() (*Proof, error) { return s.proofOf(ctx, snap, pools, false) }
	}
	proof, err := find()
	if err != nil || !proof.covers(pools) {
		return nil, false, err
	}
	return snap.PendingBy(proof), true, nil
}

// provePools makes the proof for all pools that need one and for those that are asked for. If that fails, it makes the
// proof for those that are asked for, one by one, since another pool may be the reason.
func (s *Scaler) provePools(ctx context.Context, snap *Snapshot, asked []string) (map[string]PoolProof, error) {
	all := slices.Concat(snap.needsProof(snap.Rules.Names()), asked)
	slices.Sort(all)
	all = slices.Compact(all)
	found, err := s.previewPending(ctx, snap, all)
	if err == nil || len(all) == len(asked) || !MayBeOnePools(err) {
		return found, err
	}
	out := map[string]PoolProof{}
	for _, pool := range asked {
		one, err := s.previewPending(ctx, snap, []string{pool})
		if err != nil {
			return nil, err
		}
		maps.Copy(out, one)
	}
	return out, nil
}

// previewPending previews what an update of the pools would change with the present counts. If that concerns a resource
// that is none of their targets, such as a provider, it looks at each pool by itself: the resource need not be a
// concern of all.
func (s *Scaler) previewPending(ctx context.Context, snap *Snapshot, pools []string) (map[string]PoolProof, error) {
	out := make(map[string]PoolProof, len(pools))
	for _, pool := range pools {
		out[pool] = PoolProof{}
	}
	unchanged, ok := unchangedCounts(snap, pools, nil)
	if !ok {
		return out, nil // what is made from nothing is proved by a preview of its own: see [Scaler.prove]
	}
	result, err := s.Stack.Preview(ctx, unchanged, Unobserved)
	if lost := snap.lostDependencies(err); len(lost) > 0 {
		for _, pool := range pools {
			out[pool] = PoolProof{Pending: lost}
		}
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	own, shared := judgePending(snap, pools, result)
	sizes := snap.stateSizes(own, result.Steps)
	if others := snap.otherCounts(own, sizes); len(others) > 0 {
		resized, _ := unchangedCounts(snap, pools, others)
		if result, err = s.Stack.Preview(ctx, resized, Unobserved); err != nil {
			return nil, err
		}
		ownAgain, sharedAgain := judgePending(snap, pools, result)
		shared = common(shared, sharedAgain) // such as an output that tells of the count
		for pool := range others {
			size, known := sizes[pool]
			switch {
			case slices.Contains(snap.Unsettled, pool):
				own[pool] = common(own[pool], ownAgain[pool])
			case known && extent(ownAgain[pool]) < extent(own[pool]): // else it was a number like any other
				own[pool], out[pool] = ownAgain[pool], PoolProof{Size: &size}
			}
		}
	}
	if len(pools) > 1 && slices.ContainsFunc(shared, func(c PendingChange) bool { return c.Op != opOutput }) {
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

// pending is what the proof says of a pool. The proof may be nil.
func (p *Proof) Pending(pool string) []PendingChange {
	if p == nil {
		return nil
	}
	return p.Pools[pool].Pending
}

// common are the changes that two previews with different counts have in common: what depends on the count is nobody's
// pending change.
func common(a, b []PendingChange) []PendingChange {
	var out []PendingChange
	for _, change := range a {
		i := slices.IndexFunc(b, func(c PendingChange) bool { return c.Op == change.Op && c.URN == change.URN && c.Name == change.Name })
		if i < 0 {
			continue
		}
		had := len(change.Properties) > 0
		change.Properties = slices.DeleteFunc(slices.Clone(change.Properties), func(path string) bool { return !slices.Contains(b[i].Properties, path) })
		if !had || len(change.Properties) > 0 {
			out = append(out, change)
		}
	}
	return out
}

// extent is how much some changes change.
func extent(changes []PendingChange) (n int) {
	for _, c := range changes {
		n += max(len(c.Properties), 1)
	}
	return n
}

// otherCounts are the counts for a second preview. They are the sizes that the state has. For an unsettled pool whose
// resources tell no size, it is a count from which they differ in the other direction: an update that failed half way
// may have made any part of a unit.
func (s *Snapshot) otherCounts(own map[string][]PendingChange, sizes map[string]int) map[string]int {
	out := maps.Clone(sizes)
	for pool, changes := range own {
		configured := s.ConfiguredCount(pool)
		if _, known := sizes[pool]; known || configured == nil || !slices.Contains(s.Unsettled, pool) {
			continue
		}
		if rule := s.Rules[pool]; slices.ContainsFunc(changes, func(c PendingChange) bool { return c.Op == opDelete }) {
			out[pool] = max(rule.Max, *configured+1)
		} else {
			out[pool] = max(min(rule.Min, *configured-1), 0)
		}
	}
	return out
}

// stateSizes are the sizes that the state has of those pools of which something would change, as far as they can be
// told: see [stateSize].
func (s *Snapshot) stateSizes(own map[string][]PendingChange, steps []ResourceStep) map[string]int {
	out := map[string]int{}
	for pool := range own {
		configured := s.ConfiguredCount(pool)
		if configured == nil {
			continue
		}
		if size, ok := stateSize(s, s.Rules[pool], *configured, steps); ok {
			out[pool] = size
		}
	}
	return out
}

// takeSizes notes the sizes that a proof has found, unless there was an update since. It says whether any of them were
// not known before.
func (s *Snapshot) TakeSizes(proof *Proof) (news bool) {
	if proof.Head != s.Head {
		return false
	}
	for pool, found := range proof.Pools {
		if _, known := s.Sizes[pool]; known || found.Size == nil {
			continue
		}
		if s.Sizes == nil {
			s.Sizes = map[string]int{}
		}
		s.Sizes[pool], news = *found.Size, true
	}
	return news
}

// doubtsSizes says whether something other than an update has changed the state since the last successful one, such as
// somebody's `pulumi refresh`. The stack's outputs, and so "current", are then as they were before that.
func (s *Snapshot) doubtsSizes() bool {
	for _, u := range s.Updates {
		switch {
		case u.Kind != KindUpdate:
			return true
		case u.Succeeded:
			return false
		}
	}
	return false
}

// proved decides intents on a stack with the proof of what is pending there: the sizes that the state has count, and
// pools with pending changes are taken out.
func (s *Scaler) proved(ctx context.Context, snap *Snapshot, lasting bool, decide func() Plan) (Plan, error) {
	p := decide()
	if len(p.Moves) == 0 && (len(p.Decisions) == 0 || !snap.doubtsSizes()) {
		return p, nil
	}
	pools := snap.needsProof(p.pools())
	if p.Change.Refresh { // see [Plan.heldBack]
		pools = p.pools()
		slices.Sort(pools)
		pools = slices.DeleteFunc(slices.Compact(pools), func(pool string) bool { _, known := snap.Rules[pool]; return !known })
	}
	if len(pools) == 0 {
		return p, nil
	}
	proof, err := s.proofOf(ctx, snap, pools, lasting)
	if err != nil {
		return p, err
	}
	if snap.TakeSizes(proof) {
		p = decide()
	}
	p = p.withoutPending(snap, proof)
	if len(p.Moves) > 0 {
		p.Change.Basis = proof.Basis
	}
	return p, nil
}

// pools are those that the plan moves or decides about.
func (p Plan) pools() []string {
	var out []string
	for _, m := range p.Moves {
		out = append(out, m.Pool)
	}
	for _, d := range p.Decisions {
		out = append(out, d.Intent.Pool)
	}
	return out
}

// withoutPending is the plan without the pools for which changes are pending.
func (p Plan) withoutPending(snap *Snapshot, proof *Proof) Plan {
	kept := slices.DeleteFunc(slices.Clone(p.Moves), func(m Move) bool { return len(p.heldBack(snap, proof, m.Pool)) > 0 })
	if len(kept) == len(p.Moves) {
		return p
	}
	out := Plan{Moves: kept, Decisions: slices.Clone(p.Decisions), Change: ChangeFor(snap, kept)}
	for _, m := range p.Moves { // a settlement has no decisions of its own
		if out.move(m.Pool).Pool == "" && !slices.ContainsFunc(p.Decisions, func(d Decision) bool { return d.Intent.Pool == m.Pool }) {
			d := Decision{Intent: Intent{Pool: m.Pool}, From: m.From, To: m.To, Pending: proof.Pools[m.Pool].Pending}
			out.Decisions = append(out.Decisions, d.WithOutcome(HasPending, snap.pendingReason(d.Pending)))
		}
	}
	for i, d := range out.Decisions {
		pool := d.Intent.Pool
		if p.move(pool).Pool == "" || out.move(pool).Pool != "" || d.Outcome != Scale && d.Outcome != NoChange {
			continue
		}
		d.Pending = p.heldBack(snap, proof, pool)
		out.Decisions[i] = d.WithOutcome(HasPending, snap.pendingReason(d.Pending))
	}
	return out
}

// heldBack are the changes because of which a pool is not scaled. A rule that allows pending changes lets them all
// through, with one exception: a provider's in an update that refreshes. That can leave a state which the CLI cannot
// read any more.
func (p Plan) heldBack(snap *Snapshot, proof *Proof, pool string) []PendingChange {
	changes := proof.Pending(pool)
	if snap.Rules[pool].Pending != AllowPending {
		return changes
	}
	if !p.Change.Refresh {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(changes), func(c PendingChange) bool { return !strings.HasPrefix(c.Type, providerTypes) })
}

// providerTypes begins the types of providers.
const providerTypes = "pulumi:providers:"

// StaleError says that an update was not begun, or ended before it had changed anything, because what it was decided on
// is no longer so. It helps to decide again.
type StaleError struct {
	// What says what has changed.
	What string
}

func (e *StaleError) Error() string { return fmt.Sprintf("nothing was scaled: %s", e.What) }
