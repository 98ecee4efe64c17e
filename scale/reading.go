package scale

import "context"

// reading is a reading of the stack, under the lock of its directory, that was begun before all that is to be decided on it was known. It is
// good enough for an update, which finds out whether somebody else was faster, but not to say that there is nothing to do.
type reading struct {
	unlock func()
	cancel context.CancelFunc
	// done is closed when snap and err are set.
	done chan struct{}
	snap *Snapshot
	err  error
}

// readAhead takes the lock and begins to read; nil where somebody else is at work in the directory. Either [Scaler.carryOut] gets it, or it must
// be dropped.
func (s *Scaler) readAhead(ctx context.Context) *reading {
	unlock, ok, err := s.Stack.TryLock()
	if err != nil || !ok {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &reading{unlock: unlock, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.snap, r.err = s.Stack.Read(ctx)
	}()
	return r
}

// release gives the lock back, once the reading has ended.
func (r *reading) release() {
	r.cancel()
	<-r.done
	r.unlock()
}
