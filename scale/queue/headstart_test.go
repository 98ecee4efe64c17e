package queue

import (
	"context"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// wantHeadStarts checks how many engines were started before their update was decided, how many of these were used, and
// that none waits.
func (r *rig) wantHeadStarts(preparations, headStarts int) {
	r.t.Helper()
	r.world.mu.Lock()
	defer r.world.mu.Unlock()
	if r.world.preparations != preparations || r.world.headStarts != headStarts {
		r.t.Errorf("%d engines were prepared and %d of them used, not %d and %d", r.world.preparations, r.world.headStarts, preparations, headStarts)
	}
	if r.world.prepared != nil {
		r.t.Errorf("an engine still waits for %q", r.world.prepared.Message)
	}
}

func TestHeadStartOfTheNextUpdate(t *testing.T) {
	cases := []struct {
		name                     string
		play                     func(r *rig)
		worker, api, updates     int
		preparations, headStarts int
	}{
		{
			name:   "of the only one that waits",
			play:   func(r *rig) { r.wants(FinalScaled, r.accepted(scaletest.ByDelta(2))) },
			worker: 5, api: 2, updates: 1, preparations: 1, headStarts: 1,
		},
		{
			name: "and another one where one that arrives at the same moment changes it",
			play: func(r *rig) {
				first := r.accepted(scaletest.ByDelta(2))
				time.Sleep(time.Millisecond)
				r.wants(FinalScaled, first, r.accepted(scaletest.ByDelta(1)))
			},
			worker: 6, api: 2, updates: 1, preparations: 2, headStarts: 1,
		},
		{
			name: "but not another one for each of a storm",
			play: func(r *rig) {
				ids := []string{r.accepted(scaletest.ByDelta(2))}
				for range 40 {
					time.Sleep(time.Millisecond)
					ids = append(ids, r.accepted(scaletest.APIDelta(1)))
				}
				for _, id := range ids {
					r.result(id)
				}
			},
			worker: 5, api: 10, updates: 1, preparations: 2, headStarts: 1,
		},
		{
			name: "and ever more seldom while they go on",
			play: func(r *rig) {
				r.world.rule("api", func(rule *scale.Rule) { rule.Max = 1000 })
				if err := r.Reload(context.Background()); err != nil {
					r.t.Fatal(err)
				}
				var ids []string
				for range 190 {
					ids = append(ids, r.accepted(scaletest.APIDelta(1)))
					time.Sleep(time.Millisecond)
				}
				for _, id := range ids {
					r.result(id)
				}
			},
			worker: 3, api: 192, updates: 1, preparations: 5, headStarts: 1,
		},
		{
			name: "on what an update of ours has just done",
			play: func(r *rig) {
				r.world.rule("worker", func(rule *scale.Rule) { rule.Cooldown = scale.Cooldown{} })
				r.wants(FinalScaled, r.accepted(scaletest.ByDelta(2)))
				r.wants(FinalScaled, r.accepted(scaletest.ByDelta(-1)))
			},
			worker: 4, api: 2, updates: 2, preparations: 2, headStarts: 2,
		},
		{
			name: "of what waited for an update, while the stack is read",
			play: func(r *rig) {
				first := r.accepted(scaletest.ByDelta(2))
				time.Sleep(updateTime / 2)
				r.wants(FinalScaled, first, r.accepted(scaletest.ByDelta(1)))
			},
			worker: 6, api: 2, updates: 2, preparations: 2, headStarts: 2,
		},
		{
			name: "in vain where somebody else has scaled the pool",
			play: func(r *rig) {
				r.world.somebody("worker", 7)
				r.wants(FinalScaled, r.accepted(scaletest.ByDelta(1)))
			},
			worker: 8, api: 2, updates: 1, preparations: 1,
		},
		{
			name: "in vain where the pool has been scaled already",
			play: func(r *rig) {
				r.world.somebody("worker", 5)
				r.wants(Final(scale.NoChange), r.accepted(scaletest.ToCount(5)))
			},
			worker: 5, api: 2, preparations: 1,
		},
		{
			name: "but not again while somebody else's update runs",
			play: func(r *rig) {
				r.world.set(func() { r.world.foreignUpdate = true })
				id := r.accepted(scaletest.ByDelta(1))
				time.Sleep(time.Minute)
				r.world.set(func() { r.world.foreignUpdate = false })
				r.wants(FinalScaled, id)
			},
			worker: 4, api: 2, updates: 1, preparations: 1,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := begin(t, newWorld(t), func(o *Options) { o.Poll = time.Hour })
				c.play(r)
				time.Sleep(time.Millisecond)
				r.wantCounts(c.worker, c.api, c.updates)
				r.wantHeadStarts(c.preparations, c.headStarts)
			})
		})
	}
}

func TestHeadStartEndsWithTheQueue(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := begin(t, newWorld(t))
		r.accepted(scaletest.ByDelta(2))
		time.Sleep(time.Millisecond)
		r.stop()
		<-r.stopped
		r.wantHeadStarts(1, 0)
	})
}

// gatherTime is the default of [Options.Gather].
const gatherTime = 100 * time.Millisecond

