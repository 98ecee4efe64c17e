package cmd

import (
	"context"
	"log/slog"
	"os"
	"sync"
)

// serveSignals answers signals while serving: the first one to end stops accepting, the second interrupts a running update gently;
// SIGHUP asks for a reload.
type serveSignals struct {
	stop context.CancelFunc
	log  *slog.Logger
	// engine is closed by the second signal to end.
	engine chan struct{}
	reload chan struct{}
}

func newServeSignals(stop context.CancelFunc, log *slog.Logger) *serveSignals {
	return &serveSignals{stop: stop, log: log, engine: make(chan struct{}), reload: make(chan struct{}, 1)}
}

// watch answers signals until stop is called.
func (s *serveSignals) watch(notify func(chan<- os.Signal) (stop func())) (stop func()) {
	ends, reloads, done := make(chan os.Signal, 4), make(chan os.Signal, 1), make(chan struct{})
	quiet, quietReload := notify(ends), notifyReload(reloads)
	var ended sync.WaitGroup
	ended.Go(func() {
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
