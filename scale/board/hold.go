package board

import (
	"fmt"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// Hold keeps a pool, or the whole stack, as it is until a time.
type Hold struct {
	// Pool is absent if the hold is on the whole stack.
	Pool   string    `json:"pool,omitempty"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason,omitempty"`
	By     string    `json:"by,omitempty"`
}

// HoldOf makes the document of a [scale.Hold]; nil if h is nil.
func HoldOf(h *scale.Hold) *Hold {
	if h == nil {
		return nil
	}
	return &Hold{Pool: h.Pool, Since: h.Since.UTC().Truncate(time.Second), Until: h.Until.UTC().Truncate(time.Second), Reason: h.Reason, By: h.By}
}

// Holds are the holds in force: the document of `hold` and GET /hold.
type Holds struct {
	Stack string `json:"stack"`
	Holds []Hold `json:"holds"`
}

// HoldsOf makes the document of the holds of a stack.
func HoldsOf(stack string, holds scale.Holds) Holds {
	doc := Holds{Stack: stack, Holds: make([]Hold, len(holds))}
	for i, h := range holds {
		doc.Holds[i] = *HoldOf(&h)
	}
	return doc
}

// Upcoming is something that will be done without a new request.
type Upcoming struct {
	// Do is "settle" if the pool is brought back to the count To after an update that failed or was cut off, and
	// "scale" if an operation is tried again.
	Do   string     `json:"do"`
	Pool string     `json:"pool"`
	To   int        `json:"to"`
	At   *time.Time `json:"at,omitempty"`
	// Why says what was in the way at the last try.
	Why string `json:"why,omitempty"`
}

func upcomingOf(u queue.Upcoming) Upcoming {
	out := Upcoming{Do: "scale", Pool: u.Pool, To: u.To, At: instant(u.At), Why: u.Why}
	if u.Settles {
		out.Do = "settle"
	}
	return out
}

// Soon says which pools are about to be settled.
func (v View) Soon() []Mood {
	var out []Mood
	for _, u := range v.Upcoming {
		if u.Do != "settle" {
			continue
		}
		text := fmt.Sprintf("About to bring %s back to %d", u.Pool, u.To)
		if u.At != nil && u.At.After(v.at) {
			text += ", at " + v.Clock(u.At)
		}
		if u.Why != "" {
			text += ": " + u.Why
		}
		out = append(out, Mood{Warn, text})
	}
	return out
}

// heldFor returns the hold that keeps a pool as it is; nil if none does.
func (v View) heldFor(pool string) *Hold {
	for _, p := range v.Pools {
		if p.Pool == pool && p.Hold != nil && p.Hold.Until.After(v.at) {
			return p.Hold
		}
	}
	return nil
}

// heldStack returns the hold on the whole stack; nil if there is none.
func (v View) heldStack() *Hold {
	for _, h := range v.Holds {
		if h.Pool == "" && h.Until.After(v.at) {
			return &h
		}
	}
	return nil
}

// HeldBy says in words which holds are in force.
func (v View) HeldBy() []Mood {
	var out []Mood
	for _, h := range v.Holds {
		if !h.Until.After(v.at) {
			continue
		}
		what := h.Pool
		if what == "" {
			what = "The stack"
		}
		text := fmt.Sprintf("%s is held until %s", what, v.Clock(&h.Until))
		if h.By != "" {
			text += " by " + h.By
		}
		if h.Reason != "" {
			text += ": " + h.Reason
		}
		out = append(out, Mood{Warn, text})
	}
	return out
}
