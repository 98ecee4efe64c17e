package cmd

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestTheFirstSignalLetsARunningUpdateFinish(t *testing.T) {
	f := newFake()
	term := newTerminal(f, "")
	f.onUpdate = func(ctx context.Context) {
		term.signals <- os.Interrupt
		<-ctx.Done()
	}
	term.run(t, "scale worker-pool --count 5", 0)
	wantText(t, term.stdout.String(), "worker-pool 3 -> 5 done in 1.5s\n")
	wantPart(t, term.stderr.String(), "note: the update goes on and will be finished; press Ctrl-C again to interrupt it\n")
}

// Whoever closes a terminal does not mean the update, however often they are told to be gone.
func TestAClosedTerminalLetsARunningUpdateFinish(t *testing.T) {
	f := newFake()
	term := newTerminal(f, "")
	f.onUpdate = func(ctx context.Context) {
		for range 3 {
			term.hangups <- syscall.SIGHUP
		}
		<-ctx.Done()
		term.signals <- syscall.SIGTERM // as the session's end sends it
	}
	term.errs = writer(func(string) {})
	term.run(t, "scale worker-pool --count 5", 0)
	wantText(t, term.stdout.String(), "worker-pool 3 -> 5 done in 1.5s\n")
	select {
	case <-term.options.Interrupt:
		t.Error("the engine was interrupted")
	default:
	}
}

func TestAClosedTerminalEndsWhatHasNotBegun(t *testing.T) {
	f := newFake()
	term := newTerminal(f, "yes\n")
	f.onPreview = func(ctx context.Context) {
		term.hangups <- syscall.SIGHUP
		<-ctx.Done()
		f.previewErr = ctx.Err()
	}
	term.run(t, "scale worker-pool --count 5", 1)
	if len(f.changes) > 0 {
		t.Error("scaled all the same")
	}
}

// Nobody reads the result any more: the scaling is done all the same.
func TestAClosedPipeIsNoFailure(t *testing.T) {
	f := newFake()
	term := newTerminal(f, "")
	term.out = broken{&os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}}
	term.run(t, "scale worker-pool --count 5", 0)
	term.out = broken{&os.PathError{Op: "write", Path: "file", Err: syscall.ENOSPC}}
	term.run(t, "scale worker-pool --count 6", 1)
}

type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

func TestTheSecondSignalInterruptsTheEngine(t *testing.T) {
	f := newFake()
	term := newTerminal(f, "")
	f.updateErr = &scale.EngineError{Operation: "update", Interrupted: true}
	f.onUpdate = func(context.Context) {
		for range 3 {
			term.signals <- os.Interrupt
		}
		<-term.options.Interrupt
	}
	term.run(t, "scale worker-pool --count 5", 1)
	wantPart(t, term.stderr.String(), "note: interrupting the update; operations that run are still finished\n")
	wantPart(t, term.stderr.String(), "error: the update was interrupted after 0 steps\n")
}

func TestASignalBeforeAnUpdateEndsTheCommand(t *testing.T) {
	f := newFake()
	term := newTerminal(f, "yes\n")
	f.onPreview = func(ctx context.Context) {
		term.signals <- os.Interrupt
		<-ctx.Done()
		f.previewErr = ctx.Err()
	}
	term.run(t, "scale worker-pool --count 5", 1)
	wantPart(t, term.stderr.String(), "error: interrupted: nothing was scaled\n")
	if len(f.changes) > 0 {
		t.Error("scaled all the same")
	}
}

func TestASignalAtTheQuestionEndsTheCommand(t *testing.T) {
	f := newFake()
	term := newTerminal(f, "-")
	term.in = silent()
	asked := make(chan struct{})
	term.errs = writer(func(text string) {
		if strings.Contains(text, "[yes/no]") {
			close(asked)
		}
		term.stderr.WriteString(text)
	})
	go func() {
		<-asked
		term.signals <- os.Interrupt
	}()
	term.run(t, "scale worker-pool --count 5", 1)
	wantPart(t, term.stderr.String(), "error: interrupted: nothing was scaled\n")
	if len(f.changes) > 0 {
		t.Error("scaled all the same")
	}
}

// writer is a function that is told what is written.
type writer func(string)

func (w writer) Write(b []byte) (int, error) {
	w(string(b))
	return len(b), nil
}
