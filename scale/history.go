package scale

import (
	"cmp"
	"slices"
	"time"
)

// PastScalings are the scalings that a snapshot tells of, as History lists them; enough is false if older ones belong
// to them.
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

// ScalingsOf are the scalings of some pools, newest first.
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
