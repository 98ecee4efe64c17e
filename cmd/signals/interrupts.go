package signals

import (
	"context"
	"sync"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Interrupts answers the signals that want a command to end. The first one lets a running update finish and stops
// everything else. The second one interrupts the update; the engine still finishes the resource operations that run.
// Further signals change nothing. A terminal that is gone is like a first signal, and never like a second one: whoever
// closes a terminal does not mean to interrupt the update.
//
// mu guards signals, updating, hungUp and asking. The goroutine of the signal loop, the scaler's events and the command
// itself read and write them.
type Interrupts struct {
	cancel context.CancelFunc
	note   func(string)
	// Engine is closed by the second signal.
	Engine chan struct{}

	mu       sync.Mutex
	signals  int
	updating bool
	hungUp   bool
	// asking says that a question is open. A note would then be in the way of the question.
	asking bool
}

// NewInterrupts returns interrupts that stop a command by calling cancel, and tell the user by calling note.
func NewInterrupts(cancel context.CancelFunc, note func(string)) *Interrupts {
	return &Interrupts{cancel: cancel, note: note, Engine: make(chan struct{})}
}

// Watch answers signals until stop is called.
func (i *Interrupts) Watch(notify, notifyHangup Notifier) (stop func()) {
	return Loop{End: i.end, HangUp: i.hangUp}.Start(notify, notifyHangup)
}

// hangUp is called when the terminal is gone.
func (i *Interrupts) hangUp() {
	i.mu.Lock()
	i.hungUp = true
	updating := i.updating
	i.mu.Unlock()
	if updating {
		i.note("the terminal is gone; the update goes on and will be finished")
	}
	i.cancel()
}

// Observe keeps track of whether an update runs. A retry means that none runs: an update that has begun is never
// retried.
func (i *Interrupts) Observe(event scale.Event) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch e := event.(type) {
	case scale.EngineStarted:
		i.updating = i.updating || !e.Preview
	case scale.Retrying:
		i.updating = false
	}
}

// Ask notes that a question is open, or is not open any more.
func (i *Interrupts) Ask(open bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asking = open
}

// end answers a signal to end.
func (i *Interrupts) end() {
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
		close(i.Engine)
	default:
		i.note("already interrupting; killing the engine would leave the stack locked")
	}
}

// Explain returns an [*InterruptedError] in place of an error if the user interrupted the command, or closed its
// terminal, before an update had begun. Otherwise it returns err.
func (i *Interrupts) Explain(err error) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err == nil || i.signals == 0 && !i.hungUp || i.updating {
		return err
	}
	return &InterruptedError{}
}

// InterruptedError says that the user interrupted a command before it scaled anything.
type InterruptedError struct{}

func (e *InterruptedError) Error() string { return "interrupted: nothing was scaled" }

// Kind returns a kind that only this error has.
func (*InterruptedError) Kind() scale.Kind { return "interrupted" }
