package queue

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// A queue whose journal cannot be written is not ready. It knows that before anybody asks for something, and finds out
// by itself when the journal can be written again.
func TestAQueueWhoseDiskIsFullIsNotReady(t *testing.T) {
	full := &JournalError{Err: errors.New("no space left on device")}
	inBubble(t, func(t *testing.T) {
		r := begin(t, newWorld(t))
		ready := func(want bool) {
			t.Helper()
			err := r.Ready()
			if (err == nil) != want || (r.Overview().Unready == nil) != want {
				t.Errorf("ready: %v, want %v; in the overview: %v", err, want, r.Overview().Unready)
			}
			if err != nil && !errors.Is(err, full) {
				t.Error(err)
			}
		}
		ready(true)
		r.journal.fail(full)
		time.Sleep(probeEvery + time.Second)
		ready(false) // nobody has asked for anything
		r.journal.fail(nil)
		time.Sleep(probeSoon + time.Second)
		ready(true)

		r.journal.fail(full)
		if _, err := r.Submit(context.Background(), []scale.Intent{scaletest.ToCount(5)}); !errors.Is(err, full) {
			t.Errorf("accepted: %v", err)
		}
		ready(false) // at once
		time.Sleep(10 * time.Minute)
		ready(false)
		r.journal.fail(nil)
		time.Sleep(probeSoon + time.Second)
		ready(true)
		r.wants(FinalScaled, r.accepted(scaletest.ToCount(5)))
		if failed, mended := count[JournalFailed](r), count[JournalMended](r); failed != 1 || mended != 2 {
			t.Errorf("told %d times that it failed and %d times that it is mended", failed, mended)
		}
	})
}

// Something small may find room on a full disk. That does not make the queue ready: a probe does.
func TestASmallWriteDoesNotMakeReady(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := begin(t, newWorld(t))
		r.journal.set(func(m *memory) { m.probeErr = errors.New("no space left on device") })
		time.Sleep(probeEvery + time.Second)
		r.wants(FinalScaled, r.accepted(scaletest.ToCount(5)))
		if r.Ready() == nil {
			t.Error("ready")
		}
	})
}

// However often senders try, and whatever comes of it, there are few probes of the disk.
func TestProbesAreFew(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := begin(t, newWorld(t))
		probes := func() (n int) {
			r.journal.set(func(m *memory) { n = m.probes })
			return n
		}
		before := probes()
		r.journal.fail(&JournalError{Err: errors.New("no space left on device")})
		for range 600 {
			_, _ = r.Submit(context.Background(), []scale.Intent{scaletest.ToCount(5)})
			time.Sleep(100 * time.Millisecond)
		}
		if got := probes() - before; got < 20 || got > 40 {
			t.Errorf("%d probes in a minute", got)
		}
	})
}

// count is how many events of a kind there were.
func count[E scale.Event](r *rig) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if _, ok := e.(E); ok {
			n++
		}
	}
	return n
}
