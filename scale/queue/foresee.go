package queue

import (
	"maps"
	"strconv"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// foreseen is what a reading should find after the batch's update, as far as pools are decided by it. It is the stack
// as it was read just before, with what the report says was done. It is nil if that cannot be said: not all went well,
// another update came in between, something is not proved or was left in between, or there are no valid rules.
func (b *batch) foreseen(report *scale.Report, err error, now time.Time) *scale.Snapshot {
	change := report.Change
	if !b.didAsDecided(report, err) || b.base == nil || b.base.RulesErr != nil || len(b.base.Unsettled)+len(b.base.Unverified) > 0 || change.Head != b.base.Head {
		return nil
	}
	snap := *b.base
	snap.Rules, snap.File, snap.Head = maps.Clone(snap.Rules), maps.Clone(snap.File), report.Head
	snap.Output, snap.Stamp, snap.Written = report.Output, scale.Stamp{}, time.Time{}
	values := map[string]*string{}
	for name := range snap.Rules {
		values[name] = snap.Configured(name)
	}
	for _, r := range report.Results {
		text := strconv.Itoa(r.To)
		values[r.Pool], snap.File[r.Pool] = &text, &text
		rule := snap.Rules[r.Pool]
		if rule.Current != nil {
			rule.Current = r.Current
		}
		snap.Rules[r.Pool] = rule
	}
	snap.Updates = append([]scale.Update{{
		Kind: scale.UpdateUpdate, Succeeded: true, Start: now.Add(-report.Duration), End: now, Message: change.Message,
		ID: change.ID, Pools: change.Pools, Values: values,
	}}, snap.Updates...)
	return &snap
}
