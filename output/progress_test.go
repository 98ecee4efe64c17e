package output

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// clock is a time that stands until it is moved.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func observeAll(p *Progress, events ...scale.Event) {
	for _, e := range events {
		p.Observe(e)
	}
}

func TestPlainProgressIsALineForEachStartAndEnd(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out, bare, false, (&clock{noon}).now)
	p.Work("reading stack dev")
	warning := scale.Diagnosed{Diagnostic: scale.Diagnostic{Severity: "warning", Message: "old API"}}
	failed := scale.ResourceStep{Op: "create", URN: "x", Type: "t:x:Y", Name: "new"}
	observeAll(p,
		scale.Retrying{Attempt: 2, Of: 5, Delay: 3200 * time.Millisecond, Err: &scale.LockedError{Stack: "dev"}},
		scale.EngineStarted{Preview: true, Message: "pulumiscale: worker-pool 3 -> 6 (cli)"},
		scale.StepStarted{Step: update, At: noon}, scale.StepDone{Step: update, At: noon},
		warning,
		scale.EngineStarted{Message: "pulumiscale: worker-pool 3 -> 6 (cli)"},
		warning,
		scale.StepStarted{Step: update, At: noon}, scale.StepStarted{Step: failed, At: noon},
		scale.StepDone{Step: update, At: noon.Add(1200 * time.Millisecond)},
		scale.StepDone{Step: failed, At: noon.Add(2 * time.Second), Failed: true},
		scale.PendingOperations{URNs: []string{poolURN}}, scale.PendingOperations{URNs: []string{poolURN}},
		scale.Overtaken{Pools: []string{"worker-pool"}},
		scale.Waiting{Lock: "lock"},
	)
	p.Close()
	check(t, out.String(), `retry: stack dev is locked by another update; retry 2 of 5 in 3.2s
previewing worker-pool 3 -> 6 (cli)
warning: old API
updating worker-pool 3 -> 6 (cli)
 ~  localcloud:index:Pool worker-pool updating
 +  t:x:Y new creating
 ~  localcloud:index:Pool worker-pool updated (1.2s) [diff: ~size]
 +  t:x:Y new creating failed (2.0s)
warning: 1 pending operation, of an update that still runs or was interrupted: worker-pool
note: another update of the stack finished first; computing the count again from its result: worker-pool
note: another pulumiscale is at work here (lock); waiting for it to end
`)
	if !p.Said(warning.Diagnostic) {
		t.Error("the warning counts as not said")
	}
}

func TestAnErrorOfSeveralResourcesIsSpelledOutOnceWhileItGoesOn(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, bare, false, func() time.Time { return noon })
	close(p.ended)
	of := func(severity, name, message string) scale.Diagnosed {
		return scale.Diagnosed{Diagnostic: scale.Diagnostic{Severity: severity, URN: "urn:pulumi:dev::demo::t:x:Y::" + name, Message: message}}
	}
	second := of("error", "w-1", "quota")
	observeAll(p,
		of("error", "w-0", "quota"), second, second, of("info", "w-0", "hello"), of("info", "w-0", "hello"),
		scale.EngineStarted{Message: "pulumiscale: w 3 -> 6 (cli)"}, second, of("error", "w-2", "quota"),
	)
	p.Close()
	check(t, out.String(), `error: t:x:Y (w-0): quota
error: t:x:Y (w-1): the same
t:x:Y (w-0): hello
t:x:Y (w-0): hello
updating w 3 -> 6 (cli)
error: t:x:Y (w-2): quota
`)
	if !p.Said(second.Diagnostic) {
		t.Error("what was the same counts as not said")
	}
}

func TestDriftNotes(t *testing.T) {
	drift := scale.Drift{Pool: "worker-pool", Key: "n", File: str("5"), Configured: str("3")}
	edit := drift
	edit.Edit = true
	const what = `pool worker-pool: config "n" is 5 in the file and 3 in the last successful update; `
	check(t, DriftNote(drift, true), what+"the file has been put right")
	check(t, DriftNote(drift, false), what+"the file is left as it is")
	check(t, DriftNote(edit, false), what+"no update ever had that value, so it is taken for an edit on its way to `pulumi up` and left alone")
}

