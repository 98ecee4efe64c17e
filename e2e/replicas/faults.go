//go:build linux

package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// fault is something that happens to replicas.
type fault struct {
	// strike returns when all replicas run as before. What the fault has destroyed stays lost.
	strike func(ctx context.Context, st *site, choices *rand.Rand) error
	// deaths says that a replica dies or falls silent while the others are a quorum: each stack must soon have a worker
	// again.
	deaths bool
	// forgets says that all replicas lose the log, so that they may not know how operations ended.
	forgets bool
}

func faults() map[string]*fault {
	return map[string]*fault{
		"none":          {strike: func(ctx context.Context, _ *site, choices *rand.Rand) error { return wait(ctx, choices, 5, 10) }},
		"kill":          {strike: killOne(false, false), deaths: true},
		"machine":       {strike: killOne(true, false), deaths: true},
		"disk":          {strike: killOne(true, true), deaths: true},
		"stop":          {strike: stopOne, deaths: true},
		"cut":           {strike: cutOne, deaths: true},
		"rolling":       {strike: rollingRestart},
		"all at once":   {strike: killAll(false)},
		"wiped quorum":  {strike: killAll(true), forgets: true},
		"long and busy": {strike: func(ctx context.Context, _ *site, choices *rand.Rand) error { return wait(ctx, choices, 20, 40) }},
	}
}

// wait waits for a random time between least and most seconds.
func wait(ctx context.Context, choices *rand.Rand, least, most int) error {
	return sleep(ctx, time.Duration(least*1000+choices.IntN((most-least)*1000))*time.Millisecond)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// killOne kills a replica and starts it again. With machine, the processes that the replica has started die too. With
// wipes, the replica loses its disk.
func killOne(machine, wipes bool) func(context.Context, *site, *rand.Rand) error {
	return func(ctx context.Context, st *site, choices *rand.Rand) error {
		i := choices.IntN(3)
		if err := wait(ctx, choices, 1, 8); err != nil {
			return err
		}
		dead, err := st.kill(i, machine)
		if err != nil {
			return err
		}
		if wipes { // the records by which PulumiScale knows its own locks are lost too
			if err := errors.Join(st.wipe(i), st.forgetLocks(ctx, dead)); err != nil {
				return err
			}
		}
		// This is sometimes long enough for a different replica to take over, and sometimes not.
		if err := wait(ctx, choices, 1, 30); err != nil {
			return err
		}
		return st.start(ctx, i)
	}
}

// wipe removes what a replica has on its disk, and copies the programs anew: a replica's image would bring them.
func (st *site) wipe(i int) error {
	r := st.replicas[i]
	errs := []error{os.RemoveAll(filepath.Join(r.dir, "cluster"))}
	for _, name := range st.stacks {
		errs = append(errs, os.RemoveAll(filepath.Join(r.dir, name)), copyProgram(st.programs[name], filepath.Join(r.dir, name)))
	}
	return errors.Join(errs...)
}

// stopOne stops a replica's process for a while, mostly for longer than its lease lasts, and lets it continue.
func stopOne(ctx context.Context, st *site, choices *rand.Rand) error {
	r := st.replicas[choices.IntN(3)]
	if err := wait(ctx, choices, 1, 8); err != nil {
		return err
	}
	if err := syscall.Kill(r.server.PID(), syscall.SIGSTOP); err != nil {
		return err
	}
	err := wait(ctx, choices, 5, 60)
	return errors.Join(err, syscall.Kill(r.server.PID(), syscall.SIGCONT))
}

// cutOne cuts a replica off from the other replicas. Senders still reach it, and it still reaches the backend.
func cutOne(ctx context.Context, st *site, choices *rand.Rand) error {
	i := choices.IntN(3)
	if err := wait(ctx, choices, 1, 8); err != nil {
		return err
	}
	st.cut(i)
	err := wait(ctx, choices, 5, 45)
	st.mend(i)
	return err
}

// rollingRestart restarts the replicas one after the other, as a StatefulSet does. If the flag -other names a second
// version, each replica changes its version.
func rollingRestart(ctx context.Context, st *site, choices *rand.Rand) error {
	for i := range 3 {
		if err := wait(ctx, choices, 1, 4); err != nil {
			return err
		}
		server := st.replicas[i].server
		st.replicas[i].is(nil)
		if err := server.Stop(); err != nil {
			return err
		}
		st.replicas[i].isOther = st.other != "" && !st.replicas[i].isOther
		if err := st.start(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// killAll kills all replicas with their machines, and starts them again. With wipes, each replica loses its copy of the
// log, and keeps only the receipts of what it has accepted itself.
func killAll(wipes bool) func(context.Context, *site, *rand.Rand) error {
	return func(ctx context.Context, st *site, choices *rand.Rand) error {
		if err := wait(ctx, choices, 2, 8); err != nil {
			return err
		}
		for i := range 3 {
			if _, err := st.kill(i, true); err != nil {
				return err
			}
			if wipes {
				if err := os.RemoveAll(filepath.Join(st.replicas[i].dir, "cluster", "log")); err != nil {
					return err
				}
			}
		}
		var starting sync.WaitGroup
		failed := make([]error, 3)
		for i := range 3 {
			starting.Go(func() { failed[i] = st.start(ctx, i) })
		}
		starting.Wait()
		return errors.Join(failed...)
	}
}
