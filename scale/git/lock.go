package git

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// lockInterval is the time between two tries to take a lock that somebody else has.
const lockInterval = 50 * time.Millisecond

// lock takes the clone's lock, and removes the lock files that a killed git has left in the clone. Whoever fetches
// commits, or changes the clone's references, its configuration or its list of worktrees, must have this lock. While
// somebody else has the lock, lock waits until ctx ends. What runs under the lock must be given the returned context.
// unlock must be called once.
func (r *Repository) lock(ctx context.Context) (locked context.Context, unlock func(), err error) {
	locked, unlock, err = r.takeLock(ctx, filepath.Join(r.dir, "lock"))
	if err != nil {
		return nil, nil, fmt.Errorf("wait for the clone: %w", err)
	}
	r.removeLocks()
	return locked, unlock, nil
}

// removeLocks removes git's own lock files that a killed git has left in the clone. The caller has the clone's lock, so
// no running git of ours uses these files.
func (r *Repository) removeLocks() {
	for _, name := range []string{"config.lock", "HEAD.lock", "packed-refs.lock", "shallow.lock"} {
		_ = os.Remove(filepath.Join(r.git, name))
	}
	_ = filepath.WalkDir(filepath.Join(r.git, "refs"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(path, ".lock") {
			_ = os.Remove(path)
		}
		return nil
	})
}

// lock takes the worktree's lock. Its file is in the clone's folder, with a hash of the worktree's path as its name.
// What runs under the lock must be given the returned context. unlock must be called once.
func (w *Worktree) lock(ctx context.Context) (locked context.Context, unlock func(), err error) {
	folder := filepath.Join(w.repository.dir, "locks")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make the folder of the locks: %w", err)
	}
	sum := sha256.Sum256([]byte(w.dir))
	locked, unlock, err = w.repository.takeLock(ctx, filepath.Join(folder, hex.EncodeToString(sum[:8])))
	if err != nil {
		return nil, nil, fmt.Errorf("wait for the worktree %s: %w", w.dir, err)
	}
	return locked, unlock, nil
}

// takeLock takes a lock, and then waits for the processes that a previous, killed owner of the lock has started. The
// system releases the lock of a killed process at once, but a git that the process has started may work on for a while.
// This second wait ends with the timeout, since a daemon among these processes would never end.
func (r *Repository) takeLock(ctx context.Context, path string) (context.Context, func(), error) {
	lock := flock.New(path, flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, lockInterval); err != nil {
		return nil, nil, err
	}
	children, err := takeChildren(ctx, path+".children", r.options.Timeout)
	if err != nil {
		_ = lock.Close()
		return nil, nil, err
	}
	unlock := func() {
		releaseChildren(children)
		_ = lock.Close()
	}
	if children == nil {
		return ctx, unlock, nil
	}
	return context.WithValue(ctx, inherited{}, append(slices.Clone(inheritedFiles(ctx)), children)), unlock, nil
}

// inherited is the context's key of the files that processes started under a lock inherit.
type inherited struct{}

func inheritedFiles(ctx context.Context) []*os.File {
	files, _ := ctx.Value(inherited{}).([]*os.File)
	return files
}
