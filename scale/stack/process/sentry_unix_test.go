//go:build !windows

package process

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
		do   func(*Sentry, *exec.Cmd)
		want syscall.Signal
	}{
		{"PulumiScale dies", func(s *Sentry, _ *exec.Cmd) { _ = s.word.Close() }, syscall.SIGINT},
		{"it dies while the engine is held still", func(s *Sentry, engine *exec.Cmd) {
			_ = engine.Process.Signal(syscall.SIGSTOP)
			_ = s.word.Close()
		}, syscall.SIGINT},
		{"it has looked, and then dies", func(s *Sentry, engine *exec.Cmd) {
			s.Relieve()
			s.Relieve()
			time.Sleep(200 * time.Millisecond) // a sentry that interrupts all the same has done so by then
			_ = engine.Process.Signal(syscall.SIGTERM)
		}, syscall.SIGTERM},
	} {
		t.Run(c.name, func(t *testing.T) {
			engine := exec.CommandContext(t.Context(), "sleep", "60")
			if err := engine.Start(); err != nil {
				t.Fatal(err)
			}
			s := WatchOver(engine.Process)
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
	(*Sentry)(nil).Relieve()
}
