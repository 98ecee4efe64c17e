package cmd

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/cluster"
	"github.com/pulumiscale/pulumiscale/scale/fleet"
	"github.com/pulumiscale/pulumiscale/scale/room"
	"github.com/pulumiscale/pulumiscale/webhook"
)

// fleetOptions are the options of serving many stacks.
type fleetOptions struct {
	// file is the file that lists the stacks. If it is empty, one stack is served.
	file string
	// maxUpdates is how many engines run at once, and pollBudget how many processes in a minute may read stacks that
	// nobody has asked about.
	maxUpdates, pollBudget int
	// given are the flags of the command line that hold for each stack, as arguments.
	given []string
}

func (f *fleetOptions) flags(set *pflag.FlagSet) {
	f.maxUpdates, f.pollBudget = 4, 120
	set.StringVar(&f.file, "fleet", "", "serve the stacks that this file lists: see docs/fleet.md")
	set.Var(whole{&f.maxUpdates, 1, 1000}, "max-updates", "with --fleet: how many engines run at once, over all stacks")
	set.Var(whole{&f.pollBudget, 1, 1 << 20}, "poll-budget", "with --fleet: how many processes of the CLI in a minute may read stacks that nobody has asked about; with many stacks, each is read less often than --poll says")
}

// checkFleet says which flags do not go with --fleet.
func (o *serveOptions) checkFleet() error {
	if o.fleet.file == "" {
		for _, name := range []string{"max-updates", "poll-budget"} {
			if o.app.sources[name] >= fromEnv {
				return &scale.UsageError{Field: "--" + name, Problem: "is about the stacks of --fleet, which is not given"}
			}
		}
		return nil
	}
	for name, value := range map[string]string{"stack": o.app.settings.stack, "cwd": o.app.settings.cwd, "git": o.app.settings.git.url, "path": o.app.settings.git.path} {
		if value != "" {
			return &scale.UsageError{Field: "--fleet, --" + name, Problem: "only one of them can be given", Hint: "the file of --fleet says of each stack where it is"}
		}
	}
	return nil
}

// ofServer are the flags that are about the server or the command, and not about a stack.
func ofServer() []string {
	return append(clusterFlags(),
		"listen", "tls-cert", "tls-key", "log-format", "log-level", "fleet", "max-updates", "poll-budget", "cluster-peers", "nats",
		"trace", "json", "color", "non-interactive", "stack", "cwd", "git", "path", "help",
	)
}

// givenForStacks are the flags of a command line that hold for each stack of a fleet, as arguments.
func givenForStacks(cmd *cobra.Command) []string {
	var out []string
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if slices.Contains(ofServer(), flag.Name) || !flag.Changed {
			return
		}
		values := []string{flag.Value.String()}
		if several, ok := flag.Value.(pflag.SliceValue); ok {
			values = several.GetSlice()
		}
		for _, value := range values {
			out = append(out, "--"+flag.Name+"="+value)
		}
	})
	return out
}

// sharedInFleet is what the stacks of a fleet share.
type sharedInFleet struct {
	// engines and readings are where engines and the CLI's readings have their places.
	engines, readings *room.Room
	// tokens are those of the fleet.
	tokens *webhook.Tokens
	// unhurried is that of [queue.Options].
	unhurried func() float64
}

// How long an engine, or a reading, is not heard of until it no longer counts.
const (
	silentEngine  = time.Minute
	silentReading = 10 * time.Second
)

// fleetServer serves many stacks.
type fleetServer struct {
	*serveOptions
	log       *slog.Logger
	interrupt <-chan struct{}
	shared    sharedInFleet
	node      *cluster.Node
	stacks    *fleet.Fleet[*fleetStack]
	handler   *webhook.Fleet

	// mu lets one reading of the file and of the token go on at a time. tokenFile is the one with the fleet's token, and
	// tokenRead when it was last changed before it was read.
	mu        sync.Mutex
	tokenFile string
	tokenRead time.Time
}

