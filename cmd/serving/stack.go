package serving

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/journal"
	"github.com/pulumiscale/pulumiscale/scale/metric"
	"github.com/pulumiscale/pulumiscale/scale/notice"
	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/scale/scaler"
	"github.com/pulumiscale/pulumiscale/scale/writeback"
	"github.com/pulumiscale/pulumiscale/webhook"
	"github.com/pulumiscale/pulumiscale/webhook/identity"
	"github.com/pulumiscale/pulumiscale/webhook/notify"
	"github.com/pulumiscale/pulumiscale/webhook/sns"
)

// stackServer is a stack that is served, with all that belongs to it.
type stackServer struct {
	options Options
	log     *slog.Logger
	stack   Stack
	tokens  *webhook.Tokens
	metrics *webhook.Metrics
	// configured is the time of the last change of the configuration file, taken before the tokens were read. It is
	// written at the start, and after that only follow reads and writes it.
	configured time.Time
	// hasFile says that there was a configuration file at the start. Some stacks have their configuration elsewhere.
	hasFile bool
	// directories are directories of this machine that answers must not reveal.
	directories []string
	// activity knows what is being done to the stack.
	activity *queue.Activity
	scaler   *scaler.Scaler
	watcher  *metric.Watcher
	teller   *notify.Teller
	// backlog commits the counts of scalings; nil if counts are not to be committed.
	backlog *writeback.Backlog
	queue   *queue.Queue
	handler *webhook.Server
	journal *journal.Journal
	// cluster is the stack's part in a cluster; nil if there is none. In a cluster, accepted operations are in the log
	// that all replicas share, and journal has only the notices and the commits of counts that this replica still has
	// to make.
	cluster *inCluster
	// fleetOf is what the stack shares with the other stacks of its fleet; nil if the stack is not in a fleet.
	fleetOf *sharedInFleet
	// reading is held while the tokens are read. So two readings never overlap, and the tokens of the latest reading
	// count.
	reading sync.Mutex
}