// screen is what a terminal shows after what was written to it, as far as [Progress] uses one.
func screen(written string) (lines []string, cursor bool) {
	cursor = true
	row := 0
	lines = []string{""}
	for written != "" {
		switch {
		case strings.HasPrefix(written, hideCursor):
			cursor, written = false, written[len(hideCursor):]
		case strings.HasPrefix(written, showCursor):
			cursor, written = true, written[len(showCursor):]
		case strings.HasPrefix(written, eraseBelow):
			lines, written = append(lines[:row:row], ""), written[len(eraseBelow):]
		case strings.HasPrefix(written, "\x1b["):
			end := strings.IndexByte(written, 'A')
			for _, up := range written[2:end] {
				row -= int(up - '0') // the pictures of the tests are lower than ten lines
			}
			written = written[end+1:]
		case written[0] == '\n':
			row++
			lines, written = append(lines[:row:row], ""), written[1:]
		default:
			lines[row] += written[:1]
			written = written[1:]
		}
	}
	return lines, cursor
}

func shows(t *testing.T, out *bytes.Buffer, wantCursor bool, want ...string) {
	t.Helper()
	lines, cursor := screen(out.String())
	check(t, strings.Join(lines, "\n"), strings.Join(append(want, ""), "\n"))
	if cursor != wantCursor {
		t.Errorf("the cursor is shown: %v, want %v", cursor, wantCursor)
	}
}

func TestLiveProgressKeepsThePictureBelowWhatIsFinished(t *testing.T) {
	var out bytes.Buffer
	now := &clock{noon}
	p := newProgress(&out, narrow(60), true, now.now)
	close(p.ended)
	other := scale.ResourceStep{Op: "delete", URN: "x", Type: "t:x:Y", Name: "gone"}

	p.Work("reading stack dev")
	p.Print("")
	shows(t, &out, false, "⠋ reading stack dev (0.0s)")

	p.Observe(scale.EngineStarted{Message: "pulumiscale: worker-pool 3 -> 6"})
	p.Observe(scale.StepStarted{Step: update, At: now.t})
	p.Observe(scale.StepStarted{Step: other, At: now.t})
	now.t = now.t.Add(1200 * time.Millisecond)
	p.Print("")
	shows(t, &out, false,
		"⠹ ~  localcloud:index:Pool worker-pool updating (1.2s)",
		"⠹ -  t:x:Y gone deleting (1.2s)")

	p.Observe(scale.StepDone{Step: update, At: now.t})
	p.Observe(scale.Diagnosed{Diagnostic: scale.Diagnostic{Severity: "info", Message: "hello"}})
	shows(t, &out, false,
		"  ~  localcloud:index:Pool worker-pool updated (1.2s) [diff…",
		"hello",
		"⠹ -  t:x:Y gone deleting (1.2s)")

	p.Observe(scale.StepDone{Step: other, At: now.t})
	p.Close()
	p.Close()
	shows(t, &out, true,
		"  ~  localcloud:index:Pool worker-pool updated (1.2s) [diff…",
		"hello",
		"  -  t:x:Y gone deleted (1.2s)")
	if p.Print("after\n"); !strings.HasSuffix(out.String(), "after\n") {
		t.Error("a closed progress swallows text")
	}
}

func TestThePictureFitsATerminal(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, bare, true, (&clock{noon}).now)
	p.Observe(scale.EngineStarted{})
	for range 12 {
		p.Observe(scale.StepStarted{Step: update, At: noon})
	}
	picture := p.picture()
	if len(picture) != mostLines+1 || picture[mostLines] != "  … and 2 more" {
		t.Errorf("got %q", picture)
	}
}

func TestProgressIsSafeForConcurrentUse(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out, bare, true, time.Now)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			p.Observe(scale.EngineStarted{Message: "m"})
			p.Observe(scale.StepStarted{Step: update, At: noon})
			p.Print("note\n")
			p.Observe(scale.Retrying{Err: errors.New("locked")})
			p.Observe(scale.StepDone{Step: update, At: noon})
			p.Close()
		})
	}
	all.Wait()
	if got := strings.Count(out.String(), "note\n"); got != 8 {
		t.Errorf("%d of 8 notes came out", got)
	}
}
