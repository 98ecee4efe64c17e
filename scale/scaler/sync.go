package scaler

import (
	"context"
	"slices"

	"github.com/pulumiscale/pulumiscale/scale"
)

// needProof returns the given pools that are not scaled without a proof. If the deployed program is kept, these are all
// pools that have a rule, because each of them needs that program.
func (s *Scaler) needProof(snap *scale.Snapshot, pools []string) []string {
	if s.Programs == nil {
		return snap.NeedProof(pools)
	}
	out := slices.DeleteFunc(slices.Clone(pools), func(pool string) bool { _, known := snap.Rules[pool]; return !known })
	slices.Sort(out)
	return slices.Compact(out)
}

// syncLocked returns a function that brings the program to the deployed commit, for a caller that holds the lock. It is
// nil if the engine runs the program in the stack's directory.
func (s *Scaler) syncLocked(ctx context.Context, snap *scale.Snapshot) func() error {
	if s.Programs == nil {
		return nil
	}
	return func() error { return s.syncNow(ctx, snap) }
}

// syncNow brings the program to the deployed commit. The caller holds the lock.
func (s *Scaler) syncNow(ctx context.Context, snap *scale.Snapshot) error {
	if s.Programs == nil {
		return nil
	}
	return s.Programs.SyncProgram(ctx, snap, s.Observe)
}

// syncIfFree brings the program to the deployed commit. While another process holds the lock, it does nothing and
// returns false.
func (s *Scaler) syncIfFree(ctx context.Context, snap *scale.Snapshot) (free bool, err error) {
	unlock, free, err := s.Stack.TryLock()
	if err != nil || !free {
		return err != nil, err
	}
	defer unlock()
	return true, s.Programs.SyncProgram(ctx, snap, s.Observe)
}

// syncUnlocked brings the program to the deployed commit, unless it is there already. It waits for the lock.
func (s *Scaler) syncUnlocked(ctx context.Context, snap *scale.Snapshot) error {
	if s.Programs == nil || s.Programs.IsSynced(snap) {
		return nil
	}
	unlock, err := s.Stack.Lock(ctx, s.Observe)
	if err != nil {
		return err
	}
	defer unlock()
	return s.Programs.SyncProgram(ctx, snap, s.Observe)
}

// readToPreview reads the stack for a preview, and brings the program to the deployed commit. If the program cannot be
// had, refused says why: the decision deals with that.
func (s *Scaler) readToPreview(ctx context.Context) (snap *scale.Snapshot, refused error, err error) {
	if snap, err = s.Stack.Read(ctx); err != nil {
		return nil, nil, err
	}
	refused = s.syncUnlocked(ctx, snap)
	if refused != nil && !scale.IsA[*scale.ProgramError](refused) {
		return nil, nil, refused
	}
	if snap.FileMissing && s.Programs != nil && refused == nil { // it may have come with the program
		if snap, err = s.Stack.Read(ctx); err != nil {
			return nil, nil, err
		}
	}
	if err := s.checkConfigFile(snap); err != nil {
		return nil, nil, err
	}
	snap, err = s.AsOfNow(snap)
	return snap, refused, err
}
