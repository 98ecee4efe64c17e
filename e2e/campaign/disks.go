//go:build linux

package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// unmount takes a disk away even while it is in use.
func unmount(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }

// elsewhere is where the backend is while it is away.
func (w *world) elsewhere() string { return filepath.Join(w.disk(), "elsewhere") }

// takeAway makes the backend unreachable. A file takes its place, so that no engine makes a new folder there.
func (w *world) takeAway() error {
	return errors.Join(os.Rename(w.backendFolder(), w.elsewhere()), os.WriteFile(w.backendFolder(), nil, 0o644))
}

// lockDisk makes the backend's disk read-only. It tries for a while, because a file that is being written is in the
// way.
func (w *world) lockDisk() error {
	var err error
	for range 200 {
		if err = setReadOnly(w.disk(), true); !errors.Is(err, syscall.EBUSY) {
			return err
		}
		time.Sleep(2 * time.Millisecond)
	}
	return err
}

// restoreDisks heals both disks.
func (w *world) restoreDisks() {
	if w.mounts {
		_ = setReadOnly(w.disk(), false)
	}
	_ = os.Remove(filepath.Join(w.disk(), fillerName))
	_ = os.Remove(filepath.Join(w.state(), fillerName))
	if _, err := os.Stat(w.elsewhere()); err == nil {
		w.putBack()
	}
}

// putBack brings the backend back.
func (w *world) putBack() {
	_ = os.RemoveAll(w.backendFolder())
	_ = os.Rename(w.elsewhere(), w.backendFolder())
}

// suspend stops the engines for a while. That is the nearest thing to a slow disk that needs no kernel module.
func (w *world) suspend() int {
	return strike(w.mark(), syscall.SIGSTOP, func(m member) bool { return m.part == engine })
}

func (w *world) resume() {
	strike(w.mark(), syscall.SIGCONT, func(m member) bool { return m.part == engine })
}
