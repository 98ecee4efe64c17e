package stack

import (
	"bytes"
	"context"
	"os"
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/process"
	"github.com/pulumiscale/pulumiscale/scale/stack/storage"
)

// departure is what was found when an update of ours began, and what the update has left.
type departure struct {
	// base is the reading that the update's change was decided on; nil if that reading is not known any more.
	base *scale.Snapshot
	// traces are what the backend showed of the stack at the time `at`, just after the engine had got its lock. known
	// says whether the traces could be read.
	traces traces
	known  bool
	at     time.Time
	// left are the traces after the engine has ended. isNext says whether nothing but this update was written since
	// base was read. addedAt is when the update was added to the history.
	left    traces
	isNext  bool
	addedAt time.Time
	// previous is the head at the time `at`: it identifies the newest completed update. err says why it could not be
	// looked up.
	previous string
	err      error
}

func (s *Stack) departure(change scale.Change) *departure {
	base := s.last.Load()
	if base == nil || base.Head != change.Head || base.Stamp.History != change.History || !bytes.Equal(base.Output, change.Output) {
		base = nil
	}
	return &departure{base: base}
}

// depart notes what the engine found when it began. The engine has the lock now, so its update follows the newest
// completed one. Reading which update that is may take a while, and depart pauses the engine meanwhile.
func (s *Stack) depart(ctx context.Context, d *departure, change scale.Change, engine *os.Process) {
	d.at = time.Now()
	if !s.isInFolder() { // in a folder a look takes next to no time
		process.Pause(engine)
		defer process.Resume(engine)
	}
	d.traces, d.known = s.traces(ctx, "")
	if d.known && change.History == d.traces.stamp().History {
		d.previous = change.Head
		return
	}
	process.Pause(engine)
	defer process.Resume(engine)
	d.previous, d.err = s.previous(ctx, change)
}

// elsewhere says whether the update followed a different update than the one that its change was decided on. It returns
// true if that cannot be told: the change is then decided again, with the same result if nobody was faster.
func (d *departure) elsewhere(change scale.Change) bool {
	return d.err != nil || d.previous != change.Head
}

// after returns the snapshot that a reading would find after an update of ours that succeeded; nil if that cannot be
// told, such as when the engine's events do not tell enough or when somebody else has written. The snapshot has a stamp
// if the backend shows that only this update has written since it was decided. The stamp has no State if the events do
// not tell all that matters, because a reading may then find more.
func (s *Stack) after(from *departure, change scale.Change, result scale.Result) *scale.Snapshot {
	base := from.base
	if base == nil || len(base.Unsettled)+len(base.Unverified) > 0 || len(base.Pending) > 0 || len(base.Busy) > 0 || result.Output == nil {
		return nil
	}
	rules, malformed, err := s.rules(result.Output, nil)
	if err != nil || malformed != nil || !sameKeys(base.Rules, rules) {
		return nil
	}
	update, ok := updateOf(change, base.Updates, rules)
	if !ok {
		return nil
	}
	update.Start, update.End = from.at.Truncate(time.Second), time.Now().Truncate(time.Second)
	snap := &scale.Snapshot{
		Rules: rules, Resources: base.Resources, DependsOn: base.DependsOn, Dependencies: base.Dependencies, Protected: base.Protected,
		Complete: base.Complete, Head: result.Head, Output: result.Output,
		Program: base.Program, Config: s.file.DeployedAfter(base.Config, change.Settings),
	}
	if from.left != (traces{}) {
		if !from.isNext {
			return nil // somebody else has written
		}
		snap.Stamp, update.End = from.left.stamp(), from.addedAt.Truncate(time.Second)
		if change.Refresh || !tellAll(result.Steps, rules) {
			snap.Stamp.State = ""
		}
	}
	snap.Updates = append([]scale.Update{update}, base.Updates...)
	if newest := needed(snap.Updates, rules); len(newest) < len(snap.Updates) {
		snap.Updates, snap.Complete = newest, false
	}
	return snap
}

// needed returns the newest of the updates: as many as a reading would need, or up to twice as many. Without that
// limit, the snapshot of a stack that is never read again would gather more and more updates.
func needed(updates []scale.Update, rules scale.Rules) []scale.Update {
	for n := pageSize; n < len(updates); n *= 2 {
		if reachesBack(updates[:n], rules) {
			return slices.Clone(updates[:n])
		}
	}
	return updates
}

// arrive notes what an update that has succeeded has left. The engine writes the state before it adds its update to the
// history. So if somebody's update came after this one, the history has one more update, or the state was written after
// this update was added, or the later update has not written anything yet.
func (s *Stack) arrive(ctx context.Context, d *departure) {
	now, ok := s.traces(ctx, d.traces.newest)
	if !ok {
		return
	}
	var dated bool
	d.left = now
	d.addedAt, dated = storage.AddedAt(now.newest)
	d.isNext = dated && d.known && d.base != nil && d.traces.stamp() == d.base.Stamp && now.history == d.traces.history &&
		now.since == 1 && now.newest > d.traces.newest && !now.written.After(now.addedAt)
}

// leftState returns the [scale.Stamp.State] that the update has left, which has just succeeded. It is empty if the
// backend does not show that State, or shows that somebody else has written since the update was decided.
func (d *departure) leftState() string {
	if !d.isNext {
		return ""
	}
	return d.left.stamp().State
}

// tellAll says whether the steps of an update tell all that a reading would find changed: which resources there are,
// and which of them depend on which. Steps other than updates may change which resources there are. Which of them
// depend on which matters only to targets that are patterns.
func tellAll(steps []scale.ResourceStep, rules scale.Rules) bool {
	for _, rule := range rules {
		if slices.ContainsFunc(rule.Targets, scale.IsPattern) {
			return false
		}
	}
	return !slices.ContainsFunc(steps, func(step scale.ResourceStep) bool { return step.Op != "update" })
}

// updateOf returns the update of a change as the history will show it, without its times. ok is false if the change
// does not set the counts of all rules, or if no earlier update of ours is known. The update is taken to be made by
// whoever made the last update of ours.
func updateOf(change scale.Change, updates []scale.Update, rules scale.Rules) (_ scale.Update, ok bool) {
	values := make(map[string]*string, len(rules))
	for name, rule := range rules {
		at := slices.IndexFunc(change.Settings, func(set scale.Setting) bool { return set.Key == rule.ConfigKey && set.Path == rule.ConfigPath })
		if at < 0 {
			return scale.Update{}, false
		}
		values[name] = change.Settings[at].Value
	}
	own := slices.IndexFunc(updates, func(u scale.Update) bool { return u.Pools != nil })
	if own < 0 {
		return scale.Update{}, false
	}
	return scale.Update{
		Kind: kindUpdate, Succeeded: true, Message: change.Message, By: updates[own].By, ID: change.ID, Pools: change.Pools, Values: values,
		Head: ownHead(change.ID, succeeded), BroughtAlong: change.BringsAlong,
	}, true
}

// sameKeys says whether the rules of two outputs have the same pools, with the same keys.
func sameKeys(a, b scale.Rules) bool {
	return slices.EqualFunc(a.Names(), b.Names(), func(m, n string) bool {
		return m == n && a[m].ConfigKey == b[n].ConfigKey && a[m].ConfigPath == b[n].ConfigPath
	})
}
