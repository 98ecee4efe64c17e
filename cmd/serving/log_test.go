package serving

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestWhatAProofFoundIsLogged(t *testing.T) {
	for name, c := range map[string]struct {
		event scale.Event
		want  string
	}{
		"what is pending": {
			scale.Proved{Pending: map[string][]scale.PendingChange{"w": {{Op: "output", Name: "url"}}}},
			"level=WARN msg=\"the pool is not scaled while changes are pending\" pool=w reason=\"stack output url\"\n",
		},
		"that nothing is any more": {scale.Proved{Pending: map[string][]scale.PendingChange{}}, "level=INFO msg=\"no changes are pending any more\"\n"},
		"that it cannot be told": {
			scale.Proved{Err: errors.New("x")}, "level=WARN msg=\"it cannot be told whether changes are pending; it is tried again\" reason=x\n",
		},
		"what to do about an error": {
			scale.Proved{Err: &scale.SetupError{Problem: "x", Hint: "do y"}},
			"level=WARN msg=\"it cannot be told whether changes are pending; it is tried again\" reason=x hint=\"do y\"\n",
		},
		"that what was decided on has changed": {
			scale.Stale{Err: &scale.StaleError{What: "x"}}, "level=INFO msg=\"the stack or the program changed meanwhile; computing the count again\" reason=x\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			logEvent(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			}})), c.event)
			if out.String() != c.want {
				t.Errorf("got %q, want %q", out.String(), c.want)
			}
		})
	}
}

// What a dry run would do has not been done.
func TestTheLogHasTheResourcesThatChanged(t *testing.T) {
	var out bytes.Buffer
	for _, preview := range []bool{true, false} {
		logEvent(slog.New(slog.NewJSONHandler(&out, nil)), scale.StepDone{Step: scale.ResourceStep{Op: "update", URN: "urn:pool"}, Preview: preview})
	}
	if got := strings.Count(out.String(), "urn:pool"); got != 1 {
		t.Errorf("%d lines:\n%s", got, out.String())
	}
}
