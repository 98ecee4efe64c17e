package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// A probe leaves nothing behind, and the journal does not grow by probes, however many there are.
func TestProbesLeaveNothingBehind(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	add(t, j, accepted(1, "a"))
	size := func() int64 {
		info, err := os.Stat(filepath.Join(dir, fileName))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	var first int64
	for i := range 50 {
		j.failing = i%2 == 0 // as if a transaction had failed
		if err := j.Probe(); err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			first = size()
		}
	}
	if got := size(); got != first {
		t.Errorf("%d bytes, which were %d", got, first)
	}
	if _, err := os.Stat(filepath.Join(dir, probeName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of the probe: %v", err)
	}
	if j = reopen(t, j, dir); j.Damage() != nil {
		t.Fatal(j.Damage())
	}
	if ops, err := j.Open(); err != nil || len(ops) != 1 {
		t.Errorf("%v, %v", ops, err)
	}
}

// A process that died in the middle of a probe has left nothing that is in anybody's way. If nothing can be written,
// the probe says so, and does not say where.
func TestProbesThatMeetSomething(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	if err := os.WriteFile(filepath.Join(dir, probeName), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := j.Probe(); err != nil {
		t.Error(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, probeName, "in-the-way"), 0o755); err != nil {
		t.Fatal(err)
	}
	err := j.Probe()
	if _, ok := errors.AsType[*queue.JournalError](err); !ok {
		t.Errorf("%v", err)
	}
}
