package cmd

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/pulumiscale/pulumiscale/cmd/signals"
	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaler"
)

// session is a command's work on one stack, from opening it to the result.
type session struct {
	*app
	opened     openedStack
	scaler     *scaler.Scaler
	progress   *output.Progress
	interrupts *signals.Interrupts
	// mute says which events a command reports itself. If it is nil, the command reports none itself.
	mute func(scale.Event) bool
	// several says that the command is about several pools, and so are its documents.
	several bool
	// tells says that the command tells the listeners of the settings what it did.
	tells bool
}

// newSession prepares a command's work. The first signal ends the work by calling cancel. The caller closes the
// progress and watches the interrupts.
func (a *app) newSession(cancel context.CancelFunc) *session {
	s := &session{app: a, progress: output.NewProgress(a.errs, a.errStyle(), a.live(), a.now)}
	a.said = s.progress.Said
	s.interrupts = signals.NewInterrupts(cancel, s.note)
	return s
}

// work opens the stack and does something on it. Progress is shown on stderr, and signals are answered.
func (a *app) work(ctx context.Context, do func(context.Context, *session) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := a.newSession(cancel)
	defer s.progress.Close()
	defer s.interrupts.Watch(a.notify, a.notifyHangup)()
	s.progress.Work("opening the stack")
	s.scaler = &scaler.Scaler{
		Observe: s.observe, OnDrift: a.settings.onDrift,
		Retries: uint(a.settings.retries), RetryDelay: a.settings.retryDelay, Now: a.now,
	}
	err := s.scaler.Retry(ctx, func() error {
		options := a.settings.stackOptions()
		options.Interrupt = s.interrupts.Engine
		opened, err := a.open(ctx, options)
		if err == nil {
			s.opened, s.scaler.Stack, s.scaler.Holds, a.stack = opened, opened, opened, opened.Name()
			s.scaler.HeadStart, s.scaler.Programs = a.settings.headStartOf(opened), a.settings.programsOf(opened)
		}
		return err
	})
	if err != nil {
		return s.interrupts.Explain(err)
	}
	s.progress.Work("reading stack " + a.stack)
	return s.interrupts.Explain(do(ctx, s))
}

func (s *session) observe(event scale.Event) {
	s.interrupts.Observe(event)
	if s.mute == nil || !s.mute(event) {
		s.progress.Observe(event)
	}
}

func (s *session) note(text string) { s.progress.Print(s.errStyle().Note(text)) }

// conclude takes the progress away and writes the result: see [app.conclude].
func (s *session) conclude(doc output.Document, text string, err error) error {
	s.progress.Rest()
	return s.app.conclude(doc, text, s.interrupts.Explain(err))
}

// confirm asks a question that is answered with yes or no. Its error is a [*declinedError], or the error of ctx.
func (s *session) confirm(ctx context.Context, question string) error {
	for {
		text, err := s.answer(ctx, question+" [yes/no] ")
		if err != nil {
			return err
		}
		switch strings.ToLower(text) {
		case "y", "yes":
			return nil
		case "", "n", "no":
			return &declinedError{}
		}
	}
}

// answer asks a question and returns the line that is typed. Its error is a [*declinedError] if there is no more input,
// or the error of ctx.
func (s *session) answer(ctx context.Context, question string) (string, error) {
	if s.answers == nil {
		s.answers = bufio.NewReader(s.in)
	}
	s.interrupts.Ask(true)
	defer s.interrupts.Ask(false)
	s.progress.Print(question)
	line := make(chan string, 1)
	noMore := make(chan struct{})
	// This goroutine stays behind if ctx ends first: nothing wakes a read from a terminal.
	go func() {
		text, err := s.answers.ReadString('\n')
		if err != nil && (text == "" || !errors.Is(err, io.EOF)) {
			close(noMore)
			return
		}
		line <- text
	}()
	select {
	case <-ctx.Done():
		s.progress.Print("\n")
		return "", ctx.Err()
	case <-noMore:
		s.progress.Print("\n")
		return "", &declinedError{}
	case text := <-line:
		return strings.TrimSpace(text), nil
	}
}
