package queue

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

const (
	// pastEvery is how often the history is read for updates that are too old to be in a reading of the stack, and
	// pastTimeout is how long that may take.
	pastEvery   = time.Minute
	pastTimeout = 2 * time.Minute
	// keepPast is the age up to which updates are kept in memory. Nobody asks for older ones.
	keepPast = 8 * 24 * time.Hour
)

// past has the newest updates, as far back as they have been read. The queue's mu guards it.
type past struct {
	// updates have no gap between them. complete says that there are no older ones.
	updates  []scale.Update
	complete bool
	// rules are the rules by which the updates were read: the updates have counts only for the pools of these rules.
	rules scale.Rules
	// readAt is when a reading of older updates last began, and reading says that one is under way.
	readAt  time.Time
	reading bool
}

// Past returns the updates since a moment, newest first, and the rules by which the updates were read. Older updates
// may follow. Both are nil before the stack has been read. It does not wait: updates that are too old to be in a
// reading of the stack are read in the background, so that a later call returns them.
func (q *Queue) Past(since time.Time) ([]scale.Update, scale.Rules) {
	q.mu.Lock()
	defer q.mu.Unlock()
	snap := q.known.snap
	if snap == nil {
		return nil, nil
	}
	q.past.follow(snap, q.now())
	p := &q.past
	if now := q.now(); !p.complete && !scale.ReachBack(p.updates, since) && !p.reading && now.Sub(p.readAt) >= pastEvery && q.lifetime.Err() == nil {
		p.reading, p.readAt = true, now
		q.background.Go(func() { q.readPast(snap.Rules, since) })
	}
	return p.updates, p.rules
}

// readPast reads the history back to a moment. One such reading runs at a time.
func (q *Queue) readPast(rules scale.Rules, since time.Time) {
	ctx, cancel := context.WithTimeout(q.lifetime, pastTimeout)
	defer cancel()
	var found past
	select {
	case q.reaching <- struct{}{}:
		if leave, err := q.Occupy(ctx); err == nil {
			updates, complete, err := q.scaler.UpdatesSince(ctx, rules, since)
			if err == nil { // otherwise a later call of Past tries again
				found = past{updates: updates, complete: complete, rules: rules}
			}
			leave()
		}
		<-q.reaching
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	found.readAt = q.past.readAt
	if found.rules != nil {
		q.past = found
	}
	q.past.reading = false
}

// follow puts the updates of a reading before the known ones. If that would leave a gap, or if the rules name different
// keys now, it keeps only the updates of the reading.
func (p *past) follow(snap *scale.Snapshot, now time.Time) {
	updates, complete := snap.Updates, snap.Complete
	if n := len(updates); !complete && n > 0 && sameKeys(p.rules, snap.Rules) {
		if at := slices.IndexFunc(p.updates, func(u scale.Update) bool { return sameUpdate(u, updates[n-1]) }); at >= 0 {
			updates, complete = slices.Concat(updates, p.updates[at+1:]), p.complete
		}
	}
	if old := slices.IndexFunc(updates, func(u scale.Update) bool { return now.Sub(u.End) > keepPast }); old >= 0 && old+1 < len(updates) {
		updates, complete = updates[:old+1], false
	}
	p.updates, p.complete, p.rules = updates, complete, snap.Rules
}

func sameUpdate(a, b scale.Update) bool {
	return a.ID == b.ID && a.Kind == b.Kind && a.Start.Equal(b.Start) && a.End.Equal(b.End) && a.Message == b.Message
}

// sameKeys says whether two sets of rules read the same keys of an update's configuration.
func sameKeys(a, b scale.Rules) bool {
	return maps.EqualFunc(a, b, func(x, y scale.Rule) bool { return x.ConfigKey == y.ConfigKey && x.ConfigPath == y.ConfigPath })
}
