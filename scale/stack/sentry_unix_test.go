//go:build !windows

package stack

import (
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// An engine is interrupted when the pipe to its sentry closes without a word, as it does when PulumiScale dies. After a
// word it goes on.
func TestSentry(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*sentry, *exec.Cmd)
		want syscall.Signal
	}{
		{"PulumiScale dies", func(s *sentry, _ *exec.Cmd) { _ = s.word.Close() }, syscall.SIGINT},
		{"it dies while the engine is held still", func(s *sentry, engine *exec.Cmd) {
			_ = engine.Process.Signal(syscall.SIGSTOP)
			_ = s.word.Close()
		}, syscall.SIGINT},
		{"it has looked, and then dies", func(s *sentry, engine *exec.Cmd) {
			s.relieve()
			s.relieve()
			time.Sleep(200 * time.Millisecond) // a sentry that interrupts all the same has done so by then
			_ = engine.Process.Signal(syscall.SIGTERM)
		}, syscall.SIGTERM},
	} {
		t.Run(c.name, func(t *testing.T) {
			engine := exec.CommandContext(t.Context(), "sleep", "60")
			if err := engine.Start(); err != nil {
				t.Fatal(err)
			}
			s := watchOver(engine.Process)
			if s == nil {
				t.Fatal("there is no sentry")
			}
			c.do(s, engine)
			_ = engine.Wait()
			if status, ok := engine.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != c.want {
				t.Errorf("the engine has ended with %v", engine.ProcessState)
			}
		})
	}
	(*sentry)(nil).relieve()
}
