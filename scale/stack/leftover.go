package stack

import (
	"context"
	"maps"
	"os/user"
	"path/filepath"
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/process"
	"github.com/pulumiscale/pulumiscale/scale/stack/statedir"
)

// left returns the records of the stack's updates whose engine has ended, and the engines that still run. A prepared
// engine that waits for its configuration is in neither list, because it does nothing.
func (s *Stack) left() (ended []*statedir.Record, busy []scale.LockHolder) {
	for _, r := range s.dir.Records() {
		switch {
		case r.HasEnded():
			ended = append(ended, r)
		case !process.IsGate(s.copyIn(r.Dir)):
			busy = append(busy, scale.LockHolder{User: userName(), Host: r.Host, PID: r.PID, Since: r.Started})
		}
	}
	return ended, busy
}

func userName() string {
	who, err := user.Current()
	if err != nil {
		return "unknown"
	}
	return who.Username
}

// lingerTime is how long an engine's plugins may go on with their work after the engine's last sign of life.
// lingerInterval is how often [Stack.outlast] looks whether they still run.
const (
	lingerTime     = 5 * time.Second
	lingerInterval = 50 * time.Millisecond
)

// outlast gives the plugins of dead engines up to lingerTime to finish their work, and then ends those that still run.
// Left alone they may run for ever, and one that still changed resources would get in the way of the next update.
func (s *Stack) outlast(ctx context.Context) error {
	for _, r := range s.dir.Records() {
		for deadline := r.LastSign().Add(lingerTime); r.Lingers() && time.Until(deadline) > 0; {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(min(lingerInterval, time.Until(deadline))):
			}
		}
		if r.Lingers() {
			process.EndPlugins(r.Tie())
		}
	}
	return nil
}

// Conclude brings the records up to date after a successful update of ours. id is the mark of the update, and results
// say what was found of each pool after it. Nothing else ends a doubt about a pool.
func (s *Stack) Conclude(id string, results []scale.MoveResult) {
	var proved []string
	unverified := map[string]scale.Doubt{}
	for _, r := range results {
		if r.Unverified == "" || r.Pending { // the state itself tells every machine of a pending operation
			proved = append(proved, r.Pool)
		} else {
			unverified[r.Pool] = scale.Doubt{From: r.From, To: r.To, Reason: r.Unverified, Stays: r.Stays}
		}
	}
	doubted := map[string]bool{}
	for _, r := range s.dir.Records() {
		if !r.HasEnded() {
			continue
		}
		for _, pool := range r.Doubted {
			doubted[pool] = !slices.Contains(proved, pool)
		}
		cleared := r.Clear(proved)
		for pool := range unverified { // the doubt is written anew below
			if _, old := r.Unverified[pool]; old {
				delete(r.Unverified, pool)
				cleared = true
			}
		}
		switch {
		case !cleared:
		case !r.HasDoubts() && (r.ID != id && len(r.Pools) == 0 || r.ID == id && !r.Unclean): // an older update's lock is gone
			r.Remove()
		default:
			_ = r.Save() // if that fails, the old record brings a pool once more to the count that the pool has
		}
	}
	maps.DeleteFunc(unverified, func(pool string, _ scale.Doubt) bool { return doubted[pool] })
	if len(unverified) == 0 {
		return
	}
	if r, err := s.dir.NewRecord(id, nil); err == nil { // else only the caller knows of the doubts
		r.Unverified = unverified
		_ = r.Save()
	}
}

// unverified returns, by pool, the doubts that updates of ours have left although the updates succeeded.
func unverified(ended []*statedir.Record, entries []entry, rules scale.Rules) map[string]scale.Doubt {
	var out map[string]scale.Doubt
	for _, r := range ended {
		for pool, d := range r.Unverified {
			rule, known := rules[pool]
			if !known || rule.Current != nil && *rule.Current == d.To {
				continue
			}
			d.Since = isFollowed(r, entries, pool)
			if out == nil {
				out = map[string]scale.Doubt{}
			}
			out[pool] = d
		}
	}
	return out
}

// isFollowed says whether an update that may have changed the pool succeeded after the record's update. Such an update
// is somebody's, or an update of ours that scaled this pool from a different machine. The entries are the newest of the
// history.
func isFollowed(r *statedir.Record, entries []entry, pool string) bool {
	at := slices.IndexFunc(entries, func(e entry) bool { return e.id() == r.ID })
	if at < 0 {
		at = len(entries)
	}
	return slices.ContainsFunc(entries[:at], func(e entry) bool {
		_, pools, ours := e.decidedOn()
		return e.Kind == kindUpdate && e.Result == succeeded && (!ours || slices.Contains(pools, pool))
	})
}

// eventsOf reads what the engine of the record's update told of its work.
func eventsOf(r *statedir.Record) (*follower, error) {
	f := newFollower("", "", scale.Unobserved)
	ended := make(chan struct{})
	close(ended)
	err := f.follow(filepath.Join(r.Dir, statedir.EventFile), ended)
	return f, err
}

// hasBegun says whether the record's engine may have begun its work.
func hasBegun(r *statedir.Record) bool {
	f, err := eventsOf(r)
	return err != nil || f.hasBegun
}

// isInDoubt says whether an ended update may have left its pools between two counts: it began, it did not succeed, and
// it is not proved that it changed nothing. The entries are the history, or its newest part.
func isInDoubt(r *statedir.Record, entries []entry) bool {
	f, err := eventsOf(r)
	if err != nil {
		return true
	}
	at := slices.IndexFunc(entries, func(e entry) bool { return e.id() == r.ID })
	switch {
	case !f.hasBegun:
		return false
	case at < 0: // the update was cut off, and perhaps its last events with it
		return true
	}
	return entries[at].Result != succeeded && len(f.result.Steps) > 0
}

// unsettled returns the names of the pools that ended updates have left in doubt.
func (s *Stack) unsettled(ended []*statedir.Record, entries []entry, rules scale.Rules) []string {
	var out []string
	for _, r := range ended {
		pools := r.Doubted
		if len(r.Pools) > 0 && isInDoubt(r, entries) {
			pools = slices.Concat(pools, r.Pools)
		}
		for _, pool := range pools {
			if _, ok := rules[pool]; ok {
				out = append(out, pool)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// settle takes the record's pools out of older records. The record's update has had the stack to itself, so from now on
// this record alone says whether its pools are in doubt. It therefore inherits the doubts of the older records about
// them.
func (s *Stack) settle(r *statedir.Record) {
	for _, other := range s.dir.Records() {
		if other.Dir == r.Dir || !other.HasEnded() {
			continue
		}
		r.Inherit(other)
		if len(r.Doubted)+len(r.Unverified) > 0 && r.Save() != nil {
			continue // then the older record must go on telling of the doubts
		}
		cleared := other.Clear(r.Pools)
		switch {
		case len(other.Pools) == 0 && !other.HasDoubts():
			other.Remove()
		case cleared:
			_ = other.Save() // if that fails, the old record brings a pool once more to the count that the pool has
		}
	}
}
