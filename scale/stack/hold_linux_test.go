package stack

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestAnEngineIsHeldUntilItHeedsAnInterrupt holds a process that stands for the engine.
func TestAnEngineIsHeldUntilItHeedsAnInterrupt(t *testing.T) {
	for _, c := range []struct {
		name              string
		interrupts, begun bool
		held              bool
	}{
		{"an engine that is to be interrupted is held while its events are read", true, false, true},
		{"one that heeds interrupts is not", true, true, false},
		{"one that nobody interrupts is not", false, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			engine := exec.Command("sleep", "60")
			if err := engine.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_ = engine.Process.Kill()
				_ = engine.Wait()
			})
			f := &follower{engine: engine.Process, hasBegun: c.begun}
			if c.interrupts {
				f.heeds = func() {}
			}
			release := f.hold()
			awaitState(t, engine.Process.Pid, c.held)
			release()
			awaitState(t, engine.Process.Pid, false)
		})
	}
}

// awaitState waits until a process is stopped, or is not.
func awaitState(t *testing.T, pid int, stopped bool) {
	t.Helper()
	var text []byte
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var err error
		if text, err = os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(") T ")) == stopped {
			return
		}
	}
	t.Fatalf("stopped: want %t, have %s", stopped, text)
}
