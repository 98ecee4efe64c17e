package cmd

import (
	"context"
	"os"
	"sync"

	"github.com/pulumiscale/pulumiscale/scale"
)

// interrupts answers the signals that want a command to end. The first one lets a running update finish and stops
// everything else. The second one interrupts the update; the engine still ends the operations that run. Further ones
// change nothing. A terminal that is gone is like a first signal, and never like a second one: whoever closes a
// terminal does not mean the update.
//
// The goroutine of watch, the scaler's events and the command itself write and read signals, updating, hungUp and
// asking, under mu.
type interrupts struct {
	cancel context.CancelFunc
	note   func(string)
	// engine is closed by the second signal.
	engine chan struct{}

	mu       sync.Mutex
	signals  int
	updating bool
	hungUp   bool
	// asking says that a question is open. A note would be in its way then.
	asking bool
}

func newInterrupts(cancel context.CancelFunc, note func(string)) *interrupts {
	return &interrupts{cancel: cancel, note: note, engine: make(chan struct{})}
}

// watch answers signals until stop is called.
func (i *interrupts) watch(notify, notifyHangup func(chan<- os.Signal) (stop func())) (stop func()) {
	signals, hangups, done := make(chan os.Signal, 4), make(chan os.Signal, 1), make(chan struct{})
	quiet, quietHangup := notify(signals), notifyHangup(hangups)
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			select {
			case <-signals:
				i.signal()
			case <-hangups:
				i.hangUp()
			case <-done:
				return
			}
		}
	})
	return func() {
		quiet()
		quietHangup()
		close(done)
		ended.Wait()
	}
}

// hangUp answers that the terminal is gone.
func (i *interrupts) hangUp() {
	i.mu.Lock()
	i.hungUp = true
	updating := i.updating
	i.mu.Unlock()
	if updating {
		i.note("the terminal is gone; the update goes on and will be finished")
	}
	i.cancel()
}

// observe keeps track of whether an update runs. What is retried is never an update that has begun.
func (i *interrupts) observe(event scale.Event) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch e := event.(type) {
	case scale.EngineStarted:
		i.updating = i.updating || !e.Preview
	case scale.Retrying:
		i.updating = false
	}
}

// ask notes that a question is open, or is not open any more.
func (i *interrupts) ask(open bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asking = open
}

// signal answers a signal.
func (i *interrupts) signal() {
	i.mu.Lock()
	i.signals++
	n, updating, asking := i.signals, i.updating, i.asking
	i.mu.Unlock()
	switch {
	case n == 1 && updating:
		i.note("the update goes on and will be finished; press Ctrl-C again to interrupt it")
		i.cancel()
	case n == 1:
		if !asking {
			i.note("stopping")
		}
		i.cancel()
	case n == 2:
		i.note("interrupting the update; operations that run are still finished")
		close(i.engine)
	default:
		i.note("already interrupting; killing the engine would leave the stack locked")
	}
}

// explain is what an error means if the user interrupted. Before an update has begun it means that nothing was scaled.
func (i *interrupts) explain(err error) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err == nil || i.signals == 0 && !i.hungUp || i.updating {
		return err
	}
	return &interruptedError{}
}
