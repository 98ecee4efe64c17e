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
	// Head is the [Snapshot.Head] that the proof was made for. The proof holds as long as only scalings of ours have
	// been added to the history since: see [Snapshot.Follows].
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
	// Size is the size that the state has of the pool, if it differs from the configured count; nil if it does not, or
	// if it is not known.
	Size *int `json:"size,omitempty"`
}

// Follows says whether only scalings of ours that brought nothing else along have been completed since the update with
// the given head.
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

// Covers says whether the proof is about all of the pools.
func (p *Proof) Covers(pools []string) bool {
	return p != nil && !slices.ContainsFunc(pools, func(pool string) bool { _, ok := p.Pools[pool]; return !ok })
}

// NeedProof returns the given pools that must not be scaled while changes are pending, sorted by name.
func (s *Snapshot) NeedProof(pools []string) []string {
	out := slices.DeleteFunc(slices.Clone(pools), func(pool string) bool {
		rule, known := s.Rules[pool]
		return !known || rule.Pending == AllowPending
	})
	slices.Sort(out)
	return slices.Compact(out)
}

// PendingBy returns, by pool, the changes that a proof found to be pending, for the pools whose rules refuse pending
// changes. Pools without pending changes are absent. A nil proof gives an empty map.
func (s *Snapshot) PendingBy(proof *Proof) map[string][]PendingChange {
	out := map[string][]PendingChange{}
	for _, pool := range s.NeedProof(s.Rules.Names()) {
		if changes := proof.Pending(pool); len(changes) > 0 {
			out[pool] = changes
		}
	}
	return out
}

// Pending returns the changes that the proof found to be pending for a pool. The proof may be nil.
func (p *Proof) Pending(pool string) []PendingChange {
	if p == nil {
		return nil
	}
	return p.Pools[pool].Pending
}

// CommonChanges returns the changes that two previews with different counts have in common. The others depend on the
// count, and are nobody's pending changes.
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

// Extent counts the properties that the changes change. A change without properties counts as one.
func Extent(changes []PendingChange) (n int) {
	for _, c := range changes {
		n += max(len(c.Properties), 1)
	}
	return n
}

// OtherCounts returns the counts for a second preview, which is compared with the preview at the present counts. What
// differs between the two depends on the count, and is nobody's pending change. A pool whose size in the state is known
// gets that size. An unsettled pool whose size is not known gets a count at an end of its guardrails or beyond: at the
// upper end if the first preview deletes resources of the pool, else at the lower. An update that failed half way may
// have made any part of a unit.
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

// StateSizes returns the sizes that the state has of the pools in own, as far as the preview's steps tell them: see
// [stateSize].
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

// TakeSizes adds to the snapshot the sizes that a proof has found, unless there was an update since the proof. news
// says whether any of the sizes was not known before.
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

// DoubtsSizes says whether something other than an update has changed the state since the last successful update, such
// as somebody's `pulumi refresh`. The stack's outputs, "current" among them, are then still as they were before that
// change.
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
// has changed since. A new decision may succeed.
type StaleError struct {
	// What says what has changed.
	What string
}

func (e *StaleError) Error() string { return fmt.Sprintf("nothing was scaled: %s", e.What) }
