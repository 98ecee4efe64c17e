package room

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// order lets places be taken one after the other, and says in which order they were granted.
func order(t *testing.T, r *Room, asked map[string]*Place, first *Place) []string {
	t.Helper()
	var out []string
	first.Leave()
	for len(out) < len(asked) {
		var granted []string
		for name, p := range asked {
			if p.IsGranted() && !slices.Contains(out, name) {
				granted = append(granted, name)
			}
		}
		if len(granted) != 1 {
			t.Fatalf("after %v these have the one place: %v; %+v", out, granted, r.Use())
		}
		out = append(out, granted[0])
		asked[granted[0]].Leave()
	}
	return out
}

func TestThoseWhoWaitAreServedInTheirOrderAndTheUrgentFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(1, time.Minute)
		first := r.Ask(true)
		if !first.IsGranted() {
			t.Fatal("a free place was not given")
		}
		asked := map[string]*Place{}
		for _, name := range []string{"idle a", "idle b"} {
			asked[name] = r.Ask(false)
		}
		for _, name := range []string{"urgent a", "urgent b"} {
			asked[name] = r.Ask(true)
		}
		if got, want := order(t, r, asked, first), []string{"urgent a", "urgent b", "idle a", "idle b"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if use := r.Use(); use != (Use{Places: 1}) {
			t.Errorf("%+v", use)
		}
	})
}

func TestTheLastFreePlaceIsKeptForTheUrgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(2, time.Minute)
		a, b := r.Ask(false), r.Ask(false)
		if !a.IsGranted() || b.IsGranted() {
			t.Fatalf("%+v", r.Use())
		}
		if c := r.Ask(true); !c.IsGranted() {
			t.Error("the urgent one waits for the idle ones")
		}
		a.Leave()
		if b.IsGranted() {
			t.Error("an idle one took the last place")
		}
	})
}

func TestWhatHangsHoldsUpNobodyForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(1, time.Minute)
		hangs, goesOn := r.Ask(true), r.Ask(true)
		time.Sleep(59 * time.Second)
		if goesOn.IsGranted() {
			t.Error("a place counts as free too early")
		}
		hangs.Heard()
		time.Sleep(59 * time.Second)
		if goesOn.IsGranted() {
			t.Error("the place of one that was heard of counts as free")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !goesOn.IsGranted() {
			t.Errorf("it waits for what hangs: %+v", r.Use())
		}
		if use := r.Use(); use.Held != 2 || use.Silent != 1 {
			t.Errorf("%+v", use)
		}
		hangs.Leave()
		hangs.Leave()
		if use := r.Use(); use.Held != 1 || use.Silent != 0 {
			t.Errorf("%+v", use)
		}
	})
}

func TestTheSilentAreBoundedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(1, time.Second)
		for range 10 {
			r.Ask(true)
			time.Sleep(2 * time.Second)
		}
		if use := r.Use(); use.Held != mostSilent || use.Waiting != 10-mostSilent {
			t.Errorf("%+v", use)
		}
	})
}

func TestWhoGivesUpWaitsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(1, time.Minute)
		first, err := r.Enter(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Enter(ctx, true); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if use := r.Use(); use.Waiting != 0 || use.Held != 1 {
			t.Errorf("%+v", use)
		}
		first.Leave()
	})
}

func TestNoRoomHasPlacesForAll(t *testing.T) {
	var r *Room
	p, err := r.Enter(t.Context(), false)
	if err != nil || !p.IsGranted() {
		t.Error("a place was not given")
	}
	p.Heard()
	p.Leave()
}
