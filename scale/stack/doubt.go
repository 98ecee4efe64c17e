package stack

import (
	"maps"
	"slices"

	"github.com/pulumiscale/pulumiscale/scale"
)

// inherit takes over from an older record what is not known of the pools that this record's update moves. They stay in
// doubt until it is proved that the update has settled them, whatever becomes of the record.
func (r *record) inherit(older *record) {
	for _, pool := range r.Pools {
		if slices.Contains(older.Doubted, pool) && !slices.Contains(r.Doubted, pool) {
			r.Doubted = append(r.Doubted, pool)
		}
		if d, ok := older.Unverified[pool]; ok && r.Unverified[pool].Reason == "" {
			if r.Unverified == nil {
				r.Unverified = map[string]scale.Doubt{}
			}
			r.Unverified[pool] = d
		}
	}
}

// doubts says whether the record has doubts that do not end with its update.
func (r *record) doubts() bool { return len(r.Doubted)+len(r.Unverified) > 0 }

// clear takes out pools that are proved, and says whether there was anything to take out.
func (r *record) clear(proved []string) (cleared bool) {
	isProved := func(pool string) bool { return slices.Contains(proved, pool) }
	before := len(r.Pools) + len(r.Doubted) + len(r.Unverified)
	r.Pools = slices.DeleteFunc(r.Pools, isProved)
	r.Doubted = slices.DeleteFunc(r.Doubted, isProved)
	maps.DeleteFunc(r.Unverified, func(pool string, _ scale.Doubt) bool { return isProved(pool) })
	return len(r.Pools)+len(r.Doubted)+len(r.Unverified) < before
}

// Conclude takes in what was found of an update of ours that has succeeded. Nothing else ends a doubt about a pool.
func (s *Stack) Conclude(id string, results []scale.MoveResult) {
	var proved []string
	unverified := map[string]scale.Doubt{}
	for _, r := range results {
		if r.Unverified == "" || r.Pending { // the state tells of that, on every machine
			proved = append(proved, r.Pool)
		} else {
			unverified[r.Pool] = scale.Doubt{From: r.From, To: r.To, Reason: r.Unverified, Stays: r.Stays}
		}
	}
	doubted := map[string]bool{}
	for _, r := range s.records() {
		if !r.ended() {
			continue
		}
		for _, pool := range r.Doubted {
			doubted[pool] = !slices.Contains(proved, pool)
		}
		cleared := r.clear(proved)
		for pool := range unverified { // it is told anew below
			if _, old := r.Unverified[pool]; old {
				delete(r.Unverified, pool)
				cleared = true
			}
		}
		switch {
		case !cleared:
		case !r.doubts() && (r.ID != id && len(r.Pools) == 0 || r.ID == id && !r.Unclean): // a lock of an older one is gone
			r.remove()
		default:
			_ = r.save() // as it was, it brings a pool once more to the count that it has
		}
	}
	maps.DeleteFunc(unverified, func(pool string, _ scale.Doubt) bool { return doubted[pool] })
	if len(unverified) == 0 {
		return
	}
	if r, err := s.newRecord(id, nil); err == nil { // else it is known to this process's caller alone
		r.Unverified = unverified
		_ = r.save()
	}
}

// unverified are the doubts, by pool, that updates of ours have left although they succeeded.
func unverified(ended []*record, entries []entry, rules scale.Rules) map[string]scale.Doubt {
	var out map[string]scale.Doubt
	for _, r := range ended {
		for pool, d := range r.Unverified {
			rule, known := rules[pool]
			if !known || rule.Current != nil && *rule.Current == d.To {
				continue
			}
			d.Since = r.isFollowed(entries, pool)
			if out == nil {
				out = map[string]scale.Doubt{}
			}
			out[pool] = d
		}
	}
	return out
}

// isFollowed says whether another update that may have changed what is true of a pool succeeded after the record's
// update. That is somebody's, or one of ours, of the pool, that another machine has made. The entries are the newest of
// the history.
func (r *record) isFollowed(entries []entry, pool string) bool {
	at := slices.IndexFunc(entries, func(e entry) bool { return e.id() == r.ID })
	if at < 0 {
		at = len(entries)
	}
	return slices.ContainsFunc(entries[:at], func(e entry) bool {
		_, pools, ours := e.decidedOn()
		return e.Kind == kindUpdate && e.Result == succeeded && (!ours || slices.Contains(pools, pool))
	})
}