// serveFleet serves the stacks of a file.
func (o *serveOptions) serveFleet(ctx context.Context, log *slog.Logger, signals *serveSignals, node *cluster.Node) error {
	s := &fleetServer{serveOptions: o, log: log, interrupt: signals.engine, node: node}
	s.shared = sharedInFleet{
		engines: room.New(o.fleet.maxUpdates, silentEngine), readings: room.New(max(4, 2*runtime.NumCPU()), silentReading),
		tokens: &webhook.Tokens{}, unhurried: func() float64 { return unhurried(s.stacks.Size(), o.poll, o.fleet.pollBudget) },
	}
	s.stacks = fleet.New(fleet.Options[*fleetStack]{Open: s.openStack, Log: log})
	if _, err := s.read(); err != nil {
		return err
	}
	s.handler = &webhook.Fleet{
		Tokens: s.shared.tokens, Find: s.find, IsUnknown: scale.IsA[*fleet.UnknownStackError], Members: s.members, Engines: s.engines,
		Reload: func(context.Context) (webhook.FleetChange, error) { return s.reload() }, Metrics: webhook.NewFleetMetrics(), Log: log, Now: o.app.now,
	}
	l, err := o.newListening(ctx, s.handler.Handler(), log)
	if err != nil {
		return err
	}
	log.Info("listening", "address", l.Addr().String(), "tls", o.tlsCert != "", "stacks", s.stacks.Size())
	l.warnOfPlainText()
	err = l.serve(ctx, s.handler, func(ctx context.Context) { s.work(ctx, signals.reload) })
	log.Info("stopped")
	return err
}

// readingsPerPoll is how many processes it takes to read a stack that nobody has asked about: its state and its history.
const readingsPerPoll = 2

// unhurried is how many times longer than poll the wait between two readings of a stack is, so that all stacks together
// keep to the budget of processes in a minute.
func unhurried(stacks int, poll time.Duration, budget int) float64 {
	return max(1, float64(stacks*readingsPerPoll)*time.Minute.Seconds()/poll.Seconds()/float64(budget))
}

// read reads the fleet's file and its token. On an error what was in force stays in force.
func (s *fleetServer) read() (change webhook.FleetChange, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := fleet.Read(s.fleet.file)
	if err != nil {
		return change, err
	}
	if err := s.readToken(list.TokenFile); err != nil {
		return change, err
	}
	change.Added, change.Gone = s.stacks.Set(list.Stacks)
	return change, nil
}

// readToken reads the fleet's token: the first line of the file, and during a rotation the one before in the second. s.mu
// must be held.
func (s *fleetServer) readToken(file string) error {
	hint := "write one with: (umask 077; openssl rand -hex 32 > " + filepath.Base(file) + ")"
	changed := modified(file)
	text, err := os.ReadFile(file)
	if err != nil {
		return &scale.SetupError{Problem: "read the fleet's token", Err: err, Hint: hint}
	}
	current, rest, _ := strings.Cut(strings.TrimRight(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"), "\n")
	previous, more, _ := strings.Cut(rest, "\n")
	if more != "" {
		return &scale.UsageError{Field: file, Problem: "has more than two lines: the token and, during a rotation, the one before", Hint: hint}
	}
	if current == "" { // perhaps somebody is just writing it, which takes no token away
		return &scale.UsageError{Field: file, Problem: "has no token in its first line", Hint: hint}
	}
	if err := s.shared.tokens.Set(current, previous); err != nil {
		if usage, ok := errors.AsType[*scale.UsageError](err); ok {
			err = &scale.UsageError{Field: file, Problem: "the token " + usage.Problem, Hint: hint}
		}
		return err
	}
	s.tokenFile, s.tokenRead = file, changed
	if info, err := os.Stat(file); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		s.log.Warn("others on this machine can read the fleet's token", "file", file, "mode", info.Mode().Perm().String())
	}
	return nil
}

// reload reads the file again, and has every stack's tokens and credentials read again when they are needed.
func (s *fleetServer) reload() (webhook.FleetChange, error) {
	change, err := s.read()
	if err != nil {
		s.log.Error("the list of stacks could not be read again; what was in force stays so", "reason", err.Error())
		return change, err
	}
	for _, m := range s.stacks.Members() {
		if m.Open {
			m.Stack.forget()
		}
	}
	s.log.Info("read again", "stacks", s.stacks.Size(), "added", change.Added, "gone", change.Gone)
	return change, nil
}

// work keeps the stacks open, and reads the file again when that is asked for, until ctx ends.
func (s *fleetServer) work(ctx context.Context, reload <-chan struct{}) {
	var background sync.WaitGroup
	background.Go(func() { s.stacks.Run(ctx) })
	defer background.Wait()
	ticker := time.NewTicker(s.poll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-reload:
			_, _ = s.reload() // the log has it
		case <-ticker.C:
			s.followToken()
		}
	}
}

