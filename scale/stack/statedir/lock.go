package statedir

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/pulumiscale/pulumiscale/scale"
)

// lockFile is the directory's lock. All stacks that share a state directory, such as the stacks of one program, share
// the lock.
const lockFile = "lock"

// lockInterval is how often a held lock is tried again.
const lockInterval = 100 * time.Millisecond

// Lock takes the directory's lock, waiting for it until ctx ends. It calls wait with the lock's path before it waits.
// If ctx ends, Lock returns the error of ctx. unlock must be called once.
func (d Dir) Lock(ctx context.Context, wait func(lock string)) (unlock func(), err error) {
	unlock, ok, err := d.TryLock()
	if err != nil || ok {
		return unlock, err
	}
	lock := d.newLock()
	wait(lock.Path())
	if _, err := lock.TryLockContext(ctx, lockInterval); err != nil {
		return nil, setupError(err)
	}
	return d.unlocking(lock), nil
}

// unlocking returns a function that gives the files that were made under the lock to their owner, and then gives the
// lock back.
func (d Dir) unlocking(lock *flock.Flock) func() {
	return func() {
		d.HandOver()
		_ = lock.Unlock()
	}
}

// TryLock makes the state directory and takes its lock if it is free. Under the lock it removes what a killed process
// has left of updates that it had not begun. If ok is true, unlock must be called once.
func (d Dir) TryLock() (unlock func(), ok bool, err error) {
	if err := d.makeFolders(); err != nil {
		return nil, false, setupError(err)
	}
	lock := d.newLock()
	ok, err = lock.TryLock()
	if err != nil {
		return nil, false, setupError(err)
	}
	d.HandOver() // the lock too, for those who wait for it
	if ok {
		d.removeLeftovers()
	}
	return d.unlocking(lock), ok, nil
}

// IsLocked says whether somebody has the lock. It makes no file. It shares the lock for a moment, in which nobody else
// can take the lock.
func (d Dir) IsLocked() (bool, error) {
	lock := flock.New(d.newLock().Path(), flock.SetFlag(os.O_RDONLY)) // this flag makes no file
	free, err := lock.TryRLock()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, setupError(err)
	}
	return !free, lock.Close()
}

func (d Dir) newLock() *flock.Flock { return flock.New(filepath.Join(d.Path, lockFile)) }

// setupError turns an error of the state directory into a [*scale.SetupError]. If the error holds one already, it
// returns that one. It returns nil for nil, and the error of a context that has ended as it is.
func setupError(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if setup, ok := errors.AsType[*scale.SetupError](err); ok {
		return setup
	}
	return &scale.SetupError{Problem: "cannot use the state directory", Err: err,
		Hint: "pulumiscale needs write access to the program's directory, or to another one named with --state-dir"}
}
