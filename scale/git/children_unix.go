//go:build !windows

package git

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// takeChildren locks a file that the processes inherit that are started under a lock. The system keeps it locked as
// long as one of them lives, whatever becomes of this process. If they live for longer than the timeout, the file is
// replaced, and they are not waited for any more. The context's end ends the wait with its error.
func takeChildren(ctx context.Context, path string, timeout time.Duration) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	patience := time.NewTimer(timeout)
	defer patience.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = file.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, ctx.Err()
		case <-patience.C:
			_ = file.Close()
			_ = os.Remove(path)
			if file, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
				return nil, err
			}
		case <-time.After(lockInterval):
		}
	}
}

// releaseChildren gives the lock back, also for a daemon that has inherited it and lives on.
func releaseChildren(file *os.File) {
	_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
	_ = file.Close()
}
