package scale

import "slices"

// SettlingMove is the move that brings an unsettled pool to the count of the last successful update; nil for other
// pools, and if there is no such count.
func (s *Snapshot) SettlingMove(rule Rule) *Move {
	count := s.ConfiguredCount(rule.Pool)
	if count == nil || !slices.Contains(s.Unsettled, rule.Pool) {
		return nil
	}
	return &Move{Pool: rule.Pool, From: count, To: *count, Why: "after an update that failed or was cut off"}
}

// MakeSettlement is the plan that settles the pools, as far as they are unsettled.
func MakeSettlement(snap *Snapshot, pools []string) Plan {
	var p Plan
	for _, pool := range pools {
		if move := snap.SettlingMove(snap.Rules[pool]); move != nil {
			p.Moves = append(p.Moves, *move)
		}
	}
	p.Change = ChangeFor(snap, p.Moves)
	return p
}

// OwnerOf is the pool whose targets stand for a resource, or else the first one that the plan moves.
func (p Plan) OwnerOf(snap *Snapshot, urn string) string {
	for _, m := range p.Moves {
		if MatchTargets(snap.Rules[m.Pool].Targets...)(urn) {
			return m.Pool
		}
	}
	return p.Moves[0].Pool
}

// OtherPools are those of the pools that the plan does not move.
func (p Plan) OtherPools(pools []string) []string {
	return slices.DeleteFunc(slices.Clone(pools), func(pool string) bool { return p.move(pool).Pool != "" })
}

// lostCreations are the URNs of a pool's resources whose creation an update began and never ended, and which the state
// does not have. They may exist, and only the cloud knows.
func (s *Snapshot) lostCreations(rule Rule) []string {
	match := MatchTargets(rule.Targets...)
	return slices.DeleteFunc(slices.Clone(s.Pending), func(urn string) bool { return !match(urn) || slices.Contains(s.Resources, urn) })
}
