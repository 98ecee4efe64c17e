package cmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/pulumiscale/pulumiscale/cmd/signals"
	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// watchOptions are the options of `pulumiscale watch`.
type watchOptions struct {
	app *app
	// server is the address of a running server. If it is empty, the stack is read.
	server string
	// fleet says that the server has many stacks, and that all of them are watched.
	fleet bool
	// interval is how long after an answer the next one is asked for. If it is 0, the teller decides.
	interval time.Duration
}

// watchCommand makes the command `pulumiscale watch`. If run is not nil, it replaces the command's work, for tests of
// the flags.
func watchCommand(a *app, run func(*watchOptions) error) *cobra.Command {
	o := &watchOptions{app: a}
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Watch the pools and what goes on, live",
		Long: "Watch how the pools stand, what is being scaled, what waits, what failed and what was scaled, live, until q or Ctrl-C.\n\n" +
			"With --server a running `pulumiscale serve` is asked, with the token in PULUMISCALE_TOKEN or in the stack's config; without,\n" +
			"the stack is read every few seconds. Nothing is changed. Off a terminal it writes a line for each change, and with --json a\n" +
			"document in a line. With --fleet it is all stacks of a server of many; one of them is at the server's address with /stacks/NAME.",
		Example: "  pulumiscale watch\n" +
			"  pulumiscale watch --server https://pulumiscale.example.com\n" +
			"  pulumiscale watch --server https://pulumiscale.example.com --fleet",
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
	cmd.Flags().StringVar(&o.server, "server", "", "the address of a running server, such as https://pulumiscale.example.com; default: read the stack itself")
	cmd.Flags().BoolVar(&o.fleet, "fleet", false, "with --server: watch all stacks of a server of many, with the fleet's token in PULUMISCALE_TOKEN")
	cmd.Flags().Var(wait{&o.interval}, "interval", "how often to ask; 0: the stack every 5s, a server every 1s while something goes on and else every 3s")
	return cmd
}

func (o *watchOptions) check() error {
	if o.interval > 0 && o.interval < time.Second {
		return &scale.UsageError{Field: "--interval", Problem: "must be 1s or more"}
	}
	if o.fleet && o.server == "" {
		return &scale.UsageError{Field: "--fleet", Problem: "needs --server: the address of a server of many stacks"}
	}
	return o.checkServer()
}

// run watches until it is told to end, and returns nil then.
func (o *watchOptions) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer signals.Loop{End: stop, HangUp: stop}.Start(o.app.notify, o.app.notifyHangup)()
	err := o.watch(ctx)
	if ctx.Err() != nil || signals.IsBrokenPipe(err) {
		return nil
	}
	return err
}

// watch asks for the first time. Then it shows what is known and asks again and again.
func (o *watchOptions) watch(ctx context.Context) error {
	a := o.app
	progress := output.NewProgress(a.errs, a.errStyle(), a.live(), a.now)
	defer progress.Close()
	from, err := o.teller(ctx, progress)
	if err != nil {
		return err
	}
	progress.Work("asking " + from.name())
	known := &sight{now: a.now}
	first, err := from.ask(ctx)
	if err != nil && from.lasting(err) != nil {
		return from.lasting(err)
	}
	known.take(first, err)
	progress.Close()

	again := make(chan struct{}, 1)
	follow := func(ctx context.Context, show func(board.Told, error)) {
		last := first
		for o.pause(ctx, from, last, again) {
			answer, err := from.ask(ctx)
			if ctx.Err() != nil {
				return
			}
			if err == nil {
				last = answer
			}
			show(answer, err)
		}
	}
	if a.outTTY && !a.dumb && !a.settings.nonInteractive && !a.settings.json {
		return newPicture(a, from.name(), known, again).run(ctx, follow)
	}
	return newLines(a, known).run(ctx, follow)
}

// pause waits until it is time to ask again. It returns false if ctx has ended.
func (o *watchOptions) pause(ctx context.Context, from teller, last board.Told, again <-chan struct{}) bool {
	interval := o.interval
	if interval == 0 {
		interval = from.interval(last)
	}
	timer := time.NewTimer(interval)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-again:
	}
	return true
}

// sight is what is known of a stack, or a fleet: the last answer, and since when there has been no newer one.
type sight struct {
	now func() time.Time
	// told is the last answer; nil if there is none.
	told board.Told
	// came is when told came. lost says why there is no newer answer; it is empty if there is one. since is when the
	// answers stopped.
	came, since time.Time
	lost        string
}

// take notes an answer, or why there is none.
func (s *sight) take(told board.Told, err error) {
	switch {
	case err == nil:
		s.told, s.came, s.lost = told, s.now(), ""
	case s.lost == "":
		s.lost, s.since = err.Error(), s.now()
	default:
		s.lost = err.Error()
	}
}

// at returns the present time by the clock of whoever gave the last answer, in the zone of this machine.
func (s *sight) at() time.Time {
	now := s.now()
	if s.told == nil {
		return now
	}
	return s.told.ToldAt().Add(now.Sub(s.came)).In(now.Location())
}
