package cmd

import (
	"context"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pulumiscale/pulumiscale/cmd/serving"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/fleet"
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
	s := &o.app.settings
	for _, place := range []struct{ flag, value string }{{"stack", s.stack}, {"cwd", s.cwd}, {"git", s.git.url}, {"path", s.git.path}} {
		if place.value != "" {
			return &scale.UsageError{Field: "--fleet, --" + place.flag, Problem: "only one of them can be given", Hint: "the file of --fleet says of each stack where it is"}
		}
	}
	return nil
}

// ofServer returns the flags that are not passed on to the stacks of a fleet: those about the server or the command,
// and those that name a stack.
func ofServer() []string {
	return append(clusterFlags(),
		"listen", "tls-cert", "tls-key", "log-format", "log-level", "fleet", "max-updates", "poll-budget", "cluster-peers", "nats",
		"trace", "json", "color", "non-interactive", "stack", "cwd", "git", "path", "help",
	)
}

// givenForStacks returns the flags of a command line that hold for each stack of a fleet, as arguments.
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

// forEntry returns the options with which a stack of the fleet is served. They are the options that `pulumiscale serve`
// would have in the directory of the stack's program, with the flags that the fleet was given.
func (o *serveOptions) forEntry(ctx context.Context, e fleet.Entry) (none serving.Options, err error) {
	from, log := o.app, o.logger()
	a := &app{
		streams: from.streams, version: from.version, open: from.open, probe: from.probe, notify: from.notify, notifyHangup: from.notifyHangup, now: from.now,
		remark: func(text string) { log.Info("opening the stack", "stack", e.Name, "doing", text) },
	}
	of := newServeOptions(a)
	cmd := &cobra.Command{Use: "serve"}
	of.flags(cmd)
	root := a.root()
	if old, _, err := root.Find([]string{"serve"}); err == nil {
		root.RemoveCommand(old)
	}
	root.AddCommand(cmd)
	cmd.SetContext(ctx)
	args := append(slices.Clone(o.fleet.given), "--stack="+e.Stack)
	if e.Dir != "" {
		args = append(args, "--cwd="+e.Dir)
	} else {
		args = append(args, "--git="+e.Git, "--path="+e.Path)
	}
	if err := cmd.ParseFlags(args); err != nil {
		return none, err
	}
	if err := a.configure(cmd, true); err != nil {
		return none, err
	}
	a.stack = e.Stack
	if err := of.checkServing(); err != nil {
		return none, err
	}
	return of.stackOptions(), nil
}
