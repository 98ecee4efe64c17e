package stack

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"sync"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Preview runs the change in the engine without doing it.
func (s *Stack) Preview(ctx context.Context, change scale.Change, observe scale.Observe) (*scale.Result, error) {
	dir, err := os.MkdirTemp("", copyPrefix)
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	f, err := s.run(ctx, operation{name: "preview", args: []string{"preview"}, message: change.Message, dir: dir}, change, observe)
	if err != nil {
		return nil, err
	}
	return &f.result, nil
}

// Update does the change by one `pulumi up`. Once that runs, it is not ended with ctx but only by [Options.Interrupt].
func (s *Stack) Update(ctx context.Context, change scale.Change, observe scale.Observe) (*scale.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.outlast(ctx); err != nil {
		return nil, err
	}
	if err := s.file.writable(); err != nil {
		return nil, err
	}
	id := cmp.Or(change.ID, scale.NewUpdateID())
	r, err := s.newRecord(id, change.Pools)
	if err != nil {
		return nil, s.lockError(err)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go func() {
		select {
		case <-s.options.Interrupt:
			stop()
		case <-running.Done():
		}
	}()
	// The engine has the lock from its first event on: the newest completed update is then the one that it follows.
	var wait sync.WaitGroup
	var previous string
	var previousErr error
	f, err := s.run(running, operation{
		name: "update", message: change.Message, dir: r.dir,
		args:    []string{"up", "--yes", "--skip-preview", "--message", change.Message, "--exec-agent", agent(id, change)},
		process: process{tie: r.tie(), started: r.started},
		began: func() {
			wait.Go(func() { previous, previousErr = s.previous(running, id) })
		},
	}, change, observe)
	wait.Wait()
	s.conclude(r, f, err)
	if locked, ok := errors.AsType[*scale.LockedError](err); ok {
		s.unlock(ctx, locked, observe)
	} else if f != nil && f.meetsDamaged {
		err = cmp.Or(s.unlockDamaged(ctx, observe), err)
	}
	if err != nil {
		return nil, err
	}
	f.result.ID = id
	// What cannot be told is taken for the worse: deciding again comes to the same where nobody was faster.
	f.result.Overtaken = f.hasBegun && (previousErr != nil || previous != change.Head)
	return &f.result, nil
}

// conclude keeps the record of an ended update for as long as it may be needed: where the update failed with resources begun, so that it
// is not known what they are now, or where the engine may have left its lock.
func (s *Stack) conclude(r *record, f *follower, err error) {
	began := f != nil && f.hasBegun
	if began {
		s.settle(r)
	}
	failed := began && err != nil && len(f.result.Steps) > 0
	if !failed && (f == nil || !f.unclean) {
		r.remove()
	} else if f.damaged {
		r.Damaged = true
		_ = r.save() // else the lock is not known for ours, and stays
	}
}

// entriesAround are how many updates are looked at for the one before ours: it may have been fast, and others after it too.
const entriesAround = 5

// previous identifies the newest completed update before the one with the id, or the newest of all while that one runs.
func (s *Stack) previous(ctx context.Context, id string) (string, error) {
	var entries []entry
	var err error
	for range 3 {
		if entries, _, err = s.readPages(ctx, 1, entriesAround); err == nil {
			break
		}
	}
	own := slices.IndexFunc(entries, func(e entry) bool { return e.id() == id })
	return head(entries[own+1:]), err
}
