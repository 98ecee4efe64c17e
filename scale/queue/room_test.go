package queue

import (
	"fmt"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/room"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// inRoom shares a room with others.
func inRoom(r *room.Room) func(*Options) { return func(o *Options) { o.Room = r } }

func TestAStormOnOneStackLetsTheOthersHaveTheirTurn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		engines := room.New(1, time.Hour)
		restless := newWorld(t)
		restless.rule("worker", func(r *scale.Rule) { r.Cooldown = scale.Cooldown{} })
		stormy := begin(t, restless, inRoom(engines))
		var calm []*rig
		for range 3 {
			calm = append(calm, begin(t, newWorld(t), inRoom(engines)))
		}
		var storm []string
		var checks []func()
		for n := range 4 { // each while the one before is carried out, so that each needs an update of its own
			storm = append(storm, stormy.accepted(scaletest.ByDelta(1)))
			time.Sleep(updateTime / 2)
			if n == 0 {
				began := time.Now()
				for i, r := range calm {
					id := r.accepted(scaletest.ByDelta(1))
					checks = append(checks, func() {
						op := r.result(id)
						if most := time.Duration(i+2) * (updateTime + 4*time.Second); op.EndedAt.Sub(began) > most {
							t.Errorf("calm stack %d waited %s, more than its turn after one batch of each other: %s", i, op.EndedAt.Sub(began), most)
						}
						r.wants(FinalScaled, id)
					})
				}
			}
		}
		for _, check := range checks {
			check()
		}
		for _, id := range storm {
			stormy.wants(FinalScaled, id)
		}
		if use := engines.Use(); use.Held > 1 {
			t.Errorf("%+v", use)
		}
	})
}

func TestNeverMoreEnginesThanThereIsRoomFor(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const places, stacks = 2, 6
		engines := room.New(places, time.Hour)
		var rigs []*rig
		var ids []string
		for range stacks {
			r := begin(t, newWorld(t), inRoom(engines))
			rigs, ids = append(rigs, r), append(ids, r.accepted(scaletest.ByDelta(2)))
		}
		most, began := 0, time.Now()
		for time.Since(began) < stacks*2*updateTime {
			at := 0
			for _, r := range rigs {
				r.world.mu.Lock()
				if r.world.running {
					at++
				}
				r.world.mu.Unlock()
			}
			most = max(most, at)
			time.Sleep(100 * time.Millisecond)
		}
		if most != places {
			t.Errorf("%d engines ran at once, with room for %d", most, places)
		}
		for i, r := range rigs {
			r.wants(FinalScaled, ids[i])
		}
		if use := engines.Use(); use != (room.Use{Places: places}) {
			t.Errorf("places were not given back: %+v", use)
		}
	})
}

func TestAStackWhoseEngineHangsHoldsUpNoOther(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		engines := room.New(1, 3*time.Second) // an update takes longer, and is not heard of
		hangs, other := begin(t, newWorld(t), inRoom(engines)), begin(t, newWorld(t), inRoom(engines))
		first := hangs.accepted(scaletest.ByDelta(1))
		time.Sleep(time.Second)
		began := time.Now()
		second := other.accepted(scaletest.ByDelta(1))
		if took := other.result(second).StartedAt.Sub(began); took > 5*time.Second {
			t.Errorf("it was begun after %s", took)
		}
		hangs.wants(FinalScaled, first)
	})
}

func TestACancelledWaitForRoomEnds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		engines := room.New(1, time.Hour)
		taken, err := engines.Enter(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		r := begin(t, newWorld(t), inRoom(engines))
		id := r.accepted(scaletest.ByDelta(1))
		time.Sleep(time.Minute)
		if op, err := r.Operation(id); err != nil || op.State != Accepted {
			t.Fatalf("%+v, %v", op, err)
		}
		if _, err := r.Cancel(id); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if r.place.Load() != nil {
			t.Error("it waits for room that nothing needs")
		}
		again := r.accepted(scaletest.ByDelta(2))
		r.stop()
		<-r.stopped
		if use := engines.Use(); use.Waiting != 0 {
			t.Errorf("it waits after its end: %+v", use)
		}
		taken.Leave()
		r.journal.wantOpen(t, again)
	})
}

func TestOneOfManyStacksIsReadOnlyWhenItIsNeeded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		r := start(t, w, newMemory(), func(o *Options) { o.Unhurried = func() float64 { return 1000 } })
		time.Sleep(time.Second)
		if n := w.readings(); n > 1 { // its turn may come at any moment
			t.Errorf("it was read %d times at the start", n)
		}
		r.wants(FinalScaled, r.accepted(scaletest.ByDelta(1)))
		before := w.readings()
		time.Sleep(4 * time.Hour) // the first waits are less than a thousand times half a minute
		if n := w.readings() - before; n > 2 {
			t.Errorf("it was read %d times in four hours", n)
		}
	})
}

// wantOpen checks which operations the journal has as not done.
func (m *memory) wantOpen(t *testing.T, ids ...string) {
	t.Helper()
	open, err := m.Open()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, op := range open {
		got = append(got, op.ID)
	}
	if fmt.Sprint(got) != fmt.Sprint(ids) {
		t.Errorf("open are %v, want %v", got, ids)
	}
}
