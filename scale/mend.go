package scale

import (
	"context"
	"slices"
	"strings"
)

// mend corrects an update that was decided before somebody else's and ran after it. Each pool is decided once more on
// the stack as it was just before the update. The difference from what the update did is added to what the pool has
// now, because others may have built on it since. The update has also set back the keys that the other one changed.
// They are corrected too, unless somebody has done so meanwhile.
//
// It does not end with ctx and retries by itself. An update of ours has been done: the intents must not be taken for
// new ones, and the stack must not stay as it is. The order's check may find that the other update was the intents'
// own. Then done says so, and only what ours did on top of it is taken back.
func (s *Scaler) mend(ctx context.Context, o Order, p Plan, result *Result) (_ Plan, _ *Result, done, err error) {
	ctx = context.WithoutCancel(ctx)
	pools := p.Change.Pools
	fails := func(err error) (Plan, *Result, error, error) {
		return p, nil, nil, &OvertakenError{Pools: pools, Err: err}
	}
	// last is the update that was overtaken. adds holds what it was to add to its pools; nil for the first update, of
	// which the intents tell.
	last, adds := p, map[string]int(nil)
	for result.Overtaken {
		s.Observe(Overtaken{Pools: pools})
		snap, base, err := s.readAround(ctx, result.ID)
		if err != nil {
			return fails(err)
		}
		var wanted []Move
		if adds == nil {
			intents := o.Intents
			if o.Check != nil {
				if done = o.Check(ctx, base); done != nil {
					intents = nil
				}
			}
			p = MakePlan(base, intents, s.Now())
			p.Moves = keepMoves(base, last.Moves, p.Moves)
			wanted = p.Moves
		} else {
			wanted = base.add(last.Moves, adds)
		}
		corrections, more := snap.corrections(base, last.Moves, wanted)
		if len(corrections) == 0 && snap.agrees() {
			break
		}
		next := ChangeFor(snap, corrections)
		next.Correction = true
		next.ID = result.ID + "+" // a mark of its own, by which it knows itself
		if len(corrections) == 0 {
			// Without a target the engine would update everything. With a pool's target it would scale that pool,
			// perhaps to a count that is out of date by then.
			next.Targets = snap.root()
			next.Message = messagePrefix + "config that an outdated update had set back"
		}
		if len(next.Targets) == 0 {
			next.Targets = last.Change.Targets
		}
		steps := result.Steps
		result, err = withRetries(ctx, s, func() (*Result, error) {
			return unlocked(func() (*Result, error) { return s.Stack.Update(ctx, next, s.Observe) })
		})
		if err != nil {
			return fails(err)
		}
		result.Steps = append(steps, result.Steps...)
		p.Moves = replaceMoves(p.Moves, wanted, corrections)
		last, adds = Plan{Moves: corrections, Change: next}, more
	}
	p.Change = last.Change
	return p, result, done, nil
}

// root is the target that stands for the stack itself. It changes no resource of the program's.
func (s *Snapshot) root() []string {
	i := slices.IndexFunc(s.Resources, func(urn string) bool { return strings.Contains(urn, "::pulumi:pulumi:Stack::") })
	if i < 0 {
		return nil
	}
	return s.Resources[i : i+1]
}

// readAround reads the stack, and makes from that the stack as it was just before the update with the id. The counts
// are those of the configuration, because "current" is of a later time.
func (s *Scaler) readAround(ctx context.Context, id string) (snap, base *Snapshot, err error) {
	snap, err = withRetries(ctx, s, func() (*Snapshot, error) { return s.Stack.Read(ctx) })
	if err != nil {
		return nil, nil, err
	}
	isIt := func(u Update) bool { return u.ID == id }
	updates := snap.Updates
	if !slices.ContainsFunc(updates, isIt) && !snap.Complete {
		if updates, err = withRetries(ctx, s, func() ([]Update, error) { return EveryUpdate(ctx, s.Stack, snap.Rules) }); err != nil {
			return nil, nil, err
		}
	}
	out := *snap
	out.Updates = updates[slices.IndexFunc(updates, isIt)+1:]
	out.Rules = Rules{}
	for name, rule := range snap.Rules {
		rule.Current = nil
		out.Rules[name] = rule
	}
	return snap, &out, nil
}

// keepMoves adds to the new moves the pools that were moved before and should not have been, as is known now. They go
// back to their configured count, or stay where they are if they had none.
func keepMoves(snap *Snapshot, before, now []Move) []Move {
	for _, m := range before {
		if slices.ContainsFunc(now, func(n Move) bool { return n.Pool == m.Pool }) {
			continue
		}
		if _, known := snap.Rules[m.Pool]; !known {
			continue
		}
		back := m.To
		if n := snap.ConfiguredCount(m.Pool); n != nil {
			back = *n
		}
		now = append(now, Move{Pool: m.Pool, From: &m.To, To: back, Why: m.Why})
	}
	return now
}

// add makes moves that add to their pools what these moves were to add.
func (s *Snapshot) add(moves []Move, adds map[string]int) []Move {
	var out []Move
	for _, m := range moves {
		rule, known := s.Rules[m.Pool]
		from := s.ConfiguredCount(m.Pool)
		if known && from != nil {
			out = append(out, Move{Pool: m.Pool, From: from, To: rule.clamp(*from + adds[m.Pool]), Why: m.Why})
		}
	}
	return out
}

// corrections are the moves that bring the pools from what was done to what was wanted, on top of what has been done
// since. It also returns how much each is to add.
func (s *Snapshot) corrections(base *Snapshot, done, wanted []Move) ([]Move, map[string]int) {
	var out []Move
	adds := map[string]int{}
	for _, w := range wanted {
		did := base.ConfiguredCount(w.Pool)
		if i := slices.IndexFunc(done, func(m Move) bool { return m.Pool == w.Pool }); i >= 0 {
			did = &done[i].To
		}
		now := s.ConfiguredCount(w.Pool)
		if now == nil {
			now = did
		}
		if did == nil || w.To == *did {
			continue
		}
		if to := s.Rules[w.Pool].clamp(*now + w.To - *did); to != *now {
			adds[w.Pool] = w.To - *did
			out = append(out, Move{Pool: w.Pool, From: now, To: to, Why: w.Why})
		}
	}
	return out, adds
}

// agrees says whether the newest successful update had the right value for every rule's key.
func (s *Snapshot) agrees() bool {
	for _, u := range s.Updates {
		if !u.Succeeded || u.Kind != KindUpdate {
			continue
		}
		for name := range s.Rules {
			if !sameText(u.Values[name], s.Configured(name)) {
				return false
			}
		}
		return true
	}
	return true
}

// replaceMoves puts what was wanted in the place of the moves of the same pools, with the counts that the corrections
// came to.
func replaceMoves(moves, wanted, corrections []Move) []Move {
	out := slices.Clone(moves)
	for _, m := range wanted {
		for _, c := range corrections {
			if c.Pool == m.Pool {
				m.To = c.To
			}
		}
		if i := slices.IndexFunc(out, func(old Move) bool { return old.Pool == m.Pool }); i >= 0 {
			out[i] = m
		}
	}
	return out
}
