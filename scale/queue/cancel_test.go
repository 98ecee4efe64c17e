package queue

import (
	"errors"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestQueueCancels(t *testing.T) {
	// Each of these begins with a scaling of the worker pool, whose cooldown lasts five minutes.
	cases := []struct {
		name string
		// waits is what is cancelled, once prepare has taken effect.
		waits   scale.Intent
		prepare func(w *world)
		state   State
	}{
		{"what waits for the cooldown", alarm("A", 6), nil, Deferred},
		{"what waits for another try", scaletest.Forced(scaletest.ByDelta(2)), func(w *world) { w.foreignUpdate = true }, Accepted},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t)
				w.rule("worker", deferring)
				r := begin(t, w)
				r.wants(FinalScaled, r.accepted(scaletest.ByDelta(1)))
				if c.prepare != nil {
					w.set(func() { c.prepare(w) })
				}
				id := r.accepted(keyed(c.waits, "k"))
				time.Sleep(20 * time.Second)
				for range 400 { // it is begun again and again
					if op, err := r.Operation(id); err != nil || op.State == c.state {
						break
					}
					time.Sleep(100 * time.Millisecond)
				}
				op, err := r.Cancel(id)
				if err != nil || op.State != Done || op.Result != FinalCancelled || op.EndedAt.IsZero() || op.To != nil {
					t.Fatalf("it is %+v, %v", op, err)
				}
				kept, err := r.journal.copied().Get(id)
				if err != nil || kept.Result != FinalCancelled {
					t.Errorf("on disk it is %+v, %v", kept, err)
				}
				r.wants(FinalCancelled, id) // whoever waits for it is told
				if again, err := r.Cancel(id); err != nil || !again.EndedAt.Equal(op.EndedAt) {
					t.Errorf("cancelled again it is %+v, %v", again, err)
				}
				if sub := r.submit(keyed(c.waits, "k"))[0]; !sub.Duplicate || sub.Operation.Result != FinalCancelled {
					t.Errorf("the same event is taken for another one: %+v", sub)
				}
				w.set(func() { w.foreignUpdate = false })
				time.Sleep(time.Hour)
				r.wantCounts(4, 2, 1)
			})
		})
	}
}

func TestQueueDoesNotCancel(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		r := begin(t, w)
		refused := func(id, reason string) {
			t.Helper()
			_, err := r.Cancel(id)
			if not, ok := errors.AsType[*NotCancelledError](err); !ok || not.Reason != reason {
				t.Errorf("the error is %v", err)
			}
		}
		id := r.accepted(scaletest.ByDelta(1))
		time.Sleep(updateTime / 2)
		refused(id, "it is being carried out")
		r.wants(FinalScaled, id)
		refused(id, "it is done: scaled")
		if _, err := r.Cancel("nobody"); !errors.As(err, new(*UnknownOperationError)) {
			t.Errorf("the error is %v", err)
		}

		// It is not known yet whether an update that was cut off did what was asked for.
		w.set(func() { w.cutOff, w.lucky = 1, true })
		id = r.accepted(scaletest.APIDelta(1))
		time.Sleep(2 * readTime)
		w.set(func() { w.readErr = &scale.UnavailableError{Detail: "gone"} })
		time.Sleep(updateTime + 10*time.Second)
		for op, _ := r.Operation(id); op.State == Running; op, _ = r.Operation(id) {
			time.Sleep(100 * time.Millisecond)
		}
		refused(id, "an update that was cut off may have carried it out, which is found out first")
		w.set(func() { w.readErr = nil })
		r.wants(FinalScaled, id)
		r.wantCounts(4, 3, 2)
	})
}

// If a cancellation cannot be saved, the operation is not called cancelled, and goes on.
func TestQueueCancelsOnDiskOrNotAtAll(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.rule("worker", deferring)
		r := begin(t, w)
		r.wants(FinalScaled, r.accepted(scaletest.ByDelta(1)))
		id := r.accepted(alarm("A", 6))
		full := &JournalError{Err: errors.New("no space left")}
		r.journal.fail(full)
		if _, err := r.Cancel(id); !errors.Is(err, full) {
			t.Errorf("the error is %v", err)
		}
		r.journal.fail(nil)
		if op, err := r.Operation(id); err != nil || op.State != Deferred {
			t.Errorf("it is %+v, %v", op, err)
		}
		r.wants(FinalScaled, id)
		r.wantCounts(6, 2, 2)
	})
}

// A cancellation and the beginning of the operation at the same moment: one of them wins, and both say so.
func TestQueueCancelsOrBegins(t *testing.T) {
	for _, wait := range []time.Duration{0, 50 * time.Millisecond, 99 * time.Millisecond, 100 * time.Millisecond, 101 * time.Millisecond, time.Second} {
		inBubble(t, func(t *testing.T) {
			r := begin(t, newWorld(t))
			r.journal.updateDelay = 20 * time.Millisecond
			id := r.accepted(scaletest.ByDelta(1))
			time.Sleep(wait)
			if _, err := r.Cancel(id); err == nil {
				r.wants(FinalCancelled, id)
				time.Sleep(time.Minute)
				r.wantCounts(3, 2, 0)
			} else {
				r.wants(FinalScaled, id)
				r.wantCounts(4, 2, 1)
			}
			if open := r.Open(); len(open) > 0 {
				t.Errorf("open are %+v", open)
			}
			time.Sleep(time.Hour)
			if open := r.journal.copied().mustOpen(t); len(open) > 0 {
				t.Errorf("the journal has open %+v", open)
			}
		})
	}
}
