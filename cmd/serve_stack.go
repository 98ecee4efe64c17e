package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/git"
	"github.com/pulumiscale/pulumiscale/scale/journal"
	"github.com/pulumiscale/pulumiscale/scale/metric"
	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/scale/scaler"
	"github.com/pulumiscale/pulumiscale/webhook"
	"github.com/pulumiscale/pulumiscale/webhook/identity"
	"github.com/pulumiscale/pulumiscale/webhook/notify"
	"github.com/pulumiscale/pulumiscale/webhook/sns"
)

// servedStack is a stack that is served, with all that belongs to it.
type servedStack struct {
	*serveOptions
	log     *slog.Logger
	stack   openedStack
	tokens  *webhook.Tokens
	metrics *webhook.Metrics
	// configured is when the configuration file was last changed before the tokens were read. It is written and read at
	// the start, and then by follow alone.
	configured time.Time
	// hasFile says that there was a configuration file at the start. Some stacks have their configuration elsewhere.
	hasFile bool
	// directories are directories that answers do not tell.
	directories []string
	// activity knows what is being done to the stack.
	activity *queue.Activity
	scaler   *scaler.Scaler
	watcher  *metric.Watcher
	teller   *notify.Teller
	// backlog has counts committed; nil if that is not asked for.
	backlog *git.Backlog
	queue   *queue.Queue
	handler *webhook.Server
	journal *journal.Journal
	// cluster is its part in a cluster; nil if there is none. Then what is accepted is in the journal of all replicas, and the
	// journal here has what this one alone is to tell.
	cluster *inCluster
	// fleetOf is what it shares with the other stacks of its fleet; nil for a stack by itself.
	fleetOf *sharedInFleet
	// reading lets one reading of the tokens begin only after the one before has ended, so that the latest one counts.
	reading sync.Mutex
}

// openServed opens a stack and puts together what serves it. Its close must be called. The engine is interrupted gently
// once interrupt is closed. In a fleet nothing is read yet. join joins the cluster, if there is one; it is given the stack's
// name with its project's.
func (o *serveOptions) openServed(
	ctx context.Context, log *slog.Logger, interrupt <-chan struct{}, fleet *sharedInFleet, join func(name string) *inCluster,
) (*servedStack, error) {
	s := &servedStack{
		serveOptions: o, log: log, tokens: &webhook.Tokens{}, metrics: webhook.NewMetrics(), activity: &queue.Activity{Now: o.app.now}, fleetOf: fleet,
	}
	options := o.app.settings.stackOptions()
	options.Interrupt, options.KeepRules = interrupt, true
	if fleet != nil {
		options.Readings = fleet.readings
	}
	opened, err := o.app.open(ctx, options)
	if err != nil {
		return nil, err
	}
	s.stack = opened
	if fleet == nil { // the stacks of a fleet have names of their own there, and the process is not theirs alone
		s.log = log.With("stack", opened.Name())
		s.metrics.AddProcess()
	}
	s.configured = modified(opened.ConfigFile())
	s.hasFile = !s.configured.IsZero()
	if fleet != nil {
		s.tokens.Also, s.tokens.Read = fleet.tokens, s.readTokens
	} else if err := s.readTokens(ctx); err != nil {
		return nil, err
	}
	dir, err := opened.StateDir()
	if err != nil {
		return nil, err
	}
	if err := journal.Adopt(ctx, dir, opened.FormerStateDir()); err != nil {
		return nil, err
	}
	s.directories = placesOf(opened, o.app.settings.cwd, dir)
	if s.journal, err = journal.Open(ctx, dir); err != nil {
		return nil, err
	}
	if damage := s.journal.Damage(); damage != nil {
		s.log.Error("the journal was damaged", "reason", damage.Error())
	}
	s.cluster = join(opened.ProjectName() + "/" + opened.Name())
	if err := s.build(); err != nil {
		s.closeJournal()
		return nil, err
	}
	return s, nil
}

// close ends what has been opened, even if it never worked.
func (s *servedStack) close() {
	s.queue.Close()
	s.closeJournal()
}

func (s *servedStack) closeJournal() {
	if s.cluster != nil {
		_ = s.cluster.journal.Close() // what it says of the values of metrics is no reason not to end
	}
	if err := s.journal.Close(); err != nil {
		s.log.Error("the journal could not be closed", "reason", err.Error())
	}
}

