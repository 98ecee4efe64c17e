package serving

import (
	"bytes"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

func TestEventsAsTheyAreLogged(t *testing.T) {
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
		"rules with mistakes, beside those from before": {
			queue.Refreshed{Err: &scale.RulesError{}},
			"level=ERROR msg=\"the deployed rules have mistakes; the rules from before stay in force\" reason=" + strconv.Quote(new(scale.RulesError).Error()) + "\n",
		},
		"rules with mistakes, and none from before": {
			queue.Refreshed{Err: &scale.RulesError{}, NoRules: true},
			"level=ERROR msg=\"the deployed rules have mistakes, and no older rules are in force; requests to scale are answered with 503\" reason=" + strconv.Quote(new(scale.RulesError).Error()) + "\n",
		},
		"a stack that cannot be read": {
			queue.Refreshed{Err: errors.New("x"), NoRules: true},
			"level=ERROR msg=\"the stack cannot be read; requests to scale are answered with 503 until it can\" reason=x\n",
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
