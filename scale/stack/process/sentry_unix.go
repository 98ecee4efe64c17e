//go:build !windows

package process

import (
	"os"
	"os/exec"
	"strconv"
	"sync"
)

// Sentry interrupts an engine if PulumiScale dies before PulumiScale has checked, under the engine's lock, whether the
// update is still what was decided on. Nobody else would check, and somebody may just have deployed. The sentry is a
// process of its own, which waits for a word through a pipe. The pipe closes when PulumiScale dies, however it does. A
// paused engine is then resumed, so that it can end.
type Sentry struct {
	word     *os.File
	relieved sync.Once
}

// WatchOver sets a sentry over an engine. It returns nil if it cannot, such as on a system without sh; a nil sentry may
// be relieved too.
func WatchOver(engine *os.Process) *Sentry {
	in, out, err := os.Pipe()
	if err != nil {
		return nil
	}
	defer func() { _ = in.Close() }()
	const watch = `read -r word <&3 || { kill -INT "$0"; kill -CONT "$0"; }`
	cmd := exec.Command("/bin/sh", "-c", watch, strconv.Itoa(engine.Pid)) //nolint:noctx // a word ends the sentry
	cmd.Dir, cmd.Env, cmd.ExtraFiles = "/", []string{}, []*os.File{in}
	Detach(cmd)
	if err := cmd.Start(); err != nil {
		_ = out.Close()
		return nil
	}
	go func() { _ = cmd.Wait() }()
	return &Sentry{word: out}
}

// Relieve ends the watch: from now on the engine may outlive PulumiScale. A second call does nothing.
func (s *Sentry) Relieve() {
	if s == nil {
		return
	}
	s.relieved.Do(func() {
		_, _ = s.word.WriteString("\n")
		_ = s.word.Close()
	})
}
