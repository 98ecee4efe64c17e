package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
)

// historyOptions are the options of `pulumiscale history`.
type historyOptions struct {
	app *app
	// pool is empty for all pools.
	pool string
	// limit is how many scalings are shown at most. 0 shows all.
	limit int
}

// historyCommand is `pulumiscale history`. In tests of its flags, run takes the place of what it does.
func historyCommand(a *app, run func(*historyOptions) error) *cobra.Command {
	o := &historyOptions{app: a, limit: 20}
	cmd := &cobra.Command{
		Use:               "history [POOL]",
		Short:             "Show past scalings",
		Long:              "Show past scalings of a pool, or of all pools, newest first: every update in the stack's history that changed a count, whoever made it.",
		Args:              atMost(1),
		ValidArgsFunction: a.completePools,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.begin(cmd, true); err != nil {
				return err
			}
			if len(args) > 0 {
				o.pool = args[0]
			}
			if run != nil {
				return run(o)
			}
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().Var(whole{&o.limit, 0, scale.MaxNumber}, "limit", "how many to show at most; 0: all")
	return cmd
}

func (o *historyOptions) run(ctx context.Context) error {
	return o.app.work(ctx, func(ctx context.Context, s *session) error {
		most := o.limit
		if most > 0 {
			most++ // one more, to know whether there are more
		}
		scalings, err := s.scaler.History(ctx, o.pool, most)
		if err != nil {
			return err
		}
		if o.limit > 0 && len(scalings) > o.limit {
			scalings = scalings[:o.limit]
			s.note(fmt.Sprintf("the newest %d scalings; --limit 0 shows all", o.limit))
		}
		return s.conclude(output.NewHistory(s.stack, scalings), s.outStyle().History(scalings, s.now()), nil)
	})
}
