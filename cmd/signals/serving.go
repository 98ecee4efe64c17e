package signals

import (
	"context"
	"log/slog"
	"time"
)

// Serving answers signals while serving. The first signal to end stops accepting, and the second one interrupts a
// running update gently. SIGHUP asks for a reload. If SIGHUP comes because the terminal on which the server was started
// is gone, the server also stops accepting.
//
// Only the goroutine of the signal loop reads and writes the fields until and ends.
type Serving struct {
	stop context.CancelFunc
	log  *slog.Logger
	// Engine is closed by the second signal to end. Reload gets a value for a SIGHUP.
	Engine, Reload chan struct{}
	// gone says whether the terminal is gone. After each SIGHUP, checks ticks until the time until, and gone is called
	// at each tick.
	gone   func() bool
	checks *time.Ticker
	until  time.Time
	// ends is how many signals to end have come.
	ends int
}

// A terminal sends SIGHUP to its shell a little before the terminal is gone, and the shell passes the signal on. So the
// terminal is looked at for a while after a SIGHUP.
const (
	hangupCheck = 200 * time.Millisecond
	hangupWait  = 5 * time.Second
)

// NewServing returns what answers the signals of a server. Calling stop ends the server. gone says whether the terminal
// is gone.
func NewServing(stop context.CancelFunc, log *slog.Logger, gone func() bool) *Serving {
	s := &Serving{stop: stop, log: log, Engine: make(chan struct{}), Reload: make(chan struct{}, 1), gone: gone, checks: time.NewTicker(hangupCheck)}
	s.checks.Stop()
	return s
}

// Watch answers signals until stop is called.
func (s *Serving) Watch(notify Notifier) (stop func()) {
	return Loop{End: s.end, HangUp: s.hangUp, Ticks: s.checks.C, Tick: s.checkTerminal}.Start(notify, NotifyReload)
}

// hangUp asks for a reload, and has checkTerminal called for a while.
func (s *Serving) hangUp() {
	select {
	case s.Reload <- struct{}{}:
	default: // a reload is asked for already
	}
	s.checks.Reset(hangupCheck)
	s.until = time.Now().Add(hangupWait)
}

// checkTerminal stops accepting if the terminal is gone.
func (s *Serving) checkTerminal() {
	if s.gone() {
		s.log.Info("the terminal is gone; a running update will be finished")
		s.stop()
		s.checks.Stop()
	} else if time.Now().After(s.until) {
		s.checks.Stop()
	}
}

// end answers a signal to end.
func (s *Serving) end() {
	switch s.ends++; s.ends {
	case 1:
		s.log.Info("a running update will be finished; a second signal interrupts it")
		s.stop()
	case 2:
		s.log.Warn("interrupting the update; operations that run are still finished")
		close(s.Engine)
	default:
		s.log.Warn("already interrupting; killing the engine would leave the stack locked")
	}
}
