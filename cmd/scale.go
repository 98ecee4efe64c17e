package cmd

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
)

// scaleOptions are the options of `pulumiscale scale`.
type scaleOptions struct {
	app    *app
	intent scale.Intent
	dryRun bool
	yes    bool
	notify bool
}

// scaleCommand makes the command `pulumiscale scale`. If run is not nil, it replaces the command's work, for tests of
// the flags.
func scaleCommand(a *app, run func(*scaleOptions) error) *cobra.Command {
	o := &scaleOptions{app: a}
	w := &wish{}
	cmd := &cobra.Command{
		Use:   "scale POOL (--count N | --delta N)",
		Short: "Scale a pool",
		Long: "Scale a pool to a count, or by so many units more or fewer, inside the guardrails of its rule.\n\n" +
			"On a terminal it shows what would change and asks first; elsewhere, or with --yes, it goes ahead.",
		Example: "  pulumiscale scale worker-pool --count 5\n" +
			"  pulumiscale scale worker-pool --delta -2 --yes --message \"night shift\"",
		Args:              onePool,
		ValidArgsFunction: a.completePools,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := a.begin(cmd, true)
			if err != nil {
				return err
			}
			if o.intent, err = w.intent(args[0], a.sources); err != nil {
				return err
			}
			if run != nil {
				return run(o)
			}
			return o.run(cmd.Context())
		},
	}
	w.flags(cmd)
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "show what would change, and change nothing")
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	notifyFlag(cmd, &o.notify)
	cmd.Flags().StringVarP(&w.message, "message", "m", "", "why; it stands in the stack's update history")
	return cmd
}

func (o *scaleOptions) run(ctx context.Context) error {
	return o.app.work(ctx, func(ctx context.Context, s *session) error {
		s.tells = o.notify && !o.dryRun
		return s.carryOut(ctx, []scale.Intent{o.intent}, o.dryRun, o.yes)
	})
}

// notifyFlag defines the flag that makes a command tell the listeners of the settings what it did.
func notifyFlag(cmd *cobra.Command, to *bool) {
	cmd.Flags().BoolVar(to, "notify", false, "tell the listeners of the settings what was done")
}

// carryOut carries out the intents. With dryRun it only shows what they would do. On a terminal it asks first, unless
// yes is set.
func (s *session) carryOut(ctx context.Context, intents []scale.Intent, dryRun, yes bool) error {
	switch {
	case dryRun:
		return s.preview(ctx, intents)
	case yes || !s.asks():
		report, err := s.scaler.Scale(ctx, intents, nil)
		return s.scaled(ctx, intents, report, err)
	}
	return s.ask(ctx, intents)
}

// ask shows what would change, asks, and does what was approved. If the stack has changed since the preview, it begins
// again.
func (s *session) ask(ctx context.Context, intents []scale.Intent) error {
	for {
		plan, result, err := s.scaler.Preview(ctx, intents)
		if err != nil {
			return err
		}
		switch {
		case len(plan.Moves) > 0:
			s.progress.Rest()
			s.progress.Print(s.errStyle().Preview(*plan, result) + "\n")
			if err := s.confirm(ctx, "do you want to perform this update?"); err != nil {
				return err
			}
		case result != nil || isRefused(plan):
			return s.previewed(plan, result, false)
		}
		// Even if there are no moves to approve, Scale must be called: it may have to restore counts in the
		// configuration file.
		s.progress.Work("reading stack " + s.stack)
		report, err := s.scaler.Scale(ctx, intents, plan)
		if !scale.IsA[*scale.ChangedError](err) {
			return s.scaled(ctx, intents, report, err)
		}
		s.note("the stack has changed since the preview; this is what it comes to now")
	}
}

func isRefused(plan *scale.Plan) bool {
	return !slices.ContainsFunc(plan.Decisions, func(d scale.Decision) bool { return d.Outcome != scale.Refused })
}

// scaled writes what was done. A report may come with an error: the scaling is done all the same.
func (s *session) scaled(ctx context.Context, intents []scale.Intent, report *scale.Report, err error) error {
	if s.tells {
		s.tell(ctx, intents, report, err)
	}
	s.commit(ctx, report)
	if report == nil {
		return err
	}
	err = errors.Join(err, outcome(report))
	switch {
	case s.several:
		return s.conclude(output.NewReconciliation(s.stack, report), s.outStyle().Report(*report), err)
	case err == nil || len(report.Results) > 0:
		return s.conclude(output.NewScaling(s.stack, report), s.outStyle().Report(*report), err)
	}
	if refusal(err) {
		return err
	}
	return s.conclude(output.NewScaling(s.stack, report), "", err)
}

// refusal says whether err is about an unknown pool. In that case there is no decision to write.
func refusal(err error) bool { return scale.IsA[*scale.UnknownPoolError](err) }