// readFirst reads the stack for the first time, which also puts its config file right, as every start does. Without valid
// rules there is nothing to serve. A stack that has been destroyed is waited for, like one that is destroyed later.
func (s *servedStack) readFirst(ctx context.Context) error {
	if _, _, err := s.scaler.Pools(ctx); err != nil && !scale.IsA[*scale.DestroyedError](err) {
		return err
	}
	if err := s.queue.Reload(ctx); err != nil && !scale.IsA[*scale.DestroyedError](err) {
		return err
	}
	return nil
}

// work carries out what is accepted, and does all else besides answering, until ctx ends. Then the running update is
// finished.
func (s *servedStack) work(ctx context.Context, reload <-chan struct{}) {
	var background sync.WaitGroup
	background.Go(func() { s.queue.Run(ctx) })
	background.Go(func() { s.follow(ctx, reload) })
	background.Go(func() { s.watcher.Run(ctx, s.queue) })
	background.Go(func() { s.teller.Run(ctx, s.queue) })
	background.Go(func() { s.commitCounts(ctx) })
	background.Wait()
}

// mostRetryDelay is the longest wait before accepted operations are tried again, unless --retry-delay is longer.
const mostRetryDelay = time.Minute

// A message of SNS that comes again must still be known. So the journal keeps keys for longer than messages are
// accepted: this does not compile otherwise.
const _ = uint64(journal.KeepKeyed - sns.Lifetime)

// build puts the scaler, the queue and the HTTP server together.
func (s *servedStack) build() (err error) {
	a, kept := s.app, s.journal
	s.teller = s.newTeller(kept)
	observe := func(event scale.Event) {
		if s.queue != nil { // not before it is made
			s.queue.Heard()
		}
		s.metrics.Observe(event)
		s.activity.Observe(event)
		s.teller.Observe(event)
		s.addToBacklog(event)
		logEvent(s.log, event)
	}
	s.watcher = &metric.Watcher{Credentials: &metric.Credentials{Read: s.stack.Secrets, Now: a.now}, Observe: s.observeMetrics, Now: a.now}
	s.scaler = &scaler.Scaler{
		Metrics: s.watcher, Stack: s.stack, HeadStart: a.settings.headStartOf(s.stack), Programs: a.settings.programsOf(s.stack), Observe: observe, OnDrift: a.settings.onDrift,
		Retries: uint(a.settings.retries), RetryDelay: a.settings.retryDelay, Now: a.now, Holds: s.stack,
	}
	options := queue.Options{
		Scaler: s.scaler, Journal: kept, Observe: observe, Poll: s.poll, GiveUpAfter: s.giveUpAfter,
		RetryDelay: a.settings.retryDelay, MaxRetryDelay: max(a.settings.retryDelay, mostRetryDelay),
	}
	if s.cluster != nil {
		if err := s.joinCluster(&options); err != nil {
			return err
		}
	}
	if s.fleetOf != nil {
		options.Room, options.Unhurried = s.fleetOf.engines, s.fleetOf.unhurried
	}
	if s.queue, err = queue.New(options); err != nil {
		return err
	}
	s.metrics.Watch(s.queue)
	s.metrics.WatchListeners(s.teller.Status)
	s.openBacklog(kept, observe)
	s.handler = &webhook.Server{
		Queue: s.queue, Activity: s.activity, StackName: s.stack.Name(), ProjectName: s.stack.ProjectName(), Tokens: s.tokens, Metrics: s.metrics, Log: s.log, Now: a.now,
		Reloaded:    s.reload,
		Listeners:   s.teller.Status,
		Identities:  identity.New(a.sections.Identities, http.DefaultTransport, a.now),
		Directories: s.directories,
		Verifier:    sns.NewVerifier(sns.NewFetch(nil), s.snsTopics...),
	}
	if s.cluster != nil {
		s.handler.Cluster = s.cluster.status
		s.metrics.WatchCluster(s.cluster.status)
	}
	if s.backlog != nil {
		s.handler.Branch = s.backlog.Status
		s.metrics.WatchBranch(s.backlog.Status)
	}
	return nil
}

// placesOf are the directories of this machine that nobody outside needs to know: the program's, the user's own, and
// more.
func placesOf(opened openedStack, cwd string, more ...string) []string {
	out := append([]string{filepath.Dir(opened.ConfigFile())}, more...)
	if dir, err := filepath.Abs(cwd); err == nil {
		out = append(out, dir)
	}
	if home, err := os.UserHomeDir(); err == nil {
		out = append(out, home)
	}
	return out
}

