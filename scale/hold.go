package scale

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Hold keeps a pool, or all pools, as it is until a time: nothing is scaled and nothing is settled, whoever asks for
// it. An update that runs when the hold is placed is finished. A hold ends by itself.
type Hold struct {
	// Pool is empty if the hold is on the whole stack.
	Pool string
	// Since and Until are when it was placed and when it ends.
	Since, Until time.Time
	// Reason says why, and By who placed it; both may be empty.
	Reason, By string
}

// The shortest and the longest hold. A pool that is to stay as it is for longer is paused in its rule.
const (
	shortestHold = time.Second
	longestHold  = 30 * 24 * time.Hour
)

// NewHold makes a hold that begins now. The error is a [*UsageError].
func NewHold(pool string, lasts time.Duration, reason, by string, now time.Time) (Hold, error) {
	if lasts < shortestHold || lasts > longestHold {
		return Hold{}, &UsageError{
			Field: "for", Problem: fmt.Sprintf("must be a duration from 1s to 720h, not %s", lasts), Hint: `for longer, set "paused: true" in the rule`,
		}
	}
	return Hold{Pool: pool, Since: now, Until: now.Add(lasts), Reason: reason, By: by}, nil
}

// What says what is held: the pool, or the stack.
func (h Hold) What() string { return cmp.Or(h.Pool, "the stack") }

func (h Hold) String() string {
	text := h.What() + " is held until " + h.Until.UTC().Format("2006-01-02 15:04:05 MST")
	if h.By != "" {
		text += " by " + h.By
	}
	if h.Reason != "" {
		text += ": " + h.Reason
	}
	return text
}

// Holds are the holds on a stack and its pools, at most one on each.
type Holds []Hold

// InForce returns the holds that are in force at a time: first the hold on the stack, then the holds on pools, by name.
func (h Holds) InForce(now time.Time) Holds {
	out := slices.DeleteFunc(slices.Clone(h), func(hold Hold) bool { return !now.Before(hold.Until) })
	slices.SortFunc(out, func(a, b Hold) int { return cmp.Compare(a.Pool, b.Pool) })
	return out
}

// On returns the hold in force, on the pool or on the stack, that keeps a pool as it is; nil if there is none. If both
// are held, On returns the hold that ends last.
func (h Holds) On(pool string, now time.Time) *Hold {
	var out *Hold
	for _, hold := range h.InForce(now) {
		if (hold.Pool == "" || hold.Pool == pool) && (out == nil || hold.Until.After(out.Until)) {
			out = &hold
		}
	}
	return out
}

// Of returns the hold on a pool alone, or the hold on the stack if pool is empty; nil if there is none.
func (h Holds) Of(pool string) *Hold {
	if i := slices.IndexFunc(h, func(hold Hold) bool { return hold.Pool == pool }); i >= 0 {
		return &h[i]
	}
	return nil
}

// With returns the holds with the given one in place of an earlier hold on the same pool, or on the stack.
func (h Holds) With(hold Hold) Holds { return append(h.Without(hold.Pool), hold) }

// Without returns the holds except the hold on a pool, or except the hold on the stack if pool is empty.
func (h Holds) Without(pool string) Holds {
	return slices.DeleteFunc(slices.Clone(h), func(hold Hold) bool { return hold.Pool == pool })
}

// Unheld returns the given pools that nothing holds.
func (h Holds) Unheld(pools []string, now time.Time) []string {
	return slices.DeleteFunc(slices.Clone(pools), func(pool string) bool { return h.On(pool, now) != nil })
}

// HoldKeeper keeps the holds on a stack in a place in which every process that works on the stack from the same
// directory finds them. It is safe for concurrent use, also by several processes.
type HoldKeeper interface {
	// Holds returns all holds that are kept, even those that have ended. If it returns an error, a [*SetupError], it is
	// not known what is held.
	Holds() (Holds, error)
	// ChangeHolds replaces the holds by what change returns for them. The error is a [*SetupError].
	ChangeHolds(change func(Holds) Holds) error
}

// HeldBy returns the snapshot with these holds in place of its own.
func (s *Snapshot) HeldBy(holds Holds) *Snapshot {
	if len(holds) == 0 && len(s.Holds) == 0 {
		return s
	}
	out := *s
	out.Holds = holds
	return &out
}
