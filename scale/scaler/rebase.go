package scaler

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// rebase corrects an update of ours that was overtaken. Each pool is decided once more on the stack as it was just
// before the update. The difference between this decision and what the update did is added to the count that the pool
// has now, because others may have changed that count since. Our update has also set back the keys that the other
// update had changed. These keys are corrected too, unless somebody has done so meanwhile.
//
// It does not end with ctx, and retries by itself, because an update of ours has been done: the intents must not be
// taken for new ones, and the stack must not stay as it is. The order's check may find that the intents had been
// carried out before our update. Then done is the check's error, and what our update did is taken back.
func (s *Scaler) rebase(ctx context.Context, o Order, p scale.Plan, result *scale.Result) (_ scale.Plan, _ *scale.Result, done, err error) {
	ctx = context.WithoutCancel(ctx)
	pools := p.Change.Pools
	fails := func(err error) (scale.Plan, *scale.Result, error, error) {
		return p, nil, nil, &scale.OvertakenError{Pools: pools, Err: err}
	}
	// last is the update that was overtaken. adds holds, by pool, what that update was to add; nil for the first
	// update, whose intents are decided again instead.
	last, adds := p, map[string]int(nil)
	for result.Overtaken {
		s.Observe(scale.Overtaken{Pools: pools})
		snap, base, err := s.readAround(ctx, result.ID)
		if err != nil {
			return fails(err)
		}
		var wanted []scale.Move
		if adds == nil {
			intents := o.Intents
			if o.Check != nil {
				if done = o.Check(ctx, base); done != nil {
					intents = nil
				}
			}
			p = scale.MakePlan(base, intents, s.Now())
			p.Moves = keepMoves(base, last.Moves, p.Moves)
			wanted = p.Moves
		} else {
			wanted = movesAdding(base, last.Moves, adds, s.Now())
		}
		corrections, more := correctionsOf(snap, base, last.Moves, wanted, s.Now())
		if len(corrections) == 0 && snap.AgreesWithHistory() {
			break
		}
		next := scale.ChangeFor(snap, corrections)
		next.Correction, next.ID = true, result.ID+"+" // a mark of its own, which tells it from the update it corrects
		if len(corrections) == 0 {
			// Without a target the engine would update everything. With a pool's target it would scale that pool,
			// perhaps to a count that is out of date by then.
			next.Targets = stackTarget(snap)
			next.Message = scale.MessagePrefix + "restores config values that an overlapping scaling had overwritten"
		}
		if len(next.Targets) == 0 {
			next.Targets = last.Change.Targets
		}
		if err := s.syncNow(ctx, snap); err != nil {
			return fails(err)
		}
		steps := result.Steps
		result, err = withRetries(ctx, s, func() (*scale.Result, error) {
			return retryAtOnce(func() (*scale.Result, error) { return s.Stack.Update(ctx, next, s.Observe) })
		})
		if err != nil {
			return fails(err)
		}
		result.Steps = append(steps, result.Steps...)
		p.Moves = replaceMoves(p.Moves, wanted, corrections)
		last, adds = scale.Plan{Moves: corrections, Change: next}, more
	}
	p.Change = last.Change
	return p, result, done, nil
}

// stackTarget returns the URN of the resource that stands for the stack itself, as a target. An update of this target
// changes no resource of the program.
func stackTarget(s *scale.Snapshot) []string {
	i := slices.IndexFunc(s.Resources, func(urn string) bool { return strings.Contains(urn, "::pulumi:pulumi:Stack::") })
	if i < 0 {
		return nil
	}
	return s.Resources[i : i+1]
}

// readAround reads the stack. From that reading it makes base, the stack as it was just before the update with the id.
// The counts in base are the configured ones, because "current" is from after the update.
func (s *Scaler) readAround(ctx context.Context, id string) (snap, base *scale.Snapshot, err error) {
	snap, err = withRetries(ctx, s, func() (*scale.Snapshot, error) { return s.Stack.Read(ctx) })
	if err != nil {
		return nil, nil, err
	}
	isIt := func(u scale.Update) bool { return u.ID == id }
	updates := snap.Updates
	if !slices.ContainsFunc(updates, isIt) && !snap.Complete {
		if updates, err = withRetries(ctx, s, func() ([]scale.Update, error) { return EveryUpdate(ctx, s.Stack, snap.Rules) }); err != nil {
			return nil, nil, err
		}
	}
	out := *snap
	out.Updates = updates[slices.IndexFunc(updates, isIt)+1:]
	out.Rules = scale.Rules{}
	for name, rule := range snap.Rules {
		rule.Current = nil
		out.Rules[name] = rule
	}
	return snap, &out, nil
}

// keepMoves adds to the new moves the pools that only the old moves had: it is known now that these pools should not
// have been moved. They go back to their configured count, or stay where they are if they had none.
func keepMoves(snap *scale.Snapshot, before, now []scale.Move) []scale.Move {
	for _, m := range before {
		if slices.ContainsFunc(now, func(n scale.Move) bool { return n.Pool == m.Pool }) {
			continue
		}
		if _, known := snap.Rules[m.Pool]; !known {
			continue
		}
		back := m.To
		if n := snap.ConfiguredCount(m.Pool); n != nil {
			back = *n
		}
		now = append(now, scale.Move{Pool: m.Pool, From: &m.To, To: back, Why: m.Why})
	}
	return now
}

// movesAdding makes moves of the same pools as the given ones, each adding what adds holds for the pool.
func movesAdding(s *scale.Snapshot, moves []scale.Move, adds map[string]int, now time.Time) []scale.Move {
	var out []scale.Move
	for _, m := range moves {
		rule, known := s.Rules[m.Pool]
		from := s.ConfiguredCount(m.Pool)
		if known && from != nil {
			out = append(out, scale.Move{Pool: m.Pool, From: from, To: rule.Bounds(now).Clamp(*from + adds[m.Pool]), Why: m.Why})
		}
	}
	return out
}

// correctionsOf returns the moves that bring the pools from what was done to what was wanted, on top of what has been
// done since. It also returns, by pool, how much each move is to add.
func correctionsOf(s, base *scale.Snapshot, done, wanted []scale.Move, now time.Time) ([]scale.Move, map[string]int) {
	var out []scale.Move
	adds := map[string]int{}
	for _, w := range wanted {
		did := base.ConfiguredCount(w.Pool)
		if i := slices.IndexFunc(done, func(m scale.Move) bool { return m.Pool == w.Pool }); i >= 0 {
			did = &done[i].To
		}
		at := s.ConfiguredCount(w.Pool)
		if at == nil {
			at = did
		}
		if did == nil || w.To == *did {
			continue
		}
		if to := s.Rules[w.Pool].Bounds(now).Clamp(*at + w.To - *did); to != *at {
			adds[w.Pool] = w.To - *did
			out = append(out, scale.Move{Pool: w.Pool, From: at, To: to, Why: w.Why})
		}
	}
	return out, adds
}

// replaceMoves returns the moves, with the wanted moves in place of the moves of the same pools. A pool that was
// corrected gets the count of its correction.
func replaceMoves(moves, wanted, corrections []scale.Move) []scale.Move {
	out := slices.Clone(moves)
	for _, m := range wanted {
		for _, c := range corrections {
			if c.Pool == m.Pool {
				m.To = c.To
			}
		}
		if i := slices.IndexFunc(out, func(old scale.Move) bool { return old.Pool == m.Pool }); i >= 0 {
			out[i] = m
		}
	}
	return out
}
