package stack

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/span"
)

// lockFile is the directory's lock. All stacks that share a state directory, and so a program, share it.
const lockFile = "lock"

// lockInterval is how often a held lock is tried again.
const lockInterval = 100 * time.Millisecond

// Lock takes the directory's lock, waiting for it until ctx ends.
func (s *Stack) Lock(ctx context.Context, observe scale.Observe) (_ func(), err error) {
	defer span.In(&ctx, "lock the directory")(&err)
	unlock, ok, err := s.TryLock()
	if err != nil || ok {
		return unlock, err
	}
	lock := s.newLock()
	observe(scale.Waiting{Lock: lock.Path()})
	if _, err := lock.TryLockContext(ctx, lockInterval); err != nil {
		return nil, s.lockError(err)
	}
	s.file.FinishWriting()
	return s.unlocking(lock), nil
}

// unlocking gives the lock back, and the files that were made under it to their owner.
func (s *Stack) unlocking(lock *flock.Flock) func() {
	return func() {
		s.handOver()
		_ = lock.Unlock()
	}
}

// TryLock takes the directory's lock if it is free.
func (s *Stack) TryLock() (func(), bool, error) {
	if err := s.makeStateDir(); err != nil {
		return nil, false, s.lockError(err)
	}
	lock := s.newLock()
	ok, err := lock.TryLock()
	if err != nil {
		return nil, false, s.lockError(err)
	}
	s.handOver() // the lock too, for those who wait for it
	if ok {
		s.removeLeftovers()
		s.file.FinishWriting()
	}
	return s.unlocking(lock), ok, nil
}

func (s *Stack) newLock() *flock.Flock { return flock.New(filepath.Join(s.stateDir, lockFile)) }

func (s *Stack) lockError(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if setup, ok := errors.AsType[*scale.SetupError](err); ok {
		return setup
	}
	return &scale.SetupError{Problem: "use the folder for pulumiscale's own files", Err: err,
		Hint: "pulumiscale needs write access to the program's directory, or to another one named with --state-dir"}
}
