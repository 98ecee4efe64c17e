package cmd

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/scale/scaler"
	"github.com/pulumiscale/pulumiscale/scale/snippet"
	"github.com/pulumiscale/pulumiscale/webhook"
)

// tokenVariable is the environment variable with the token of the server that is watched.
const tokenVariable = envPrefix + "_TOKEN"

// teller tells how a stack, or a fleet, stands.
type teller interface {
	// name tells people where the status is read.
	name() string
	ask(ctx context.Context) (board.Told, error)
	// lasting returns the error with which the watch ends if its first ask returned err. It returns nil if asking again
	// may help.
	lasting(err error) error
	// interval is how long after an answer the next one should be asked for. last is nil if there was no answer.
	interval(last board.Told) time.Duration
}

// teller returns the teller that the options ask for: the server, or else the stack itself.
func (o *watchOptions) teller(ctx context.Context, progress *output.Progress) (teller, error) {
	if o.server == "" {
		opened, err := o.open(ctx, progress)
		if err != nil {
			return nil, err
		}
		return &backend{project: opened.ProjectName(), scaler: &scaler.Scaler{Stack: opened, Holds: opened, Observe: scale.Unobserved, Now: o.app.now}}, nil
	}
	s := &watched{address: o.server, tokenFrom: tokenVariable, fleet: o.fleet}
	token := os.Getenv(tokenVariable)
	if token == "" && o.fleet {
		return nil, &scale.UsageError{Field: tokenVariable, Problem: "is not set: it takes the fleet's token", Hint: "it is in the file that tokenFile names in the fleet's list"}
	}
	if token == "" {
		opened, err := o.open(ctx, progress)
		if scale.IsA[*scale.SetupError](err) {
			return nil, &scale.UsageError{Field: tokenVariable, Problem: "is not set, and there is no stack with the token: " + err.Error(), Hint: tokenHint}
		}
		if err != nil {
			return nil, err
		}
		found, err := opened.Secrets(ctx, webhook.TokenKey)
		if err != nil {
			return nil, err
		}
		s.tokenFrom, token = webhook.TokenKey, found[webhook.TokenKey]
	}
	// A token that cannot be set is refused here, before a header carries it.
	if err := (&webhook.Tokens{}).Set(token, ""); err != nil {
		problem := "is missing"
		if usage, ok := errors.AsType[*scale.UsageError](err); ok {
			problem = usage.Problem
		}
		return nil, &scale.UsageError{Field: s.tokenFrom, Problem: problem, Hint: tokenHint}
	}
	client, err := webhook.NewClient(o.server, token)
	s.client = client
	return s, err
}

// tokenHint says where the token of a server is found.
const tokenHint = "a server's token is in its stack's config: `pulumi config get " + webhook.TokenKey + "`; " + tokenVariable + " takes it"

// checkServer checks the server's address like the address that a sender is given: the token travels to both.
func (o *watchOptions) checkServer() error {
	if o.server == "" {
		return nil
	}
	return snippet.HTTP.CheckAddress("--server", o.server)
}

// open opens the stack to read it, and not to change it.
func (o *watchOptions) open(ctx context.Context, progress *output.Progress) (opened openedStack, err error) {
	a := o.app
	progress.Work("opening the stack")
	retrying := &scaler.Scaler{Observe: progress.Observe, Retries: uint(a.settings.retries), RetryDelay: a.settings.retryDelay, Now: a.now}
	err = retrying.Retry(ctx, func() error {
		options := a.settings.stackOptions()
		options.KeepRules = true
		opened, err = a.open(ctx, options)
		if err == nil {
			a.stack = opened.Name()
		}
		return err
	})
	return opened, err
}

// watched is a running server.
type watched struct {
	address string
	// tokenFrom says where the token was found.
	tokenFrom string
	client    *webhook.Client
	// fleet says that the server has many stacks, and that all are watched.
	fleet bool
}

func (w *watched) name() string { return w.address }

func (w *watched) ask(ctx context.Context) (board.Told, error) {
	if w.fleet {
		return answerOf[board.Fleet](w.client.Fleet(ctx))
	}
	return answerOf[board.Status](w.client.Status(ctx))
}

// answerOf returns an answer, or a nil interface with an error: an interface that holds a nil pointer is not nil.
func answerOf[T any, P interface {
	*T
	board.Told
}](told P, err error) (board.Told, error) {
	if err != nil {
		return nil, err
	}
	return told, nil
}

func (w *watched) lasting(err error) error {
	unanswered, ok := errors.AsType[*webhook.NoAnswerError](err)
	switch {
	case !ok:
		return err
	case unanswered.Token:
		return &scale.UsageError{Field: w.tokenFrom, Problem: w.address + " refuses this token", Hint: tokenHint}
	case unanswered.Lasting:
		return &scale.UsageError{Field: "--server", Problem: "there is no server at " + w.address + ": " + unanswered.Reason,
			Hint: "it is where `pulumiscale serve` listens, or a proxy before it, with the path that the proxy gives it"}
	}
	return nil
}

func (w *watched) interval(last board.Told) time.Duration {
	if last == nil {
		return time.Second
	}
	return last.AskAgain()
}

// backendInterval is how long after a reading the stack is read again. The Pulumi CLI takes about a second for a
// reading.
const backendInterval = 5 * time.Second

// backend reads the stack itself, and changes nothing.
type backend struct {
	scaler  *scaler.Scaler
	project string
	// last is what was read last.
	last queue.Overview
}

func (b *backend) name() string { return "read from the backend" }

// ask reads the stack. If the reading fails, it returns what was read last, as a server does. It returns an error only
// if ctx has ended, or if nothing has been read yet and waiting does not help.
func (b *backend) ask(ctx context.Context) (board.Told, error) {
	overview, err := queue.ReadOverview(ctx, b.scaler)
	switch {
	case err == nil:
		b.last = overview
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case b.last.ReadAt.IsZero() && !scale.IsA[*scale.UnavailableError](err) && !scale.IsA[*scale.LockedError](err):
		return nil, err
	default:
		overview = b.last
		overview.Unready = err
	}
	return board.New(board.Name{Project: b.project, Stack: b.scaler.Stack.Name()}, overview, nil, nil, b.scaler.Now()), nil
}

func (b *backend) lasting(err error) error { return err }

func (b *backend) interval(board.Told) time.Duration { return backendInterval }