// followToken reads the fleet's token again if its file has changed.
func (s *fleetServer) followToken() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := modified(s.tokenFile); now.IsZero() || now.Equal(s.tokenRead) {
		return
	}
	if err := s.readToken(s.tokenFile); err != nil {
		s.log.Error("the fleet's token cannot be read again; the one in force stays so", "reason", err.Error())
		return
	}
	s.log.Info("the fleet's token was read again")
}

// fleetStack is an open stack of a fleet.
type fleetStack struct {
	*servedStack
	server *webhook.FleetServer
}

// Run works until ctx ends, and closes the stack.
func (s *fleetStack) Run(ctx context.Context) {
	s.log.Info("the stack is open")
	s.work(ctx, nil)
	s.handler.Stop()
	finishing, done := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer done()
	s.handler.Finish(finishing)
	waiting := len(s.queue.Open())
	s.close()
	s.log.Info("the stack is closed", "waiting", waiting)
}

// openStack opens a stack of the fleet, with the settings of the file in its program's directory.
func (s *fleetServer) openStack(ctx context.Context, e fleet.Entry) (*fleetStack, error) {
	options, err := s.forEntry(ctx, e)
	if err != nil {
		return nil, err
	}
	join := func(string) *inCluster { return joinedAs(s.node, e.Name) }
	opened, err := options.openServed(ctx, s.log.With("stack", e.Name), s.interrupt, &s.shared, join)
	if err != nil {
		return nil, err
	}
	opened.metrics.TellOnlyKnown()
	return &fleetStack{servedStack: opened, server: webhook.NewFleetServer(opened.handler, e.Name)}, nil
}

// forEntry are the options with which a stack is served: those that `pulumiscale serve` would have in its program's
// directory, with the flags that the fleet was given.
func (s *fleetServer) forEntry(ctx context.Context, e fleet.Entry) (*serveOptions, error) {
	from := s.app
	a := &app{
		streams: from.streams, version: from.version, open: from.open, probe: from.probe, notify: from.notify, notifyHangup: from.notifyHangup, now: from.now,
		remark: func(text string) { s.log.Info("opening the stack", "stack", e.Name, "doing", text) },
	}
	o := newServeOptions(a)
	cmd := &cobra.Command{Use: "serve"}
	o.flags(cmd)
	root := a.root()
	if old, _, err := root.Find([]string{"serve"}); err == nil {
		root.RemoveCommand(old)
	}
	root.AddCommand(cmd)
	cmd.SetContext(ctx)
	args := append(slices.Clone(s.fleet.given), "--stack="+e.Stack)
	if e.Dir != "" {
		args = append(args, "--cwd="+e.Dir)
	} else {
		args = append(args, "--git="+e.Git, "--path="+e.Path)
	}
	if err := cmd.ParseFlags(args); err != nil {
		return nil, err
	}
	if err := a.configure(cmd, true); err != nil {
		return nil, err
	}
	a.stack = e.Stack
	if err := o.checkServing(); err != nil {
		return nil, err
	}
	return o, nil
}

// find is the server of a stack.
func (s *fleetServer) find(ctx context.Context, name string) (*webhook.FleetServer, error) {
	found, err := s.stacks.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	return found.server, nil
}

// members are the stacks as the HTTP server sees them.
func (s *fleetServer) members() []webhook.FleetMember {
	var out []webhook.FleetMember
	for _, m := range s.stacks.Members() {
		next := webhook.FleetMember{Name: m.Entry.Name, Err: m.Err, RetryAt: m.RetryAt}
		if m.Open {
			next.Server = m.Stack.server
		} else if m.Err != nil && m.Entry.Dir != "" {
			next.Err = errors.New(webhook.NewVeil([]string{m.Entry.Dir})(m.Err.Error()))
		}
		out = append(out, next)
	}
	return out
}

// engines tells how the room for engines is used.
func (s *fleetServer) engines() board.Engines {
	use := s.shared.engines.Use()
	return board.Engines{Places: use.Places, Running: use.Held, Silent: use.Silent, Waiting: use.Waiting}
}

// forget has the tokens and the credentials read again when they are needed.
func (s *servedStack) forget() {
	s.tokens.Forget()
	s.watcher.Credentials.Forget()
	s.teller.Forget()
	s.teller.Reload()
}

// unhurriedWait is a wait that grows with the number of stacks of a fleet.
func (s *servedStack) unhurriedWait(wait time.Duration) time.Duration {
	if s.fleetOf == nil {
		return wait
	}
	return time.Duration(float64(wait) * s.fleetOf.unhurried())
}
