package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"github.com/spf13/cobra"

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

// serveOptions are the options of `pulumiscale serve`.
type serveOptions struct {
	app              *app
	listen           string
	tlsCert, tlsKey  string
	snsTopics        []string
	pathToken        bool
	poll             time.Duration
	giveUpAfter      time.Duration
	logFormat, level string
}

// The choices of --log-format and --log-level.
const (
	logAuto = "auto"
	logText = "text"
	logJSON = "json"
)

// serveCommand is `pulumiscale serve`. In tests of its flags, run takes the place of what it does.
func serveCommand(a *app, run func(*serveOptions) error) *cobra.Command {
	o := &serveOptions{app: a, poll: 30 * time.Second, giveUpAfter: time.Hour, logFormat: logAuto, level: "info"}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Scale on webhooks: CloudWatch alarms, Alertmanager, HTTP requests",
		Long: "Serve webhooks that scale the stack's pools: alarms of AWS CloudWatch, Azure Monitor and Google Cloud Monitoring,\n" +
			"alerts of Prometheus' Alertmanager and of Grafana, signals of whatever lets you write its body, and direct HTTP requests.\n\n" +
			"Every request needs the token in the stack's config, pulumiscale:token, or a JSON Web Token of an identity that the settings name.\n" +
			"What is accepted is on disk before it is answered. Listeners that the settings name are told what happens.\n" +
			"SIGTERM or Ctrl-C lets a running update finish, a second one interrupts it gently; SIGHUP reads tokens and rules again.\n" +
			"A terminal that is closed ends the server like SIGTERM, unless it was started by nohup.",
		Example: "  openssl rand -hex 32 | tr -d '\\n' | pulumi config set --secret pulumiscale:token\n" +
			"  pulumiscale serve --listen 0.0.0.0:8080 --tls-cert cert.pem --tls-key key.pem",
		Args: atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.begin(cmd, true); err != nil {
				return err
			}
			if err := o.check(); err != nil {
				return err
			}
			if run != nil {
				return run(o)
			}
			return o.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "the address to listen on; port 0 takes a free one")
	f.StringVar(&o.tlsCert, "tls-cert", "", "the file of the TLS certificate; it is read again when it changes")
	f.StringVar(&o.tlsKey, "tls-key", "", "the file of its key")
	f.StringSliceVar(&o.snsTopics, "sns-topic", nil, "the ARN of an SNS topic that may send; may be repeated; default: any topic")
	f.BoolVar(&o.pathToken, "path-token", false, "take the secret pulumiscale:pathToken of the stack's config in the path of alarms, for senders that have nothing but an address: see docs/security.md")
	f.Var(wait{&o.poll}, "poll", "how often the stack is read for other people's updates while nothing happens")
	f.Var(wait{&o.giveUpAfter}, "give-up-after", "the age at which an operation fails that a locked stack or an unreachable backend holds up")
	formats := choice[string]{&o.logFormat, []string{logAuto, logText, logJSON}}
	f.Var(formats, "log-format", "auto (text on a terminal, else JSON), text or json")
	levels := choice[string]{&o.level, []string{"debug", "info", "warn", "error"}}
	f.Var(levels, "log-level", "debug, info, warn or error")
	formats.complete(cmd, "log-format")
	levels.complete(cmd, "log-level")
	return cmd
}

func (o *serveOptions) check() error {
	if (o.tlsCert == "") != (o.tlsKey == "") {
		return &scale.UsageError{Field: "--tls-cert, --tls-key", Problem: "both must be given, or neither"}
	}
	if _, _, err := net.SplitHostPort(o.listen); err != nil {
		return &scale.UsageError{Field: "--listen", Problem: fmt.Sprintf("must be an address such as 127.0.0.1:8080, not %q", o.listen)}
	}
	if o.poll < time.Second {
		return &scale.UsageError{Field: "--poll", Problem: "must be 1s or more"}
	}
	return nil
}

// server is all that serves, put together.
type server struct {
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
	http    *http.Server
	// reading lets one reading of the tokens begin only after the one before has ended, so that the latest one counts.
	reading sync.Mutex
}

// garbageShare is the garbage that a server's heap may hold, in percent of what is alive. A server has 4 MiB alive, so
// that with Go's own 100 the collector would run dozens of times in a second under load. With more than 200, what a
// large reading leaves for a while would be multiplied.
const garbageShare = 200

func (o *serveOptions) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(garbageShare)
	}
	s := &server{
		serveOptions: o, log: o.logger(), tokens: &webhook.Tokens{}, metrics: webhook.NewMetrics(), activity: &queue.Activity{Now: o.app.now},
	}
	signals := newServeSignals(stop, s.log, o.app.terminalGone)
	defer signals.watch(o.app.notify)()

	options := o.app.settings.stackOptions()
	options.Interrupt, options.KeepRules = signals.engine, true
	opened, err := o.app.open(ctx, options)
	if err != nil {
		return err
	}
	s.stack, o.app.stack = opened, opened.Name()
	s.log = s.log.With("stack", opened.Name())
	s.configured = modified(opened.ConfigFile())
	s.hasFile = !s.configured.IsZero()
	if err := s.readTokens(ctx); err != nil {
		return err
	}
	dir, err := opened.StateDir()
	if err != nil {
		return err
	}
	if err := journal.Adopt(ctx, dir, opened.FormerStateDir()); err != nil {
		return err
	}
	s.directories = placesOf(opened, o.app.settings.cwd, dir)
	kept, err := journal.Open(ctx, dir)
	if err != nil {
		return err
	}
	defer func() {
		if err := kept.Close(); err != nil {
			s.log.Error("the journal could not be closed", "reason", err.Error())
		}
	}()
	if damage := kept.Damage(); damage != nil {
		s.log.Error("the journal was damaged", "reason", damage.Error())
	}
	if err := s.build(ctx, kept); err != nil {
		return err
	}
	defer s.queue.Close() // even if it never runs
	// The first reading also puts the stack's config file right, as every start does. Without valid rules there is
	// nothing to serve. A stack that has been destroyed is waited for, like one that is destroyed later.
	if _, _, err := s.scaler.Pools(ctx); err != nil && !scale.IsA[*scale.DestroyedError](err) {
		return err
	}
	if err := s.queue.Reload(ctx); err != nil && !scale.IsA[*scale.DestroyedError](err) {
		return err
	}
	return s.serve(ctx, signals.reload)
}

