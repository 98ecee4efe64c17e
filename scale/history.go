package scale

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// History lists past scalings, newest first: those of one pool, or of all if pool is empty. Failed ones are among them.
// There are at most limit, or all if limit is 0.
func (s *Scaler) History(ctx context.Context, pool string, limit int) ([]Scaling, error) {
	snap, err := withRetries(ctx, s, func() (*Snapshot, error) { return s.Stack.Read(ctx) })
	if _, destroyed := errors.AsType[*DestroyedError](err); err != nil && (!destroyed || !tellsKeys(snap, err)) {
		return nil, err // what a stack was before it was destroyed can still be told
	}
	if scalings, enough, err := snap.PastScalings(pool, limit); enough || err != nil {
		return scalings, err
	}
	return s.OlderScalings(ctx, snap, pool, limit)
}

// past are the scalings that a snapshot tells of, as History lists them; enough is false if older ones belong to them.
func (s *Snapshot) PastScalings(pool string, limit int) (scalings []Scaling, enough bool, err error) {
	names := s.Rules.Names()
	if pool != "" {
		if _, err := s.Rules.Find(pool); err != nil {
			return nil, false, err
		}
		names = []string{pool}
	}
	scalings = ScalingsOf(s.Updates, names)
	if !s.Complete {
		scalings = sureOf(scalings, s.Updates, names)
	}
	return scalings[:min(cmp.Or(limit, len(scalings)), len(scalings))], s.Complete || limit > 0 && len(scalings) >= limit, nil
}

// historyAtFirst is how many updates are read if those of a snapshot are not enough, and historyGrowth how many times
// as many the next time.
const (
	historyAtFirst = 160
	historyGrowth  = 8
)

// older are the scalings of a history that is read as far back as they need.
func (s *Scaler) OlderScalings(ctx context.Context, known *Snapshot, pool string, limit int) ([]Scaling, error) {
	return withRetries(ctx, s, func() (scalings []Scaling, err error) {
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

// scalingsOf are the scalings of some pools, newest first.
func ScalingsOf(updates []Update, pools []string) []Scaling {
	var out []Scaling
	for _, pool := range pools {
		out = append(out, Scalings(updates, pool)...)
	}
	slices.SortStableFunc(out, func(a, b Scaling) int { return b.End.Compare(a.End) })
	return out
}

// sureOf keeps, of the scalings in the newest updates, those between which none can be missing: those since every
// pool's count is known.
func sureOf(scalings []Scaling, updates []Update, pools []string) []Scaling {
	var since time.Time
	for _, pool := range pools {
		known := slices.DeleteFunc(slices.Clone(updates), func(u Update) bool { return u.Kind != KindUpdate || !u.Succeeded || !u.means(pool) })
		if len(known) == 0 {
			return nil
		}
		since = Later(since, known[len(known)-1].End)
	}
	return slices.DeleteFunc(scalings, func(s Scaling) bool { return !s.End.After(since) })
}