// open opens a stack and puts together what serves it. The caller must call close on the result. In a fleet, the tokens
// are not read before they are needed. join returns the stack's part in the cluster; nil if there is none. join gets
// the name of the project and of the stack, as PROJECT/STACK.
func (p *Process) open(ctx context.Context, options Options, log *slog.Logger, fleet *sharedInFleet, join func(name string) *inCluster) (*stackServer, error) {
	s := &stackServer{
		options: options, log: log, tokens: &webhook.Tokens{}, metrics: webhook.NewMetrics(), activity: &queue.Activity{Now: options.Now}, fleetOf: fleet,
	}
	how := options.Stack
	how.Interrupt, how.KeepRules = p.Interrupt, true
	if fleet != nil {
		how.Readings = fleet.readings
	}
	opened, err := options.Open(ctx, how)
	if err != nil {
		return nil, err
	}
	s.stack = opened
	if fleet == nil { // a fleet has its own names for stacks, and its process serves more than one stack
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
	s.directories = PlacesOf(opened, options.Stack.Dir, dir)
	if s.journal, err = journal.Open(ctx, dir); err != nil {
		return nil, err
	}
	if damage := s.journal.Damage(); damage != nil {
		s.log.Error("the journal was damaged", reason(damage)...)
	}
	s.cluster = join(opened.ProjectName() + "/" + opened.Name())
	if err := s.build(); err != nil {
		s.closeJournal()
		return nil, err
	}
	return s, nil
}

// mostRetryDelay is the longest wait before accepted operations are tried again, unless --retry-delay is longer.
const mostRetryDelay = time.Minute

// If SNS sends a message again, the key of the message must still be known. This line compiles only if the journal
// keeps keys for longer than messages are accepted.
const _ = uint64(journal.KeepKeyed - sns.Lifetime)

// build puts the scaler, the queue and the HTTP server together.
func (s *stackServer) build() (err error) {
	o, kept := s.options, s.journal
	s.teller = s.newTeller(kept)
	observe := func(event scale.Event) {
		if s.queue != nil { // the queue is not made yet when the first events come
			s.queue.Heard()
		}
		s.metrics.Observe(event)
		s.activity.Observe(event)
		s.teller.Observe(event)
		s.addToBacklog(event)
		logEvent(s.log, event)
	}
	s.watcher = &metric.Watcher{Credentials: &metric.Credentials{Read: s.stack.Secrets, Now: o.Now}, Observe: s.observeMetrics, Now: o.Now}
	s.scaler = &scaler.Scaler{
		Metrics: s.watcher, Stack: s.stack, Observe: observe, OnDrift: o.OnDrift,
		Retries: o.Retries, RetryDelay: o.RetryDelay, Now: o.Now, Holds: s.stack,
	}
	if !o.Stack.Afresh {
		s.scaler.HeadStart = s.stack
	}
	if o.Stack.Source != nil {
		s.scaler.Programs = s.stack
	}
	options := queue.Options{
		Scaler: s.scaler, Journal: kept, Observe: observe, Poll: o.Poll, GiveUpAfter: o.GiveUpAfter,
		RetryDelay: o.RetryDelay, MaxRetryDelay: max(o.RetryDelay, mostRetryDelay),
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
		Queue: s.queue, Activity: s.activity, StackName: s.stack.Name(), ProjectName: s.stack.ProjectName(), Tokens: s.tokens, Metrics: s.metrics, Log: s.log, Now: o.Now,
		Reloaded:    s.reload,
		Listeners:   s.teller.Status,
		Identities:  identity.New(o.Identities, http.DefaultTransport, o.Now),
		Directories: s.directories,
		Verifier:    sns.NewVerifier(sns.NewFetch(nil), o.SNSTopics...),
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

// observeMetrics passes what the watcher found to the listeners, the server's own metrics, the queue and the log.
func (s *stackServer) observeMetrics(event scale.Event) {
	switch e := event.(type) { // package notice has events of its own for these, since it does not know package metric
	case metric.Lost:
		s.teller.Observe(notice.Lost(e))
	case metric.Found:
		s.teller.Observe(notice.Found(e))
	}
	switch e := event.(type) {
	case metric.Looked:
		s.metrics.Looked(e.Pool, e.Sample)
		s.queue.KeepSample(e.Pool, e.Sample)
		s.log.Debug("looked at a metric", "pool", e.Pool, "metric", e.Sample.Metric, "value", e.Sample.Value, "reason", e.Sample.Problem)
	case metric.Lost:
		s.log.Warn("a metric has no value: nothing is scaled because of it", "pool", e.Pool, "metric", e.Sample.Metric, "since", e.Since, "reason", e.Sample.Problem)
	case metric.Found:
		s.log.Info("a metric has a value again", "pool", e.Pool, "metric", e.Sample.Metric, "value", e.Sample.Value, "since", e.Since)
	}
}

// readFirst reads the stack for the first time. It also deals with drift as OnDrift says, as at every start. If the
// rules are not valid, there is nothing to serve, and readFirst returns an error. If the stack has been destroyed, it
// returns nil: the server waits for the stack, as it does if the stack is destroyed later.
func (s *stackServer) readFirst(ctx context.Context) error {
	if _, _, err := s.scaler.Pools(ctx); err != nil && !scale.IsA[*scale.DestroyedError](err) {
		return err
	}
	if err := s.queue.Reload(ctx); err != nil && !scale.IsA[*scale.DestroyedError](err) {
		return err
	}
	return nil
}

// work carries out what is accepted, and does everything else except answering requests, until ctx ends. It returns
// when the running update is finished.
func (s *stackServer) work(ctx context.Context, reload <-chan struct{}) {
	var background sync.WaitGroup
	background.Go(func() { s.queue.Run(ctx) })
	background.Go(func() { s.follow(ctx, reload) })
	background.Go(func() { s.watcher.Run(ctx, s.queue) })
	background.Go(func() { s.teller.Run(ctx, s.queue) })
	background.Go(func() { s.commitCounts(ctx) })
	background.Wait()
}

// unhurriedWait returns a wait that is longer if the stack is in a fleet of many stacks.
func (s *stackServer) unhurriedWait(wait time.Duration) time.Duration {
	if s.fleetOf == nil {
		return wait
	}
	return time.Duration(float64(wait) * s.fleetOf.unhurried())
}

// close closes the queue and the journals, also if work was never called.
func (s *stackServer) close() {
	s.queue.Close()
	s.closeJournal()
}

func (s *stackServer) closeJournal() {
	if s.cluster != nil {
		_ = s.cluster.journal.Close() // the process ends all the same: only values of metrics can be lost
	}
	if err := s.journal.Close(); err != nil {
		s.log.Error("the journal could not be closed", reason(err)...)
	}
}

// PlacesOf returns the directories of this machine that nobody outside needs to know: the directory of the config file,
// cwd, the user's home directory, and more.
func PlacesOf(opened Stack, cwd string, more ...string) []string {
	out := append([]string{filepath.Dir(opened.ConfigFile())}, more...)
	if dir, err := filepath.Abs(cwd); err == nil {
		out = append(out, dir)
	}
	if home, err := os.UserHomeDir(); err == nil {
		out = append(out, home)
	}
	return out
}
