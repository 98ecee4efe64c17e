package scale

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// NeedProof are those of the pools that must not be scaled while changes are pending, by name.
func (s *Snapshot) NeedProof(pools []string) []string {
	out := slices.DeleteFunc(slices.Clone(pools), func(pool string) bool {
		rule, known := s.Rules[pool]
		return !known || rule.Pending == AllowPending
	})
	slices.Sort(out)
	return slices.Compact(out)
}

// PendingBy has what a proof found for each pool whose rule refuses pending changes. Pools without any are absent. A nil
// proof gives an empty map.
func (s *Snapshot) PendingBy(proof *Proof) map[string][]PendingChange {
	out := map[string][]PendingChange{}
	for _, pool := range s.NeedProof(s.Rules.Names()) {
		if changes := proof.Pending(pool); len(changes) > 0 {
			out[pool] = changes
		}
	}
	return out
}

// Pending is what the proof says of a pool. The proof may be nil.
func (p *Proof) Pending(pool string) []PendingChange {
	if p == nil {
		return nil
	}
	return p.Pools[pool].Pending
}

// CommonChanges are the changes that two previews with different counts have in common: what depends on the count is
// nobody's pending change.
func CommonChanges(a, b []PendingChange) []PendingChange {
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

// Extent is how much some changes change.
func Extent(changes []PendingChange) (n int) {
	for _, c := range changes {
		n += max(len(c.Properties), 1)
	}
	return n
}

// OtherCounts are the counts for a preview that is compared with the one at the present counts: what differs between
// the two depends on the count, and is nobody's pending change. A pool gets the size that its state shows. An unsettled
// one whose resources tell no size gets a count beyond its other end: an update that failed half way may have made any
// part of a unit.
func (s *Snapshot) OtherCounts(own map[string][]PendingChange, sizes map[string]int) map[string]int {
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

// StateSizes are the sizes that the state has of those pools of which something would change, as far as they can be
// told: see [stateSize].
func (s *Snapshot) StateSizes(own map[string][]PendingChange, steps []ResourceStep) map[string]int {
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

// TakeSizes notes the sizes that a proof has found, unless there was an update since. It says whether any of them were
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

// DoubtsSizes says whether something other than an update has changed the state since the last successful one, such as
// somebody's `pulumi refresh`. The stack's outputs, and so "current", are then as they were before that.
func (s *Snapshot) DoubtsSizes() bool {
	for _, u := range s.Updates {
		switch {
		case u.Kind != UpdateUpdate:
			return true
		case u.Succeeded:
			return false
		}
	}
	return false
}

// Pools are those that the plan moves or decides about.
func (p Plan) Pools() []string {
	var out []string
	for _, m := range p.Moves {
		out = append(out, m.Pool)
	}
	for _, d := range p.Decisions {
		out = append(out, d.Intent.Pool)
	}
	return out
}

// WithoutPending is the plan without the pools for which changes are pending.
func (p Plan) WithoutPending(snap *Snapshot, proof *Proof) Plan {
	kept := slices.DeleteFunc(slices.Clone(p.Moves), func(m Move) bool { return len(p.heldBack(snap, proof, m.Pool)) > 0 })
	if len(kept) == len(p.Moves) {
		return p
	}
	out := Plan{Moves: kept, Decisions: slices.Clone(p.Decisions), Change: ChangeFor(snap, kept)}
	for _, m := range p.Moves { // a settlement has no decisions of its own
		if out.move(m.Pool).Pool == "" && !slices.ContainsFunc(p.Decisions, func(d Decision) bool { return d.Intent.Pool == m.Pool }) {
			d := Decision{Intent: Intent{Pool: m.Pool}, From: m.From, To: m.To, Pending: proof.Pools[m.Pool].Pending}
			out.Decisions = append(out.Decisions, d.WithOutcome(HasPending, snap.PendingReason(d.Pending)))
		}
	}
	for i, d := range out.Decisions {
		pool := d.Intent.Pool
		if p.move(pool).Pool == "" || out.move(pool).Pool != "" || d.Outcome != Scale && d.Outcome != NoChange {
			continue
		}
		d.Pending = p.heldBack(snap, proof, pool)
		out.Decisions[i] = d.WithOutcome(HasPending, snap.PendingReason(d.Pending))
	}
	return out
}

// heldBack are the changes because of which a pool is not scaled. A rule that allows pending changes lets them all
// through, with two exceptions. A program that cannot be had is none that runs. And a provider's change in an update that
// refreshes can leave a state which the CLI cannot read any more.
func (p Plan) heldBack(snap *Snapshot, proof *Proof, pool string) []PendingChange {
	changes := proof.Pending(pool)
	if snap.Rules[pool].Pending != AllowPending || len(changes) > 0 && changes[0].Op == OpProgram {
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
// is no longer so. Whoever decides again may succeed.
type StaleError struct {
	// What says what has changed.
	What string
}

func (e *StaleError) Error() string { return fmt.Sprintf("nothing was scaled: %s", e.What) }

// Doubt is a count that an update of ours has configured, and that is not proved to have come about although the update
// succeeded.
type Doubt struct {
	// From is the count before it, nil if that was not known, and To the count that it configured.
	From *int `json:"from,omitempty"`
	To   int  `json:"to"`
	// Reason says why it is not proved.
	Reason string `json:"reason"`
	// Stays says that the pool is still at From, or near it, as far as is known: the next change counts from there.
	Stays bool `json:"stays,omitempty"`
	// Since says that another update of the pool or of the whole stack has succeeded since, of which nothing is known
	// here. Somebody may have put right what was wrong, so the configured count holds until a preview shows otherwise.
	Since bool `json:"-"`
}

// doubted is the count that a pool is taken to have in spite of the configured one; nil if the configured one holds.
func (s *Snapshot) doubted(rule Rule) *int {
	d, doubtful := s.Unverified[rule.Pool]
	if !doubtful || !d.Stays || d.Since || rule.Current != nil || slices.Contains(s.Unsettled, rule.Pool) {
		return nil
	}
	return d.From
}

// IsDoubtful says whether the last update of a pool is not proved.
func (s *Snapshot) IsDoubtful(pool string) bool {
	_, doubtful := s.Unverified[pool]
	return doubtful
}

// UnprovableError says that a preview of a scaling changes none of the pool's targets, so that nothing could prove it.
type UnprovableError struct {
	Move Move
	Key  string
}

func (e *UnprovableError) Error() string {
	return fmt.Sprintf("%s: changing config %q would change none of the pool's targets, so that the scaling could not be proved", e.Move, e.Key)
}

// unprovable says that a preview shows nothing by which the move could be proved afterwards; nil if it does.
func (s *Snapshot) unprovable(rule Rule, m Move, preview *Result) error {
	if m.KeepsCount() || slices.Contains(s.Unsettled, rule.Pool) || Touches(rule, preview.Steps) {
		return nil
	}
	if current := preview.Rules[rule.Pool].Current; current != nil && *current == m.To {
		return nil // what the program says is proof enough
	}
	return &UnprovableError{Move: m, Key: rule.ConfigKey}
}

// Touches says whether any of the steps is one of a rule's targets.
func Touches(rule Rule, steps []ResourceStep) bool {
	targeted := MatchTargets(rule.Targets...)
	return slices.ContainsFunc(steps, func(step ResourceStep) bool { return targeted(step.URN) })
}
