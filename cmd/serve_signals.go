package cmd

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"time"
)

// serveSignals answers signals while serving. The first signal to end stops accepting, and the second one interrupts a
// running update gently. SIGHUP asks for a reload. If it comes because the terminal on which the server was started is
// gone, it also stops accepting.
type serveSignals struct {
	stop context.CancelFunc
	log  *slog.Logger
	// engine is closed by the second signal to end.
	engine chan struct{}
	reload chan struct{}
	// gone says whether the terminal is gone. It is asked for a while after each SIGHUP.
	gone func() bool
}

// A terminal sends SIGHUP to its shell a little before it is gone, and the shell passes the signal on.
const (
	hangupCheck = 200 * time.Millisecond
	hangupWait  = 5 * time.Second
)

func newServeSignals(stop context.CancelFunc, log *slog.Logger, gone func() bool) *serveSignals {
	return &serveSignals{stop: stop, log: log, engine: make(chan struct{}), reload: make(chan struct{}, 1), gone: gone}
}

// watch answers signals until stop is called.
func (s *serveSignals) watch(notify func(chan<- os.Signal) (stop func())) (stop func()) {
	ends, reloads, done := make(chan os.Signal, 4), make(chan os.Signal, 1), make(chan struct{})
	quiet, quietReload := notify(ends), notifyReload(reloads)
	var ended sync.WaitGroup
	ended.Go(func() {
		checks := time.NewTicker(hangupCheck)
		defer checks.Stop()
		checks.Stop()
		var until time.Time
		for n := 0; ; {
			select {
			case <-ends:
				n++
				s.end(n)
			case <-reloads:
				select {
				case s.reload <- struct{}{}:
				default: // one is asked for already
				}
				checks.Reset(hangupCheck)
				until = time.Now().Add(hangupWait)
			case <-checks.C:
				if gone := s.gone(); gone {
					s.log.Info("the terminal is gone; a running update will be finished")
					s.stop()
					checks.Stop()
				} else if time.Now().After(until) {
					checks.Stop()
				}
			case <-done:
				return
			}
		}
	})
	return func() {
		quiet()
		quietReload()
		close(done)
		ended.Wait()
	}
}

func (s *serveSignals) end(n int) {
	switch n {
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
