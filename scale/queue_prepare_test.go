package scale

import (
	"testing"
	"time"
)

// wantHeadStarts checks how many engines were started before their update was decided, how many of these were used, and that none waits.
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

func TestQueuePreparesTheNextUpdate(t *testing.T) {
	cases := []struct {
		name                     string
		play                     func(r *rig)
		worker, api, updates     int
		preparations, headStarts int
	}{
		{
			name:   "of the only one that waits",
			play:   func(r *rig) { r.wants(FinalScaled, r.accepted(byDelta(2))) },
			worker: 5, api: 2, updates: 1, preparations: 1, headStarts: 1,
		},
		{
			name: "while others that arrive at the same moment are waited for, and in vain where they change it",
			play: func(r *rig) {
				first := r.accepted(byDelta(2))
				time.Sleep(time.Millisecond)
				r.wants(FinalScaled, first, r.accepted(byDelta(1)))
			},
			worker: 6, api: 2, updates: 1, preparations: 1,
		},
		{
			name: "on what an update of ours has just done",
			play: func(r *rig) {
				r.world.rule("worker", func(rule *Rule) { rule.Cooldown = Cooldown{} })
				r.wants(FinalScaled, r.accepted(byDelta(2)))
				r.wants(FinalScaled, r.accepted(byDelta(-1)))
			},
			worker: 4, api: 2, updates: 2, preparations: 2, headStarts: 2,
		},
		{
			name: "of what waited for an update, while the stack is read",
			play: func(r *rig) {
				first := r.accepted(byDelta(2))
				time.Sleep(updateTime / 2)
				r.wants(FinalScaled, first, r.accepted(byDelta(1)))
			},
			worker: 6, api: 2, updates: 2, preparations: 2, headStarts: 2,
		},
		{
			name: "in vain where somebody else has scaled the pool",
			play: func(r *rig) {
				r.world.somebody("worker", 7)
				r.wants(FinalScaled, r.accepted(byDelta(1)))
			},
			worker: 8, api: 2, updates: 1, preparations: 1,
		},
		{
			name: "in vain where the pool has been scaled already",
			play: func(r *rig) {
				r.world.somebody("worker", 5)
				r.wants(Final(NoChange), r.accepted(byCountOf(5)))
			},
			worker: 5, api: 2, preparations: 1,
		},
		{
			name: "but not again while somebody else's update runs",
			play: func(r *rig) {
				r.world.set(func() { r.world.foreignUpdate = true })
				id := r.accepted(byDelta(1))
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
				r := begin(t, newWorld(t), func(o *QueueOptions) { o.Poll = time.Hour })
				c.play(r)
				time.Sleep(time.Millisecond)
				r.wantCounts(c.worker, c.api, c.updates)
				r.wantHeadStarts(c.preparations, c.headStarts)
			})
		})
	}
}

func TestQueueLeavesNothingPreparedWhenItStops(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := begin(t, newWorld(t))
		r.accepted(byDelta(2))
		time.Sleep(time.Millisecond)
		r.stop()
		<-r.stopped
		r.wantHeadStarts(1, 0)
	})
}
