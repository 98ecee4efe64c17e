package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Holds keeps the holds on a stack in the log, so that they hold on every replica.
type Holds struct {
	journal *Journal
	local   scale.HoldKeeper
	// sharing says that the holds that are on this machine alone are being brought into the log.
	sharing atomic.Bool
}

var _ scale.HoldKeeper = (*Holds)(nil)

// Holds returns a keeper of the holds on the journal's stack. A hold that somebody places in local, on this machine
// alone, counts too, and is shared with all replicas.
func (j *Journal) Holds(local scale.HoldKeeper) *Holds { return &Holds{journal: j, local: local} }

// storedHold is the form in which a hold is kept. Fields are added, never renamed.
type storedHold struct {
	Pool   string    `json:"pool,omitempty"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason,omitempty"`
	By     string    `json:"by,omitempty"`
}

// heldEntry is what is known of the holds on a stack.
type heldEntry struct {
	seq   uint64
	holds scale.Holds
	// err says why the holds cannot be read.
	err error
}

// takeHolds notes the holds that a message has for a stack.
func (v *view) takeHolds(stack string, r received) {
	var stored []storedHold
	e := heldEntry{seq: r.seq}
	if !r.gone {
		e.err = json.Unmarshal(r.body, &stored)
	}
	for _, h := range stored {
		e.holds = append(e.holds, scale.Hold(h))
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.held[stack].seq >= r.seq {
		return
	}
	v.held[stack] = e
}

func (v *view) holdsOn(stack string) heldEntry {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.held[stack]
}

// Holds returns the holds in the log, as far as the log has reached this replica, and the holds that are on this
// machine alone.
func (h *Holds) Holds() (scale.Holds, error) {
	local, err := h.local.Holds()
	if err != nil {
		return nil, err
	}
	shared := h.journal.node.view.holdsOn(h.journal.stack)
	if shared.err != nil {
		return nil, failedHold("cannot read the holds", shared.err)
	}
	if len(local.InForce(time.Now())) > 0 && h.sharing.CompareAndSwap(false, true) {
		go func() { // if it fails, the next look tries again
			defer h.sharing.Store(false)
			_ = h.ChangeHolds(func(holds scale.Holds) scale.Holds { return holds })
		}()
	}
	return merged(shared.holds, local), nil
}

// merged returns the holds of both. If both have a hold on the same pool, the one that ends last counts.
func merged(shared, local scale.Holds) scale.Holds {
	out := shared
	for _, hold := range local {
		if other := out.Of(hold.Pool); other == nil || hold.Until.After(other.Until) {
			out = out.With(hold)
		}
	}
	return out
}

// ChangeHolds replaces the holds by what change makes of them. Holds that are on this machine alone move into the log.
func (h *Holds) ChangeHolds(change func(scale.Holds) scale.Holds) error {
	n := h.journal.node
	if err := h.journal.unready(); err != nil {
		return failedHold("cannot save the holds", err)
	}
	ctx, cancel := context.WithTimeout(n.lifetime, writeTimeout)
	defer cancel()
	var failed error
	err := h.local.ChangeHolds(func(local scale.Holds) scale.Holds {
		if failed = h.change(ctx, local, change); failed != nil {
			return local
		}
		return nil
	})
	if failed != nil {
		return failedHold("cannot save the holds", n.explain(failed))
	}
	return err
}

// change replaces the holds in the log.
func (h *Holds) change(ctx context.Context, local scale.Holds, change func(scale.Holds) scale.Holds) error {
	n, subject := h.journal.node, h.journal.node.names.hold(h.journal.stack)
	for {
		last, err := n.operations.catchUp(ctx, subject)
		if err != nil {
			return err
		}
		known := n.view.holdsOn(h.journal.stack)
		if known.err != nil {
			return known.err
		}
		stored := []storedHold{}
		for _, hold := range change(merged(known.holds, local)) {
			stored = append(stored, storedHold(hold))
		}
		m := message{subject: subject, expects: &last}
		if m.body, err = json.Marshal(stored); err != nil {
			return err
		}
		first, _, err := n.publishAgain(ctx, []message{m})
		if err == nil {
			n.takeOwn(m, first)
			return nil
		}
		if !errors.Is(err, errLate) {
			return err
		}
	}
}

func failedHold(what string, err error) error {
	return &scale.SetupError{Problem: what + " in the cluster", Err: err, Hint: "nothing is scaled until that is known"}
}