// mostRetryDelay is the longest wait before accepted operations are tried again, unless --retry-delay is longer.
const mostRetryDelay = time.Minute

// A message of SNS that comes again must still be known. So the journal keeps keys for longer than messages are
// accepted: this does not compile otherwise.
const _ = uint64(journal.KeepKeyed - sns.Lifetime)

// build puts the scaler, the queue and the HTTP server together.
func (s *server) build(ctx context.Context, kept *journal.Journal) (err error) {
	a := s.app
	s.teller = s.newTeller(kept)
	observe := func(event scale.Event) {
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
	s.queue, err = queue.New(queue.Options{
		Scaler: s.scaler, Journal: kept, Observe: observe, Poll: s.poll, GiveUpAfter: s.giveUpAfter,
		RetryDelay: a.settings.retryDelay, MaxRetryDelay: max(a.settings.retryDelay, mostRetryDelay),
	})
	if err != nil {
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
	if s.backlog != nil {
		s.handler.Branch = s.backlog.Status
		s.metrics.WatchBranch(s.backlog.Status)
	}
	s.http = webhook.NewHTTPServer(s.handler.Handler(), s.log)
	// The context carries the trace.
	s.http.BaseContext = func(net.Listener) context.Context { return context.WithoutCancel(ctx) }
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
func (s *server) readTokens(ctx context.Context) error {
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
func (s *server) setPathToken(token string) error {
	err := s.tokens.SetPath(token)
	if err == nil && token == "" {
		err = &scale.UsageError{
			Field: webhook.PathTokenKey, Problem: "is missing, and --path-token asks for it",
			Hint: "set one with: openssl rand -hex 32 | tr -d '\\n' | pulumi config set --secret " + webhook.PathTokenKey,
		}
	}
	return err
}

// drainTimeout is how long, at the end, requests that are being answered are waited for.
const drainTimeout = 10 * time.Second

// finishTimeout is how long, after that, what the requests began is waited for, such as the engine of a dry run, which
// has been interrupted.
const finishTimeout = 3 * time.Second

// serve listens and carries out what is accepted until ctx ends. Then it stops accepting, and the running update is
// finished.
func (s *server) serve(ctx context.Context, reload <-chan struct{}) error {
	if s.tlsCert != "" {
		certificate, err := webhook.LoadCertificate(s.tlsCert, s.tlsKey, s.log)
		if err != nil {
			hint := "--tls-cert and --tls-key name PEM files that belong together"
			if errors.Is(err, fs.ErrNotExist) {
				hint = "give --tls-cert and --tls-key the paths of files that exist; for a service best from the root on"
			}
			return &scale.SetupError{Problem: "read the TLS certificate", Err: err, Hint: hint}
		}
		s.http.TLSConfig = certificate.TLS()
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.listen)
	if err != nil {
		return &scale.SetupError{Problem: "listen on " + s.listen, Err: err, Hint: "name another address with --listen"}
	}
	s.log.Info("listening", "address", listener.Addr().String(), "tls", s.tlsCert != "", "pools", s.queue.Rules().Names())
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() && s.tlsCert == "" {
		s.log.Warn("tokens travel unencrypted unless something before the server speaks TLS: see --tls-cert", "address", tcp.String())
	}

	s.warnOfUnknownPools()

	// The queue ends after the requests, so that what they bring is still accepted.
	running, finish := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	background.Go(func() { s.queue.Run(running) })
	background.Go(func() { s.follow(running, reload) })
	background.Go(func() { s.watcher.Run(running, s.queue) })
	background.Go(func() { s.teller.Run(running, s.queue) })
	background.Go(func() { s.commitCounts(running) })
	served := make(chan error, 1)
	go func() {
		if s.http.TLSConfig != nil {
			served <- s.http.ServeTLS(listener, "", "")
		} else {
			served <- s.http.Serve(listener)
		}
	}()
	select {
	case err = <-served:
	case <-ctx.Done():
		s.log.Info("shutting down: no more requests are accepted")
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		s.handler.Stop()
		// If this fails, somebody still waits for an answer. What was accepted is on disk.
		if s.http.Shutdown(drain) != nil {
			_ = s.http.Close()
		}
		err = <-served
		finishing, done := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
		defer done()
		s.handler.Finish(finishing)
	}
	finish()
	background.Wait()
	s.log.Info("stopped", "waiting", len(s.queue.Open()))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// follow reads the tokens and the rules again when that is asked for. It reads the tokens alone when the stack's
// configuration file has changed.
func (s *server) follow(ctx context.Context, reload <-chan struct{}) {
	ticker := time.NewTicker(s.poll)
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
			if now.Equal(s.configured) {
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