// readTokens reads the tokens from the stack's configuration. On an error the tokens in force stay in force, unless the
// error is that there is no token any more.
func (s *servedStack) readTokens(ctx context.Context) error {
	s.reading.Lock()
	defer s.reading.Unlock()
	had, file := s.tokens.Any(), s.stack.ConfigFile()
	before := modified(file)
	if had && s.hasFile && isBlank(file) { // that does not say that somebody took the token away
		return &scale.UsageError{Field: filepath.Base(file), Problem: "is missing or empty, and so the tokens cannot be read"}
	}
	keys := []string{webhook.TokenKey, webhook.PreviousTokenKey}
	if s.pathToken {
		keys = append(keys, webhook.PathTokenKey)
	}
	found, err := s.stack.Secrets(ctx, keys...)
	if err != nil {
		return err
	}
	// If the token is missing and the file has changed, a file was read that was just being written, or put elsewhere.
	if had && found[webhook.TokenKey] == "" && !modified(file).Equal(before) {
		return &scale.UsageError{Field: filepath.Base(file), Problem: "was changed while the tokens were read from it"}
	}
	if s.watcher != nil { // the credentials of metrics and listeners are in the same place
		s.watcher.Credentials.Forget()
		s.teller.Forget()
	}
	err = s.tokens.Set(found[webhook.TokenKey], found[webhook.PreviousTokenKey])
	if s.fleetOf != nil && found[webhook.TokenKey] == "" { // that of the fleet will do
		err = nil
	}
	if err == nil && s.pathToken {
		err = s.setPathToken(found[webhook.PathTokenKey])
	}
	switch has := s.tokens.Any(); {
	case had && !has:
		s.log.Error("every request is refused: the token was taken out of the stack's configuration", "key", webhook.TokenKey)
	case !had && has && s.queue != nil: // not at the start
		s.log.Info("the stack's configuration holds a token again")
	}
	// The command in the error's hint must mean this stack.
	if e, ok := errors.AsType[*scale.UsageError](err); ok {
		e.Hint += " --stack " + s.stack.Name()
		if dir := s.app.settings.cwd; dir != "" {
			e.Hint += fmt.Sprintf(" --cwd %q", dir)
		}
	}
	return err
}

// setPathToken has a token taken in paths, which --path-token asks for.
func (s *servedStack) setPathToken(token string) error {
	err := s.tokens.SetPath(token)
	if err == nil && token == "" {
		err = &scale.UsageError{
			Field: webhook.PathTokenKey, Problem: "is missing, and --path-token asks for it",
			Hint: "set one with: openssl rand -hex 32 | tr -d '\\n' | pulumi config set --secret " + webhook.PathTokenKey,
		}
	}
	return err
}

// follow reads the tokens and the rules again when that is asked for. It reads the tokens alone when the stack's
// configuration file has changed.
func (s *servedStack) follow(ctx context.Context, reload <-chan struct{}) {
	ticker := time.NewTicker(s.unhurriedWait(s.poll))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-reload:
			err := s.reload(ctx)
			if err == nil {
				err = s.queue.Reload(ctx)
			}
			if ctx.Err() != nil { // the server ends, and cut the reading off
				return
			}
			if err != nil {
				if s.tokens.Any() { // else that has been said
					s.log.Error("not all could be read again; what was in force stays so", "reason", err.Error())
				}
				continue
			}
			s.log.Info("read again", "pools", s.queue.Rules().Names())
		case <-ticker.C:
			now := modified(s.stack.ConfigFile())
			if now.Equal(s.configured) || !s.tokens.WereRead() {
				continue
			}
			err := s.readTokens(ctx)
			if ctx.Err() != nil {
				return
			}
			if s.tokens.Any() && err != nil {
				s.log.Error("the tokens cannot be read again; those in force stay so", "reason", err.Error())
				continue
			}
			s.configured = now
		}
	}
}

// isBlank says whether a file holds nothing, or is not there, or cannot be read.
func isBlank(path string) bool {
	text, err := os.ReadFile(path)
	return err != nil || len(bytes.TrimSpace(text)) == 0
}

// modified is when a file was changed last. It is zero if that cannot be told.
func modified(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
