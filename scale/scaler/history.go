package scaler

import (
	"context"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// History lists past scalings, newest first: the scalings of one pool, or of all pools if pool is empty. Failed
// scalings are among them. There are at most limit, or all if limit is 0.
func (s *Scaler) History(ctx context.Context, pool string, limit int) ([]scale.Scaling, error) {
	snap, err := withRetries(ctx, s, func() (*scale.Snapshot, error) { return s.Stack.Read(ctx) })
	if err != nil && (!scale.IsA[*scale.DestroyedError](err) || !tellsKeys(snap, err)) {
		return nil, err // what a stack was before it was destroyed can still be told
	}
	if scalings, enough, err := snap.PastScalings(pool, limit); enough || err != nil {
		return scalings, err
	}
	return s.OlderScalings(ctx, snap, pool, limit)
}

// historyAtFirst is how many updates are read first if the updates in a snapshot are not enough. Each further reading
// reads historyGrowth times as many.
const (
	historyAtFirst = 160
	historyGrowth  = 8
)

// OlderScalings lists past scalings as [Scaler.History] does, and reads as much of the history as that needs.
func (s *Scaler) OlderScalings(ctx context.Context, known *scale.Snapshot, pool string, limit int) ([]scale.Scaling, error) {
	return withRetries(ctx, s, func() (scalings []scale.Scaling, err error) {
		snap := *known
		for newest, enough := historyAtFirst, false; !enough; newest *= historyGrowth {
			if limit == 0 {
				newest = 0
			}
			if snap.Updates, snap.Complete, err = s.Stack.History(ctx, snap.Rules, newest); err != nil {
				return nil, err
			}
			if scalings, enough, err = snap.PastScalings(pool, limit); err != nil {
				return nil, err
			}
		}
		return scalings, nil
	})
}

// Past reads the stack, with its updates back to a moment at least: see [scale.ReachBack].
func (s *Scaler) Past(ctx context.Context, since time.Time) (*scale.Snapshot, error) {
	snap, err := withRetries(ctx, s, func() (*scale.Snapshot, error) { return s.Stack.Read(ctx) })
	if err != nil || snap.Complete || scale.ReachBack(snap.Updates, since) {
		return snap, err
	}
	past := *snap
	past.Updates, past.Complete, err = s.UpdatesSince(ctx, snap.Rules, since)
	return &past, err
}

// UpdatesSince returns the newest updates, back to a moment at least: see [scale.ReachBack]. complete says that there
// are no older ones.
func (s *Scaler) UpdatesSince(ctx context.Context, rules scale.Rules, since time.Time) (updates []scale.Update, complete bool, err error) {
	for newest := historyAtFirst; ; newest *= historyGrowth {
		updates, err = withRetries(ctx, s, func() (read []scale.Update, err error) {
			read, complete, err = s.Stack.History(ctx, rules, newest)
			return read, err
		})
		if err != nil || complete || scale.ReachBack(updates, since) {
			return updates, complete, err
		}
	}
}
