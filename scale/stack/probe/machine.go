package probe

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/disk"

	"github.com/pulumiscale/pulumiscale/scale/doctor"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli"
	"github.com/pulumiscale/pulumiscale/scale/stack/files"
	"github.com/pulumiscale/pulumiscale/scale/stack/statedir"
)

// StateDir looks at the folder of PulumiScale's own files, or at the place where it would be made.
func (p *Probe) StateDir(ctx context.Context) doctor.StateDir {
	out := doctor.StateDir{Path: p.dir.Path, Home: p.dir.Home(), Refused: p.dir.Check(), Unclaimed: p.dir.Unclaimed()}
	dir := p.dir.Path
	for {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || filepath.Dir(dir) == dir {
			break
		}
		out.Missing, dir = true, filepath.Dir(dir)
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		out.WriteErr = &fs.PathError{Op: "open", Path: dir, Err: errors.New("not a directory")}
	} else {
		out.WriteErr = files.MayWrite(dir)
	}
	if !out.Missing {
		out.Closed = p.dir.Closed()
	}
	usage, err := disk.UsageWithContext(ctx, dir)
	if err != nil {
		out.DiskErr = err
		return out
	}
	out.Disk, out.Free = usage.Fstype, usage.Free
	return out
}

// Working says whether another process holds the directory's lock, because it changes a stack from this directory.
func (p *Probe) Working() (bool, error) { return p.dir.IsLocked() }

// BackendTime returns by how much the clock of the backend's server is ahead of ours, from the Date header of the
// server's answer. The second result is false if the backend has no server, or one without a known address.
func (p *Probe) BackendTime(ctx context.Context) (time.Duration, bool, error) {
	if !p.hasServer() || p.backend.URL == "" {
		return 0, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, p.backend.URL, http.NoBody)
	if err != nil {
		return 0, true, err
	}
	asked := time.Now()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, true, err
	}
	_ = answer.Body.Close()
	answered := time.Now()
	date, err := http.ParseTime(answer.Header.Get("Date"))
	return date.Sub(asked.Add(answered.Sub(asked) / 2)), true, err
}

// hasServer says whether the backend is a service: Pulumi Cloud, or one of the user's own. A backend without a known
// address counts as one, because not all services tell their address.
func (p *Probe) hasServer() bool {
	return p.backend.URL == "" || strings.HasPrefix(p.backend.URL, "https://") || strings.HasPrefix(p.backend.URL, "http://")
}

// Locks returns the stack's locks: those in the folder of a file backend, or one for each update that a service says is
// running. known is false for other backends.
func (p *Probe) Locks(ctx context.Context) (locks []doctor.Lock, known bool, err error) {
	if p.hasServer() {
		locks, err = p.stack.Running(ctx)
		return locks, true, err
	}
	dir, ok := p.program.BackendFolder(p.backend.URL)
	if !ok {
		return nil, false, nil
	}
	for _, file := range p.program.LockFiles(dir, p.dir.Stack) {
		if lock, there := p.readLock(file); there {
			locks = append(locks, lock)
		}
	}
	return locks, true, nil
}

// readLock reads a lock. The second result is false if the lock has just been taken away.
func (p *Probe) readLock(file string) (lock doctor.Lock, there bool) {
	holder, err := cli.ReadLock(file)
	if errors.Is(err, fs.ErrNotExist) {
		return lock, false
	}
	if err != nil {
		return doctor.Lock{Damaged: true}, true
	}
	host, _ := os.Hostname()
	lock.LockHolder, lock.Here = holder, holder.Host == host
	lock.Ours = slices.ContainsFunc(p.dir.Records(), func(r *statedir.Record) bool { return r.Owns(lock.LockHolder) })
	return lock, true
}
