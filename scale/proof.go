package scale

import (
	"fmt"
	"maps"
	"slices"
)

// A targeted update runs the whole program with the whole configuration. Whatever differs there from what was deployed
// last is pending: it belongs to somebody's next `pulumi up`, and a scaling must not bring it along. A proof is a
// preview with the present counts: what it would change, a scaling would change too, besides the count.

// Proof says what an update of the pools' targets would change although no count changes.
type Proof struct {
	// Head is the [Snapshot.Head] that it was made for. It holds as long as only scalings of ours have been added to
	// the history since: see [Snapshot.Follows].
	Head string `json:"head"`
	// Basis stands for all that the proof rests on besides the stack itself: the program, its configuration, the engine
	// and the environment. Its only use is to be compared.
	Basis string `json:"basis"`
	// Pools has an entry for each pool that the proof is about.
	Pools map[string]PoolProof `json:"pools"`
}

// PoolProof is what a proof says of one pool.
type PoolProof struct {
	// Pending is what would come along with a scaling; empty if nothing would.
	Pending []PendingChange `json:"pending,omitempty"`
	// Size is the size that the state has of the pool, if that is not the configured count; nil if it is, or if nothing
	// tells.
	Size *int `json:"size,omitempty"`
}

// Follows says whether only scalings of ours that brought nothing else along have been completed since an update with
// that head.
func (s *Snapshot) Follows(head string) bool {
	for _, u := range s.Updates {
		if u.Head == head {
			return true
		}
		if u.Pools == nil || u.BroughtAlong {
			return false
		}
	}
	return s.Head == head // a stack without updates
}

// Covers says whether the proof speaks of all these pools.
func (p *Proof) Covers(pools []string) bool {
	return p != nil && !slices.ContainsFunc(pools, func(pool string) bool { _, ok := p.Pools[pool]; return !ok })
}

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

// StaleError says that an update was not begun, or ended before it had changed anything, because what it was decided on
// is no longer so. Whoever decides again may succeed.
type StaleError struct {
	// What says what has changed.
	What string
}

func (e *StaleError) Error() string { return fmt.Sprintf("nothing was scaled: %s", e.What) }
