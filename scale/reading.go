package scale

import "context"

// reading is a reading of the stack, under the lock of its directory, that was begun before all that is to be decided
// on it was known. It is good enough for an update, which finds out whether somebody else was faster. It is not good
// enough to say that there is nothing to do.
type reading struct {
	unlock func()
	cancel context.CancelFunc
	// done is closed when snap and err are set.
	done chan struct{}
	snap *Snapshot
	err  error
}

// readAhead takes the lock and begins to read, with what is known since the last reading; nil for nothing. It returns
// nil if somebody else is at work in the directory. Either [Scaler.carryOut] gets the reading, or it must be released.
func (s *Scaler) readAhead(ctx context.Context, known *Snapshot) *reading {
	unlock, ok, err := s.Stack.TryLock()
	if err != nil || !ok {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &reading{unlock: unlock, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		if known != nil {
			r.snap, r.err = s.Stack.ReadSince(ctx, known)
		} else {
			r.snap, r.err = s.Stack.Read(ctx)
		}
	}()
	return r
}

// underWay is closed when the reading ends; nil if it has ended, or if there is none.
func (r *reading) underWay() <-chan struct{} {
	if r == nil {
		return nil
	}
	select {
	case <-r.done:
		return nil
	default:
		return r.done
	}
}

// release gives the lock back, once the reading has ended.
func (r *reading) release() {
	r.cancel()
	<-r.done
	r.unlock()
}
