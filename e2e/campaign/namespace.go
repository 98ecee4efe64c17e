//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
)

// insideVariable tells the campaign that it runs in a mount namespace of its own.
const insideVariable = "CAMPAIGN_INSIDE"

// isInside says whether this process may mount what nobody else sees.
func isInside() bool { return os.Getenv(insideVariable) != "" }

// runInside runs this program again in a mount namespace of its own, and returns its exit code. Disks that are full or
// read-only are tmpfs mounts in that namespace, and end with it. The error says that the system does not allow it.
func runInside(ctx context.Context) (int, error) {
	runtime.LockOSThread() // Pdeathsig is about the thread
	defer runtime.UnlockOSThread()
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	// A terminal's Ctrl-C reaches the child as well, which then ends by itself.
	ignored := make(chan os.Signal, 1)
	signalNotify(ignored)
	defer signal.Stop(ignored)
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start in a mount namespace: %w", err)
	}
	err = cmd.Wait()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		return 0, err
	}
	return cmd.ProcessState.ExitCode(), nil
}

// ownMounts keeps what is mounted from now on from being seen outside. It mounts a disk in memory for the worlds.
func ownMounts(dir string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	return mountDisk(dir, "size=3g")
}

// mountDisk mounts a new disk in memory.
func mountDisk(dir, options string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount("campaign", dir, "tmpfs", 0, options); err != nil {
		return fmt.Errorf("mount %s: %w", dir, err)
	}
	return nil
}

// setReadOnly makes a disk read-only, or writable again. A file that is just being written is in the way.
func setReadOnly(dir string, on bool) error {
	flags := uintptr(syscall.MS_REMOUNT)
	if on {
		flags |= syscall.MS_RDONLY
	}
	return syscall.Mount("campaign", dir, "tmpfs", flags, "")
}

// fill writes a file until its disk is full.
func fill(dir string) error {
	file, err := os.Create(filepath.Join(dir, fillerName))
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	for _, size := range []int{1 << 20, 4096, 1} {
		for block := make([]byte, size); err == nil; {
			_, err = file.Write(block)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			return err
		}
		err = nil
	}
	return nil
}

// fillerName is the file that fills a disk.
const fillerName = "filler"

// freeze makes a file read-only by mounting it onto itself, so that nobody can replace it either.
func freeze(path string) error {
	if err := syscall.Mount(path, path, "", syscall.MS_BIND, ""); err != nil {
		return err
	}
	return syscall.Mount("", path, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, "")
}

// thaw undoes freeze.
func thaw(path string) error { return syscall.Unmount(path, syscall.MNT_DETACH) }
