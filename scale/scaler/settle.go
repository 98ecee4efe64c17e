package scaler

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
)

// provedSettlement returns the plan of a settlement that is proved to bring nothing else along and to replace nothing,
// even if the rules allow a scaling to do that. Nobody has asked for a settlement, and a settlement refreshes: with a
// provider that has changed, a refresh can leave a state that the CLI cannot read any more. The error is an
// [*scale.UnsettledError] if a pool must stay as it is.
func (s *Scaler) provedSettlement(ctx context.Context, snap *scale.Snapshot, pools []string) (scale.Plan, error) {
	p := scale.MakeSettlement(snap, pools)
	if len(p.Moves) == 0 {
		return p, nil
	}
	proof, err := s.proofOf(ctx, snap, p.Change.Pools, true, s.syncLocked(ctx, snap))
	if err != nil {
		return p, err
	}
	for _, m := range p.Moves {
		if changes := proof.Pending(m.Pool); len(changes) > 0 {
			return p, &scale.UnsettledError{Pool: m.Pool, Reason: snap.PendingReason(changes)}
		}
	}
	p.Change.Basis = proof.Basis
	result, err := s.Stack.Preview(ctx, p.Change, scale.Unobserved)
	if err != nil {
		return p, err
	}
	for _, step := range result.Steps {
		if strings.Contains(step.Op, "replace") {
			return p, &scale.UnsettledError{Pool: p.OwnerOf(snap, step.URN), Reason: "going back would replace " + step.Name}
		}
	}
	return p, nil
}

// Settle brings every unsettled pool back to the count of the last successful update: all in one update or, if that
// fails, one by one. It tells the observer. It does nothing if no pool is unsettled, and leaves alone the pools that
// somebody holds.
func (s *Scaler) Settle(ctx context.Context) error {
	unlock, err := s.Stack.Lock(ctx, s.Observe)
	if err != nil {
		return err
	}
	defer unlock()
	snap, err := withRetries(ctx, s, func() (*scale.Snapshot, error) { return s.Stack.Read(ctx) })
	if err != nil {
		return err
	}
	holds, err := s.CurrentHolds()
	if err != nil {
		return err
	}
	return s.settlePools(ctx, holds.Unheld(snap.Unsettled, s.Now()))
}

// SettleOnce settles as Settle does, but leaves it to the caller to try again if the stack is locked or out of reach.
func (s *Scaler) SettleOnce(ctx context.Context) error { return s.trying(true).Settle(ctx) }

// settlePools settles the pools, as far as they are unsettled. The caller holds the lock.
func (s *Scaler) settlePools(ctx context.Context, pools []string) error {
	if len(pools) == 0 {
		return nil
	}
	s.Observe(scale.Settling{Pools: pools})
	err := s.settleTogether(ctx, pools)
	if len(pools) > 1 && (scale.IsA[*scale.UnsettledError](err) || scale.MayBeOnePools(err)) {
		err = nil
		for _, pool := range pools {
			if alone := s.settleTogether(ctx, []string{pool}); alone != nil {
				err = alone
			}
		}
	}
	s.Observe(scale.Settled{Pools: pools, Err: err})
	return err
}

func (s *Scaler) settleTogether(ctx context.Context, pools []string) error {
	var last scale.Plan
	report, err := withRetries(ctx, s, func() (*scale.Report, error) {
		return retryAtOnce(func() (*scale.Report, error) { return s.attempt(ctx, Order{settle: pools}, nil, &last) })
	})
	if err != nil {
		return err
	}
	for _, r := range report.Results {
		if r.Unverified != "" {
			return &scale.UnsettledError{Pool: r.Pool, Reason: r.Unverified}
		}
	}
	for _, d := range report.Decisions {
		if d.Outcome == scale.HasPending {
			return &scale.UnsettledError{Pool: d.Intent.Pool, Reason: d.Reason}
		}
	}
	return nil
}

// putBack deals with an update that failed after it had begun. The engine can fail after its last step, so the history may
// say that the update succeeded nevertheless. putBack then returns a report of the update. Otherwise it returns failed,
// and the pools that the update left between two counts go back to the count of the last successful update. putBack
// does not end with ctx: the stack must not stay as it is.
func (s *Scaler) putBack(ctx context.Context, o Order, p scale.Plan, failed *scale.EngineError) (*scale.Report, error) {
	ctx = context.WithoutCancel(ctx)
	snap, err := withRetries(ctx, s, func() (*scale.Snapshot, error) { return s.Stack.Read(ctx) })
	if err != nil {
		failed.CutOff, failed.Unsettled, failed.UnsettledErr = true, p.Change.Pools, err
		return nil, failed
	}
	at := slices.IndexFunc(snap.Updates, func(u scale.Update) bool { return u.ID == p.Change.ID })
	if at >= 0 && snap.Updates[at].Succeeded {
		return s.succeeded(snap, p, failed)
	}
	pools := slices.DeleteFunc(slices.Clone(p.Change.Pools), func(pool string) bool { return !slices.Contains(snap.Unsettled, pool) })
	failed.CutOff = at < 0
	if len(pools) == 0 {
		return nil, failed
	}
	if failed.Interrupted || failed.CutOff && o.Resumed {
		failed.Unsettled = pools
		return nil, failed
	}
	if err := s.settlePools(ctx, pools); err != nil {
		failed.Unsettled, failed.UnsettledErr = pools, err
	} else {
		failed.Back = pools
	}
	return nil, failed
}

// succeeded reports an update that succeeded as far as the history knows, although the engine failed after that.
func (s *Scaler) succeeded(snap *scale.Snapshot, p scale.Plan, failed *scale.EngineError) (*scale.Report, error) {
	report := &scale.Report{Plan: p, Steps: failed.Done}
	for _, m := range p.Moves {
		result := scale.MoveResult{Move: m, Current: snap.Rules[m.Pool].Current}
		switch {
		case result.Current != nil && *result.Current != m.To:
			result.Unverified = fmt.Sprintf(`"current" is %d after the update and not %d`, *result.Current, m.To)
		case result.Current == nil && slices.Contains(p.Change.Unsettled, m.Pool):
			result.Unverified = "the engine failed after the last step, and an earlier update had left the pool half scaled: check its real size"
		case result.Current == nil && !scale.Touches(snap.Rules[m.Pool], failed.Done) && !m.KeepsCount():
			result.Unverified = "the engine failed after the last step, and no change of the pool's targets was seen: check its real size"
		}
		report.Results = append(report.Results, result)
	}
	s.Stack.Conclude(p.Change.ID, report.Results)
	return report, s.writeBack(snap, p.Moves)
}
