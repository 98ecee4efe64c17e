package stack

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/doctor"
)

// Locks finds those who hold the stack: in the folder of a file backend, or by the updates that Pulumi Cloud says are
// running.
func (p *Patient) Locks(ctx context.Context) (locks []doctor.Lock, known bool, err error) {
	if p.hasServer() {
		locks, err = p.running(ctx)
		return locks, true, err
	}
	dir, ok := p.project.BackendFolder(p.backend.URL)
	if !ok {
		return nil, false, nil
	}
	for _, file := range p.project.LockFiles(dir, p.name) {
		if lock, there := p.readLock(file); there {
			locks = append(locks, lock)
		}
	}
	return locks, true, nil
}

// readLock reads a lock; there is false if the lock has just been taken away.
func (p *Patient) readLock(file string) (lock doctor.Lock, there bool) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return lock, false
	}
	var content lockContent
	if err != nil || json.Unmarshal(text, &content) != nil {
		return doctor.Lock{Damaged: true}, true
	}
	host, _ := os.Hostname()
	lock.Holder = scale.Holder{User: content.Username, Host: content.Hostname, PID: content.PID, Since: content.Timestamp}
	lock.Here = content.Hostname == host
	lock.Dead = lock.Here && !isHolder(content.PID)
	lock.Ours = slices.ContainsFunc(p.records(), func(r *record) bool { return r.owns(lock.Holder) })
	return lock, true
}

// running are the updates that a backend with a server says are under way.
func (p *Patient) running(ctx context.Context) ([]doctor.Lock, error) {
	out, err := p.ask(ctx, "read the stack's history", "stack", "history", "--json", "--stack", p.name, "--page", "1", "--page-size", "1")
	if err != nil {
		return nil, err
	}
	var entries []entry
	if err := json.Unmarshal([]byte(out), &entries); err != nil {
		return nil, err
	}
	var locks []doctor.Lock
	for _, e := range entries {
		if e.Result == "in-progress" {
			locks = append(locks, doctor.Lock{Holder: scale.Holder{Since: e.StartTime}})
		}
	}
	return locks, nil
}
