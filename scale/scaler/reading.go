package scaler

import (
	"context"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Reading is a reading of the stack that begins before it is known what is to be decided on it. It holds the
// directory's lock. A Reading is good enough for an update, which itself finds out whether a different update came
// first. It is not good enough to say that there is nothing to do.
type Reading struct {
	unlock func()
	cancel context.CancelFunc
	// done is closed when snap and err are set.
	done chan struct{}
	snap *scale.Snapshot
	err  error
}

// ReadAhead takes the lock and begins to read. known is an earlier reading, which makes this one faster: see
// [scale.HeadStart]; it may be nil. ReadAhead returns nil if another process holds the lock, or if the lock cannot be
// taken. The reading must be given to [Scaler.CarryOut], or released.
func (s *Scaler) ReadAhead(ctx context.Context, known *scale.Snapshot) *Reading {
	unlock, ok, err := s.Stack.TryLock()
	if err != nil || !ok {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &Reading{unlock: unlock, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		if known != nil && s.HeadStart != nil {
			r.snap, r.err = s.HeadStart.ReadSince(ctx, known)
		} else {
			r.snap, r.err = s.Stack.Read(ctx)
		}
	}()
	return r
}

// UnderWay returns a channel that is closed when the reading ends; nil if the reading has ended, or if there is none.
func (r *Reading) UnderWay() <-chan struct{} {
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

// Release cancels the reading, waits until it has ended, and gives the lock back.
func (r *Reading) Release() {
	r.cancel()
	<-r.done
	r.unlock()
}
