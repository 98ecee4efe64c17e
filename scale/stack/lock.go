package stack

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/span"
	"github.com/pulumiscale/pulumiscale/scale/stack/process"
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

// lockContent is a lock as the CLI writes it.
type lockContent struct {
	PID                int
	Username, Hostname string
	Timestamp          time.Time
}

// isHolder says whether the process that a lock names still runs on this machine, as far as that can be told.
func isHolder(pid int) bool { return process.IsAlive(pid) && process.MayBeCLI(pid) }

// seenLocked looks at the locks in the folder of a file backend, which takes no engine. It is nil if there are none, or
// if only an engine can tell. A lock that cannot be read is left to the engine too, which says what is wrong with it.
func (s *Stack) seenLocked() *scale.LockedError {
	dir, ok := s.project.BackendFolder(s.project.CurrentBackend())
	if !ok {
		return nil
	}
	host, _ := os.Hostname()
	out := &scale.LockedError{Stack: s.Name(), Seen: true}
	for _, file := range s.project.LockFiles(dir, s.name) {
		var lock lockContent
		if text, err := os.ReadFile(file); err != nil || json.Unmarshal(text, &lock) != nil || lock.Hostname == "" {
			return nil //nolint:nilerr // the engine tells what this means
		}
		dead := lock.Hostname == host && !isHolder(lock.PID)
		out.Holders = append(out.Holders, scale.Holder{User: lock.Username, Host: lock.Hostname, PID: lock.PID, Since: lock.Timestamp, Dead: dead})
	}
	if len(out.Holders) == 0 {
		return nil
	}
	return out
}
