package stack

import (
	"context"
	"slices"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/span"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli"
	"github.com/pulumiscale/pulumiscale/scale/stack/statedir"
)

// Lock takes the directory's lock, waiting for it until ctx ends, and finishes a write of the configuration file that a
// crash has cut off. The function that it returns gives the lock back.
func (s *Stack) Lock(ctx context.Context, observe scale.Observe) (_ func(), err error) {
	defer span.In(&ctx, "lock the directory")(&err)
	unlock, err := s.dir.Lock(ctx, func(lock string) { observe(scale.Waiting{Lock: lock}) })
	if err != nil {
		return nil, err
	}
	s.file.FinishWriting()
	return unlock, nil
}

// TryLock is [Stack.Lock] without the wait. ok says whether the lock was free, and unlock gives it back.
func (s *Stack) TryLock() (unlock func(), ok bool, err error) {
	unlock, ok, err = s.dir.TryLock()
	if ok {
		s.file.FinishWriting()
	}
	return unlock, ok, err
}

// seenLocked reads the stack's locks in the folder of a file backend, without an engine, and returns an error that
// names their holders. It returns nil if there are no locks, or if the backend is no folder. It also returns nil if a
// lock cannot be read: the engine then says what is wrong with that lock.
func (s *Stack) seenLocked() *scale.LockedError {
	dir, ok := s.project.BackendFolder(s.project.CurrentBackend())
	if !ok {
		return nil
	}
	out := &scale.LockedError{Stack: s.Name(), Seen: true}
	for _, file := range s.project.LockFiles(dir, s.name) {
		holder, err := cli.ReadLock(file)
		if err != nil || holder.Host == "" {
			return nil //nolint:nilerr // the engine tells what this means
		}
		out.Holders = append(out.Holders, holder)
	}
	if len(out.Holders) == 0 {
		return nil
	}
	return out
}

// unlock removes the stack's locks if all of them were left behind by engines of ours that have died, and sets
// locked.Removed. The directory's lock must be held. Otherwise somebody else who knows of these engines could do the
// same a moment later.
func (s *Stack) unlock(ctx context.Context, locked *scale.LockedError, observe scale.Observe) {
	records := s.dir.Records()
	for _, holder := range locked.Holders {
		if !slices.ContainsFunc(records, func(r *statedir.Record) bool { return r.Owns(holder) }) {
			return
		}
	}
	if len(locked.Holders) == 0 {
		return
	}
	if _, err := s.ask(ctx, "remove the lock of a dead engine", "cancel", "--yes", "--stack", s.name); err != nil {
		return
	}
	locked.Removed = true
	observe(scale.LockRemoved{Holders: locked.Holders})
}

// RemoveDeadLock removes the stack's locks if all of them were left behind by engines of ours that have died on this
// machine. It does nothing while somebody holds the directory's lock.
func (s *Stack) RemoveDeadLock(ctx context.Context, holders []scale.LockHolder, observe scale.Observe) {
	if unlock, ok, err := s.TryLock(); err == nil && ok {
		defer unlock()
		s.unlock(ctx, &scale.LockedError{Stack: s.Name(), Holders: holders}, observe)
	}
}

// RemoveLock removes the stack's locks, since a person has said that their holders are gone for good. It does nothing
// while somebody holds the directory's lock.
func (s *Stack) RemoveLock(ctx context.Context, holders []scale.LockHolder, observe scale.Observe) {
	unlock, ok, err := s.TryLock()
	if err != nil || !ok {
		return
	}
	defer unlock()
	if _, err := s.ask(ctx, "remove the lock of a machine that is gone", "cancel", "--yes", "--stack", s.name); err == nil {
		observe(scale.LockRemoved{Holders: holders})
	}
}

// unlockDamaged removes the empty lock that an engine of ours has left on a full disk, and returns an error that says
// so. It returns nil if there is no such lock, or if the lock cannot be removed. Nobody else can hold a lock meanwhile:
// an engine takes none as long as there is a lock that it cannot read.
func (s *Stack) unlockDamaged(ctx context.Context, observe scale.Observe) error {
	records := slices.DeleteFunc(s.dir.Records(), func(r *statedir.Record) bool { return !r.Damaged })
	if len(records) == 0 {
		return nil
	}
	if _, err := s.ask(ctx, "remove a damaged lock", "cancel", "--yes", "--stack", s.name); err != nil {
		return nil //nolint:nilerr // the lock stays as it is
	}
	for _, r := range records {
		r.Damaged = false
		if r.Save() != nil || hasBegun(r) {
			continue
		}
		r.Remove()
	}
	observe(scale.LockRemoved{})
	return &scale.LockedError{Stack: s.Name(), Removed: true}
}
