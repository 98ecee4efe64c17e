package serving

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/fleet"
	"github.com/pulumiscale/pulumiscale/scale/room"
	"github.com/pulumiscale/pulumiscale/webhook"
)

// FleetOptions say which stacks are served, and how many engines and readings may run for them.
type FleetOptions struct {
	// File is the file that lists the stacks.
	File string
	// MaxUpdates is how many engines run at once, and PollBudget how many processes in a minute may read stacks that
	// nobody has asked about.
	MaxUpdates, PollBudget int
	// Poll is how often a stack is read, if the budget allows it.
	Poll time.Duration
	// Configure makes the options with which a stack of the file is served.
	Configure func(context.Context, fleet.Entry) (Options, error)
}

// sharedInFleet is what the stacks of a fleet share.
type sharedInFleet struct {
	// engines is the room in which engines run, and readings the room in which the Pulumi CLI reads stacks.
	engines, readings *room.Room
	// tokens are the tokens of the fleet, which each stack accepts besides its own.
	tokens *webhook.Tokens
	// unhurried becomes Unhurried in the [queue.Options] of each stack.
	unhurried func() float64
}

// How long an engine, or a reading, may be silent before its place counts as free.
const (
	silentEngine  = time.Minute
	silentReading = 10 * time.Second
)

// fleetServer serves many stacks.
type fleetServer struct {
	*Process
	options FleetOptions
	shared  sharedInFleet
	stacks  *fleet.Fleet[*fleetStack]
	handler *webhook.Fleet

	// mu lets only one goroutine at a time read the list of stacks and the token. tokenFile is the file with the
	// fleet's token. tokenRead is the time of the last change of tokenFile, taken just before the token was read.
	mu        sync.Mutex
	tokenFile string
	tokenRead time.Time
}

// ServeFleet serves the stacks of a file until ctx ends.
func (p *Process) ServeFleet(ctx context.Context, options FleetOptions) error {
	s := &fleetServer{Process: p, options: options}
	s.shared = sharedInFleet{
		engines: room.New(options.MaxUpdates, silentEngine), readings: room.New(max(4, 2*runtime.NumCPU()), silentReading),
		tokens: &webhook.Tokens{}, unhurried: func() float64 { return unhurried(s.stacks.Size(), options.Poll, options.PollBudget) },
	}
	s.stacks = fleet.New(fleet.Options[*fleetStack]{Open: s.openStack, Log: p.Log})
	if _, err := s.read(); err != nil {
		return err
	}
	s.handler = &webhook.Fleet{
		Tokens: s.shared.tokens, Find: s.find, IsUnknown: scale.IsA[*fleet.UnknownStackError], Members: s.members, Engines: s.engines,
		Reload: func(context.Context) (webhook.FleetChange, error) { return s.reload() }, Metrics: webhook.NewFleetMetrics(), Log: p.Log, Now: p.Now,
	}
	l, err := p.newListening(ctx, s.handler.Handler(), p.Log)
	if err != nil {
		return err
	}
	l.tell("stacks", s.stacks.Size())
	err = l.serve(ctx, s.handler, s.work)
	p.Log.Info("stopped")
	return err
}

// readingsPerPoll is how many processes read a stack that nobody has asked about: one for its state, one for its
// history.
const readingsPerPoll = 2

// unhurried returns how many times longer than poll a stack waits between two readings, so that all stacks together
// keep to the budget of processes in a minute. It is at least 1.
func unhurried(stacks int, poll time.Duration, budget int) float64 {
	return max(1, float64(stacks*readingsPerPoll)*time.Minute.Seconds()/poll.Seconds()/float64(budget))
}

// read reads the list of stacks and the fleet's token. On an error, the list and the token that were in force stay in
// force.
func (s *fleetServer) read() (change webhook.FleetChange, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := fleet.Read(s.options.File)
	if err != nil {
		return change, err
	}
	if err := s.readToken(list.TokenFile); err != nil {
		return change, err
	}
	change.Added, change.Gone = s.stacks.Set(list.Stacks)
	return change, nil
}

// readToken reads the fleet's token from the file's first line and, during a rotation, the previous token from the
// second. s.mu must be held.
func (s *fleetServer) readToken(file string) error {
	hint := "write one with: (umask 077; openssl rand -hex 32 > " + filepath.Base(file) + ")"
	changed := modified(file)
	text, err := os.ReadFile(file)
	if err != nil {
		return &scale.SetupError{Problem: "cannot read the fleet's token", Err: err, Hint: hint}
	}
	current, rest, _ := strings.Cut(strings.TrimRight(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"), "\n")
	previous, more, _ := strings.Cut(rest, "\n")
	if more != "" {
		return &scale.UsageError{Field: file, Problem: "has more than two lines: the token and, during a rotation, the one before", Hint: hint}
	}
	if current == "" { // somebody may be writing the file just now: the tokens in force stay
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
		s.Log.Warn("others on this machine can read the fleet's token", "file", file, "mode", info.Mode().Perm().String())
	}
	return nil
}

// reload reads the list of stacks and the fleet's token again. Each open stack reads its tokens and credentials again
// when they are needed next.
func (s *fleetServer) reload() (webhook.FleetChange, error) {
	change, err := s.read()
	if err != nil {
		s.Log.Error("the reload failed: the list of stacks and the fleet's token from before stay in force", reason(err)...)
		return change, err
	}
	for _, m := range s.stacks.Members() {
		if m.Open {
			m.Stack.forget()
		}
	}
	s.Log.Info("reloaded the list of stacks", "stacks", s.stacks.Size(), "added", change.Added, "gone", change.Gone)
	return change, nil
}

// work keeps the stacks open until ctx ends. It reads the list of stacks again if a reload is asked for, and the
// fleet's token if its file has changed.
func (s *fleetServer) work(ctx context.Context) {
	var background sync.WaitGroup
	background.Go(func() { s.stacks.Run(ctx) })
	defer background.Wait()
	ticker := time.NewTicker(s.options.Poll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.Reload:
			_, _ = s.reload() // reload has logged the error
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
		s.Log.Error("the fleet's token cannot be reloaded; the one from before stays in force", reason(err)...)
		return
	}
	s.Log.Info("the fleet's token was reloaded")
}

// fleetStack is an open stack of a fleet.
type fleetStack struct {
	*stackServer
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

// openStack opens a stack of the fleet. Its settings come from the settings file in the directory of its program.
func (s *fleetServer) openStack(ctx context.Context, e fleet.Entry) (*fleetStack, error) {
	options, err := s.options.Configure(ctx, e)
	if err != nil {
		return nil, err
	}
	join := func(string) *inCluster { return joinedAs(s.Node, e.Name) }
	opened, err := s.open(ctx, options, s.Log.With("stack", e.Name), &s.shared, join)
	if err != nil {
		return nil, err
	}
	opened.metrics.TellOnlyKnown()
	return &fleetStack{stackServer: opened, server: webhook.NewFleetServer(opened.handler, e.Name)}, nil
}

// find returns the HTTP server of the stack that has this name in the fleet.
func (s *fleetServer) find(ctx context.Context, name string) (*webhook.FleetServer, error) {
	found, err := s.stacks.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	return found.server, nil
}

// members lists the stacks for the HTTP server. If a stack cannot be opened, its directory is taken out of the text of
// the error.
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
