package serving

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// FuzzLog holds that a line of the server's log stays one line, is bounded, and has no character that a terminal obeys,
// whatever an event holds.
func FuzzLog(f *testing.F) {
	for _, text := range []string{"a\x1b[2Jb", "\u202e", "\x7f\u009b31m", "\xff", "a\nb\rc", "\u2028\U000e0041", strings.Repeat("n", 5_000)} {
		f.Add(text)
	}
	failure := errors.New("")
	operation := queue.Operation{Intent: scale.Intent{Signal: &scale.Signal{}}}
	events := []scale.Event{
		queue.Submitted{Submission: queue.Submission{Decision: scale.Decision{Intent: operation.Intent}}}, queue.Changed{Operation: operation}, queue.BatchDone{Err: failure},
		queue.BatchDone{Report: &scale.Report{Results: []scale.MoveResult{{}}}}, queue.Postponed{Err: failure}, queue.Refreshed{Err: failure},
		queue.JournalFailed{Err: failure}, scale.Retrying{Err: failure}, scale.Drifted{}, scale.EngineStarted{}, scale.StepDone{}, scale.Diagnosed{Diagnostic: scale.Diagnostic{Severity: "error"}},
		scale.SwitchedOff{Err: failure}, scale.Overtaken{Pools: make([]string, 100)}, scale.Stale{Err: &scale.StaleError{}}, scale.Proved{Err: failure},
		scale.PendingOperations{URNs: make([]string, 100)}, scale.LockRemoved{Holders: []scale.LockHolder{{}}}, scale.Settling{Pools: []string{""}},
		queue.HoldsChanged{Now: scale.Holds{{}}}, queue.Announced{Upcoming: []queue.Upcoming{{}}}, scale.Remarked{Remarks: []string{""}}, scale.Settled{Err: failure, Pools: []string{""}},
	}
	f.Fuzz(func(t *testing.T, text string) {
		how := &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: output.LogAttr}
		for _, event := range events {
			var asText, asJSON bytes.Buffer
			for out, log := range map[*bytes.Buffer]*slog.Logger{
				&asText: slog.New(slog.NewTextHandler(&asText, how)), &asJSON: slog.New(slog.NewJSONHandler(&asJSON, how)),
			} {
				filled := board.Texts(event, func(old string, _ board.Shape) string {
					if old == "error" {
						return old
					}
					return text
				})
				logEvent(log, filled)
				line, ended := strings.CutSuffix(out.String(), "\n")
				if !ended || strings.ContainsFunc(line, func(r rune) bool { return !board.Shown(r) }) || len(line) > 300_000 {
					t.Errorf("%T: %d bytes: %.300q", event, len(line), line)
				}
			}
		}
	})
}
