package cli

import (
	"encoding/json"
	"os"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/process"
)

// ReadLock reads a lock of a stack that the CLI has written into the folder of a file backend. The error is
// [fs.ErrNotExist] if the lock has been taken away. Otherwise it says why the lock cannot be read. A field that the
// lock does not tell is zero.
func ReadLock(path string) (scale.LockHolder, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return scale.LockHolder{}, err
	}
	var lock struct {
		PID                int
		Username, Hostname string
		Timestamp          time.Time
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		return scale.LockHolder{}, err
	}
	return scale.LockHolder{
		User: lock.Username, Host: lock.Hostname, PID: lock.PID, Since: lock.Timestamp, Dead: IsGone(lock.Hostname, lock.PID),
	}, nil
}

// IsGone says whether the process that a lock names ran on this machine and has ended, as far as that can be told.
func IsGone(host string, pid int) bool {
	here, _ := os.Hostname()
	return host == here && (!process.IsAlive(pid) || !process.MayBeCLI(pid))
}
