package cmd

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// notifier passes signals on to a channel until stop is called. In tests something else takes the place of the
// system's.
type notifier func(chan<- os.Signal) (stop func())

// signalLoop answers signals, one after the other, in a goroutine of its own.
type signalLoop struct {
	// end answers a signal that wants the command to end, and hangUp a SIGHUP.
	end, hangUp func()
	// tick answers ticks, of which there are none if the channel is nil.
	ticks <-chan time.Time
	tick  func()
}

// start answers signals until stop is called. When stop returns, nothing is being answered any more.
func (l signalLoop) start(notifyEnd, notifyHangup notifier) (stop func()) {
	ends, hangups, done := make(chan os.Signal, 4), make(chan os.Signal, 1), make(chan struct{})
	quiet, quietHangup := notifyEnd(ends), notifyHangup(hangups)
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			select {
			case <-ends:
				l.end()
			case <-hangups:
				l.hangUp()
			case <-l.ticks:
				l.tick()
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

// interrupts answers the signals that want a command to end. The first one lets a running update finish and stops
// everything else. The second one interrupts the update; the engine still ends the operations that run. Further ones
// change nothing. A terminal that is gone is like a first signal, and never like a second one: whoever closes a
// terminal does not mean the update.
//
// The goroutine of the signal loop, the scaler's events and the command itself write and read signals, updating, hungUp
// and asking, under mu.
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
func (i *interrupts) watch(notify, notifyHangup notifier) (stop func()) {
	return signalLoop{end: i.end, hangUp: i.hangUp}.start(notify, notifyHangup)
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

// end answers a signal to end.
func (i *interrupts) end() {
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

// serveSignals answers signals while serving. The first signal to end stops accepting, and the second one interrupts a
// running update gently. SIGHUP asks for a reload. If it comes because the terminal on which the server was started is
// gone, it also stops accepting.
//
// The goroutine of the signal loop alone reads and writes until and ends.
type serveSignals struct {
	stop context.CancelFunc
	log  *slog.Logger
	// engine is closed by the second signal to end.
	engine chan struct{}
	reload chan struct{}
	// gone says whether the terminal is gone. checks has it asked for a while after each SIGHUP, until a time.
	gone   func() bool
	checks *time.Ticker
	until  time.Time
	// ends is how many signals to end have come.
	ends int
}

// A terminal sends SIGHUP to its shell a little before it is gone, and the shell passes the signal on.
const (
	hangupCheck = 200 * time.Millisecond
	hangupWait  = 5 * time.Second
)

func newServeSignals(stop context.CancelFunc, log *slog.Logger, gone func() bool) *serveSignals {
	s := &serveSignals{stop: stop, log: log, engine: make(chan struct{}), reload: make(chan struct{}, 1), gone: gone, checks: time.NewTicker(hangupCheck)}
	s.checks.Stop()
	return s
}

// watch answers signals until stop is called.
func (s *serveSignals) watch(notify notifier) (stop func()) {
	return signalLoop{end: s.end, hangUp: s.hangUp, ticks: s.checks.C, tick: s.checkTerminal}.start(notify, notifyReload)
}

// hangUp asks for a reload, and has checkTerminal called for a while.
func (s *serveSignals) hangUp() {
	select {
	case s.reload <- struct{}{}:
	default: // one is asked for already
	}
	s.checks.Reset(hangupCheck)
	s.until = time.Now().Add(hangupWait)
}

// checkTerminal stops accepting if the terminal is gone.
func (s *serveSignals) checkTerminal() {
	if s.gone() {
		s.log.Info("the terminal is gone; a running update will be finished")
		s.stop()
		s.checks.Stop()
	} else if time.Now().After(s.until) {
		s.checks.Stop()
	}
}

// end answers a signal to end.
func (s *serveSignals) end() {
	switch s.ends++; s.ends {
	case 1:
		s.log.Info("a running update will be finished; a second signal interrupts it")
		s.stop()
	case 2:
		s.log.Warn("interrupting the update; operations that run are still finished")
		close(s.engine)
	default:
		s.log.Warn("already interrupting; killing the engine would leave the stack locked")
	}
}
