package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/scale/queue/journaltest"
)

// begunBy is an operation as it is once an update has begun it.
func begunBy(op queue.Operation, updates ...string) queue.Operation {
	op.State, op.Updates, op.Update = queue.Running, updates, updates[len(updates)-1]
	return op
}

// An operation is replaced by whoever has begun it last, and by nobody else: not by one who was cut off meanwhile, either.
func TestOnlyWhoHasBegunAnOperationLastReplacesIt(t *testing.T) {
	c := startThree(t)
	a, b := c.nodes[0].Journal("stack"), c.nodes[1].Journal("stack")
	op, other := journaltest.Accepted(1, "worker", ""), journaltest.Accepted(2, "worker", "")
	if _, err := a.Add([]queue.Operation{op, other}); err != nil {
		t.Fatal(err)
	}
	mustReplace := func(j *Journal, op queue.Operation, begun string) {
		t.Helper()
		if err := j.Replace([]queue.Operation{op}, []string{begun}); err != nil {
			t.Fatal(err)
		}
	}
	wantTaken := func(j *Journal, op queue.Operation, begun string) {
		t.Helper()
		taken, ok := errors.AsType[*queue.TakenError](j.Replace([]queue.Operation{other, op}, []string{"", begun}))
		if !ok || !slices.Equal(taken.IDs, []string{op.ID}) {
			t.Errorf("it was replaced, or another one was taken: %v", taken)
		}
	}
	mustReplace(a, begunBy(op, "first"), "")
	mustReplace(a, begunBy(op, "first"), "first") // once more, which says that it is still so
	wantTaken(b, begunBy(op, "second"), "")
	mustReplace(b, begunBy(op, "first", "second"), "first")
	until(t, "it has heard of it", func() bool { got, err := a.Get(op.ID); return err == nil && got.Update == "second" })
	wantTaken(a, begunBy(op, "first"), "first")
	wantTaken(a, journaltest.Done(begunBy(op, "first"), journaltest.Noon), "first")

	// The others go on while one is cut off. It finds that out before it writes, and also where it would write nothing: as the
	// leader that it may have been it would be told of old times.
	mustReplace(a, begunBy(other, "one"), "")
	until(t, "the other one has heard of it", func() bool { got, err := b.Get(other.ID); return err == nil && got.Update == "one" })
	c.cut(0)
	until(t, "the others begin", func() bool { return b.Replace([]queue.Operation{begunBy(other, "one", "two")}, []string{"one"}) == nil })
	if err := a.Replace([]queue.Operation{begunBy(other, "one")}, []string{"one"}); err == nil {
		t.Error("who is cut off was told that nobody else is at it")
	}
	ended := journaltest.Done(begunBy(op, "second"), journaltest.Noon)
	until(t, "the others go on", func() bool { return b.Replace([]queue.Operation{ended}, []string{"second"}) == nil })
	for _, begun := range [][]queue.Operation{{begunBy(op, "first")}, {begunBy(op, "first", "third")}} {
		if err := a.Replace(begun, []string{"first"}); err == nil {
			t.Error("who is cut off has replaced it")
		}
	}
	c.mend(0)
	until(t, "it is not cut off any more", func() bool {
		err := a.Replace([]queue.Operation{begunBy(op, "first")}, []string{"first"})
		if err == nil {
			t.Fatal("who was cut off has replaced it")
		}
		return scale.IsA[*queue.TakenError](err)
	})
	mustReplace(b, ended, "second") // once more, since its answer may have been lost
	until(t, "it has heard of the end", func() bool {
		got, err := a.Get(op.ID)
		return err == nil && got.Update == "second" && got.State == queue.Done
	})
}

// What is asked is answered by whoever works on the stack, and what is told is heard by all.
func TestReplicasSpeakToEachOther(t *testing.T) {
	c := startThree(t)
	a, b := c.nodes[0].Journal("stack").Team(), c.nodes[1].Journal("stack").Team()
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := a.Ask(short, []byte("hello")); scale.KindOf(err) != scale.KindUnavailable {
		t.Errorf("nobody answers: %v", err)
	}
	stop, err := b.Serve(func(question []byte) []byte { return append([]byte("b heard: "), question...) })
	if err != nil {
		t.Fatal(err)
	}
	until(t, "it is answered", func() bool {
		answer, err := a.Ask(t.Context(), []byte("hello"))
		return err == nil && string(answer) == "b heard: hello"
	})
	stop()
	heard := make(chan string, 10)
	for i := range 3 {
		stop, err := c.nodes[i].Journal("stack").Team().Listen(func(text []byte) { heard <- fmt.Sprint(i, " ", string(text)) })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
	}
	got := map[string]bool{}
	until(t, "all have heard", func() bool {
		if err := a.Tell([]byte("news")); err != nil {
			t.Fatal(err)
		}
		select {
		case one := <-heard:
			got[one] = true
		default:
		}
		return len(got) == 3
	})
}

// localHolds are what one machine holds.
type localHolds struct {
	mu    sync.Mutex
	holds scale.Holds
}

func (l *localHolds) Holds() (scale.Holds, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.holds, nil
}

func (l *localHolds) ChangeHolds(change func(scale.Holds) scale.Holds) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holds = change(l.holds)
	return nil
}

// A hold is one of all replicas, wherever it is placed, and outlives a restart.
func TestAHoldHoldsOnAllReplicas(t *testing.T) {
	c := startThree(t)
	now := time.Now()
	hold := func(pool, reason string) scale.Hold {
		return scale.Hold{Pool: pool, Since: now, Until: now.Add(time.Hour), Reason: reason, By: "somebody"}
	}
	var keepers [3]*Holds
	local := &localHolds{}
	for i := range keepers {
		keepers[i] = c.nodes[i].Journal("stack").Holds(&localHolds{})
	}
	keepers[2] = c.nodes[2].Journal("stack").Holds(local)
	if err := keepers[0].ChangeHolds(func(h scale.Holds) scale.Holds { return h.With(hold("worker", "a test")) }); err != nil {
		t.Fatal(err)
	}
	byHand := func(scale.Holds) scale.Holds { return scale.Holds{hold("api", "by hand")} } // as `pulumiscale hold` places it on that machine
	if err := local.ChangeHolds(byHand); err != nil {
		t.Fatal(err)
	}
	want := scale.Holds{hold("api", "by hand"), hold("worker", "a test")}
	wanted := func(k *Holds) bool {
		got, err := k.Holds()
		return err == nil && cmp.Equal(got.InForce(now), want, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }))
	}
	for i := range []int{2, 1, 0} {
		until(t, "it holds on each", func() bool { return wanted(keepers[2]) && wanted(keepers[i]) })
	}
	c.kill(1)
	c.start(1)
	c.ready(1)
	again := c.nodes[1].Journal("stack").Holds(&localHolds{})
	until(t, "it holds after a restart", func() bool { return wanted(again) })
	if err := keepers[0].ChangeHolds(func(h scale.Holds) scale.Holds { return h.Without("worker").Without("api") }); err != nil {
		t.Fatal(err)
	}
	until(t, "it is released on each", func() bool { got, err := again.Holds(); return err == nil && len(got) == 0 })
}
