package cmd

import (
	"context"
	"os"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// holdOptions are the options of `pulumiscale hold`.
type holdOptions struct {
	app *app
	// pool is empty for the whole stack.
	pool   string
	lasts  time.Duration
	reason string
	end    bool
}

// holdCommand makes the command `pulumiscale hold`. If run is not nil, it replaces the command's work, for tests of the
// flags.
func holdCommand(a *app, run func(*holdOptions) error) *cobra.Command {
	o := &holdOptions{app: a}
	cmd := &cobra.Command{
		Use:   "hold [POOL] [--for DURATION | --end]",
		Short: "Hold a pool, or the whole stack, as it is for a while",
		Long: "Hold a pool, or without one the whole stack, as it is for a while: nothing is scaled and nothing is settled, by no command and no running\n" +
			"server of this directory, also with --force. A running update is finished. What a server has accepted waits until the hold ends, which it\n" +
			"does by itself, or with --end. Without --for and --end it shows what is held.",
		Example: "  pulumiscale hold worker-pool --for 30m --reason \"looking into latency\"\n" +
			"  pulumiscale hold --for 2h\n" +
			"  pulumiscale hold worker-pool --end",
		Args:              atMost(1),
		ValidArgsFunction: a.completePools,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.begin(cmd, true); err != nil {
				return err
			}
			if len(args) > 0 {
				o.pool = args[0]
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
	cmd.Flags().Var(wait{&o.lasts}, "for", "how long to hold it, such as 30m")
	cmd.Flags().StringVar(&o.reason, "reason", "", "why; whoever is held off is told")
	cmd.Flags().BoolVar(&o.end, "end", false, "end the hold")
	return cmd
}

func (o *holdOptions) check() error {
	_, given := o.app.sources["for"]
	switch {
	case o.end && given:
		return &scale.UsageError{Field: "--for, --end", Problem: "only one of them can be given"}
	case !given && o.reason != "":
		return &scale.UsageError{Field: "--for", Problem: "must be given with --reason", Hint: "say how long, such as --for 30m"}
	case !given:
		return nil
	}
	_, err := scale.NewHold(o.pool, o.lasts, o.reason, "", o.app.now())
	if e, ok := err.(*scale.UsageError); ok { //nolint:errorlint // NewHold does not wrap it
		e.Field = "--for"
	}
	return err
}

// mostReason is the longest reason of a hold, in characters.
const mostReason = 200

func (o *holdOptions) run(ctx context.Context) error {
	return o.app.work(ctx, func(ctx context.Context, s *session) error {
		now := o.app.now()
		switch {
		case o.end:
			if err := s.opened.ChangeHolds(func(h scale.Holds) scale.Holds { return h.InForce(now).Without(o.pool) }); err != nil {
				return err
			}
		case o.lasts > 0:
			if err := s.findPool(ctx, o.pool); err != nil {
				return err
			}
			hold, err := scale.NewHold(o.pool, o.lasts, board.OneLine(o.reason, mostReason), self(), now)
			if err != nil {
				return err
			}
			if err := s.opened.ChangeHolds(func(h scale.Holds) scale.Holds { return h.InForce(now).With(hold) }); err != nil {
				return err
			}
		}
		holds, err := s.opened.Holds()
		if err != nil {
			return err
		}
		holds = holds.InForce(now)
		return s.conclude(output.NewHolds(s.stack, holds), s.outStyle().Holds(holds, now), nil)
	})
}

// findPool returns an error if the stack has no such pool. If the stack cannot be read, it returns nil: somebody may
// hold the pool just because the stack cannot be read.
func (s *session) findPool(ctx context.Context, pool string) error {
	if pool == "" {
		return nil
	}
	snap, err := s.opened.Read(ctx)
	if ctx.Err() != nil {
		return err
	}
	if err != nil {
		s.note("whether there is a pool of this name is not known, since the stack cannot be read: " + err.Error())
		return nil //nolint:nilerr // the pool is held all the same
	}
	_, err = snap.Rules.Find(pool)
	return err
}

// self names the user who runs the command and the machine, in the form in which Pulumi names a lock holder.
func self() string {
	name := "somebody"
	if who, err := user.Current(); err == nil {
		name = who.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}
