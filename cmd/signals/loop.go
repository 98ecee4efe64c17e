package signals

import (
	"os"
	"sync"
	"time"
)

// Notifier passes signals on to a channel until stop is called. Tests pass on signals of their own in place of the
// system's signals.
type Notifier func(chan<- os.Signal) (stop func())

// Loop answers signals, one after the other, in a goroutine of its own.
type Loop struct {
	// End answers a signal that wants the command to end, and HangUp a SIGHUP.
	End, HangUp func()
	// Tick answers each value of Ticks. If Ticks is nil, Tick is never called.
	Ticks <-chan time.Time
	Tick  func()
}

// Start answers signals until stop is called. When stop returns, nothing is being answered any more.
func (l Loop) Start(notifyEnd, notifyHangup Notifier) (stop func()) {
	ends, hangups, done := make(chan os.Signal, 4), make(chan os.Signal, 1), make(chan struct{})
	quiet, quietHangup := notifyEnd(ends), notifyHangup(hangups)
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			select {
			case <-ends:
				l.End()
			case <-hangups:
				l.HangUp()
			case <-l.Ticks:
				l.Tick()
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
