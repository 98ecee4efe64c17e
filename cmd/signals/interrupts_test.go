package signals

import (
	"context"
	"strings"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestAThirdSignalChangesNothing(t *testing.T) {
	var notes []string
	i := NewInterrupts(func() {}, func(text string) { notes = append(notes, text) })
	i.Observe(scale.EngineStarted{Preview: true})
	for range 3 {
		i.end()
	}
	if len(notes) != 3 || notes[0] != "stopping" || !strings.HasPrefix(notes[2], "already") {
		t.Errorf("got %q", notes)
	}
}

func TestARetryIsNoRunningUpdate(t *testing.T) {
	i := NewInterrupts(func() {}, func(string) {})
	i.Observe(scale.EngineStarted{})
	i.Observe(scale.Retrying{})
	i.end()
	if err := i.Explain(context.Canceled); !scale.IsA[*InterruptedError](err) {
		t.Errorf("got %v", err)
	}
}