// The stack is read once, while the queue waits for others that arrive at the same moment.
func TestQueueReadsTheStackAhead(t *testing.T) {
	cases := []struct {
		name            string
		play            func(r *rig)
		worker, updates int
		readings        int
		took, slack     time.Duration
	}{
		{
			name:   "for an update",
			play:   func(r *rig) { r.wants(FinalScaled, r.accepted(scaletest.ByDelta(2))) },
			worker: 5, updates: 1, readings: 1, took: readTime + updateTime,
		},
		{
			name: "for what arrives after the reading has begun too",
			play: func(r *rig) {
				first := r.accepted(scaletest.ByDelta(2))
				time.Sleep(gatherTime / 2)
				r.wants(FinalScaled, first, r.accepted(scaletest.ByDelta(1)))
			},
			worker: 6, updates: 1, readings: 1, took: readTime + updateTime,
		},
		{
			name: "for what arrives until the reading ends",
			play: func(r *rig) {
				first := r.accepted(scaletest.ByDelta(2))
				time.Sleep(readTime - time.Millisecond)
				r.wants(FinalScaled, first, r.accepted(scaletest.ByDelta(1)))
			},
			worker: 6, updates: 1, readings: 1, took: readTime + updateTime,
		},
		{
			name: "and again before it is said that there is nothing to do",
			play: func(r *rig) {
				r.world.somebody("worker", 5)
				id := r.accepted(scaletest.ToCount(5))
				time.Sleep(readTime / 2)
				r.wants(Final(scale.NoChange), id)
			},
			worker: 5, readings: 2, took: 2 * readTime,
		},
		{
			name: "but not while another process is at work in the directory",
			play: func(r *rig) {
				unlock, _, _ := r.world.TryLock()
				id := r.accepted(scaletest.ByDelta(2))
				time.Sleep(gatherTime / 2)
				unlock()
				r.wants(FinalScaled, id)
			},
			worker: 5, updates: 1, readings: 1, took: gatherTime + readTime + updateTime,
		},
		{
			name: "and again where the first reading fails",
			play: func(r *rig) {
				r.world.set(func() { r.world.readErr = &scale.UnavailableError{Detail: "timeout"} })
				id := r.accepted(scaletest.ByDelta(2))
				time.Sleep(readTime + readTime/2)
				r.world.set(func() { r.world.readErr = nil })
				r.wants(FinalScaled, id)
			},
			worker: 5, updates: 1, readings: 2, took: readTime + readTime + updateTime, slack: 3 * time.Second, // the wait before the retry
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := begin(t, newWorld(t), func(o *Options) { o.Poll = time.Hour })
				before, began := r.world.readings(), time.Now()
				c.play(r)
				took := time.Since(began)
				r.wantCounts(c.worker, 2, c.updates)
				if got := r.world.readings() - before; got != c.readings {
					t.Errorf("the stack was read %d times and not %d", got, c.readings)
				}
				if took < c.took || took > c.took+c.slack {
					t.Errorf("it took %s and not %s", took, c.took)
				}
			})
		})
	}
}

// What has been begun is let go if nothing comes of it.
func TestHeadStartGivesTheLockBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := begin(t, newWorld(t), func(o *Options) { o.Gather = time.Hour })
		r.accepted(scaletest.ByDelta(2))
		time.Sleep(time.Minute)
		if _, ok, _ := r.world.TryLock(); ok {
			t.Error("the lock is free while the stack is read ahead")
		}
		r.stop()
		<-r.stopped
		if _, ok, _ := r.world.TryLock(); !ok {
			t.Error("the lock is not free")
		}
		r.wantHeadStarts(1, 0)
	})
}

// Operations that arrive at the same moment are carried out together, and up to a point so is a storm of them.
func TestQueueGathersWhatArrivesTogether(t *testing.T) {
	const (
		gather = 4 * time.Second // longer than a reading takes
		soon   = gather/5 + time.Millisecond
	)
	for _, c := range []struct {
		name     string
		arrivals []time.Duration
		// began is when the first update begins, and together is how many operations it carries out.
		began    time.Duration
		together int
	}{
		{"one", []time.Duration{0}, gather, 1},
		{"two of a moment", []time.Duration{0, gather / 2}, gather, 2},
		{"one at the last moment, which others may follow", []time.Duration{0, gather - time.Millisecond}, gather - time.Millisecond + gather/4, 2},
		{"one a moment later", []time.Duration{0, gather + gather/2}, gather, 1},
		{"a storm", every(soon, gather+gather/2), 7*soon + gather/4, 8},
		{"a storm that does not end", every(soon, 4*gather), 2 * gather, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := begin(t, newWorld(t), func(o *Options) { o.Gather, o.Poll = gather, time.Hour })
				start, last := time.Now(), ""
				for _, at := range c.arrivals {
					time.Sleep(time.Until(start.Add(at)))
					last = r.accepted(scaletest.ByDelta(1))
				}
				r.result(last)
				for _, e := range r.happened() {
					if first, ok := e.(BatchStarted); ok {
						began := first.Operations[0].StartedAt.Sub(start).Round(time.Millisecond)
						if began != c.began || len(first.Operations) != c.together {
							t.Errorf("%d were begun together after %s, and not %d after %s", len(first.Operations), began, c.together, c.began)
						}
						return
					}
				}
				t.Error("nothing was begun")
			})
		})
	}
}

// every lists moments from now on, so far apart, up to an end.
func every(apart, end time.Duration) (out []time.Duration) {
	for at := time.Duration(0); at <= end; at += apart {
		out = append(out, at)
	}
	return out
}
