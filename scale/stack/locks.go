package stack

import (
	"encoding/json"
	"os"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/process"
)

// lockContent is a lock as the CLI writes it.
type lockContent struct {
	PID                int
	Username, Hostname string
	Timestamp          time.Time
}

// isHolder says whether the process that a lock names still runs on this machine, as far as that can be told.
func isHolder(pid int) bool { return process.IsAlive(pid) && process.MayBeCLI(pid) }

// seenLocked looks at the locks in the folder of a file backend, which takes no engine. It is nil if there are none, or
// if only an engine can tell. A lock that cannot be read is left to the engine too, which says what is wrong with it.
func (s *Stack) seenLocked() *scale.LockedError {
	dir, ok := s.project.BackendFolder(s.project.CurrentBackend())
	if !ok {
		return nil
	}
	host, _ := os.Hostname()
	out := &scale.LockedError{Stack: s.Name(), Seen: true}
	for _, file := range s.project.LockFiles(dir, s.name) {
		var lock lockContent
		if text, err := os.ReadFile(file); err != nil || json.Unmarshal(text, &lock) != nil || lock.Hostname == "" {
			return nil //nolint:nilerr // the engine tells what this means
		}
		dead := lock.Hostname == host && !isHolder(lock.PID)
		out.Holders = append(out.Holders, scale.Holder{User: lock.Username, Host: lock.Hostname, PID: lock.PID, Since: lock.Timestamp, Dead: dead})
	}
	if len(out.Holders) == 0 {
		return nil
	}
	return out
}
