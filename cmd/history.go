package cmd

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// historyOptions are the options of `pulumiscale history`.
type historyOptions struct {
	app *app
	// pool is empty for all pools.
	pool string
	// limit is how many scalings are shown at most. 0 shows all.
	limit int
	// plot says that a picture of the pool over span is drawn in place of the list.
	plot bool
	span string
}

// The choices of --span.
const (
	spanHours = "6h"
	spanDay   = "24h"
	spanWeek  = "168h"
)

// historyCommand makes the command `pulumiscale history`. If run is not nil, it replaces the command's work, for tests
// of the flags.
func historyCommand(a *app, run func(*historyOptions) error) *cobra.Command {
	o := &historyOptions{app: a, limit: 20, span: spanHours}
	cmd := &cobra.Command{
		Use:   "history [POOL]",
		Short: "Show past scalings",
		Long: "Show past scalings of a pool, or of all pools, newest first: every update in the stack's history that changed a count, whoever made it.\n\n" +
			"With --plot it draws the pool's count, its bounds and its scalings over a time, as wide as the terminal.",
		Example: "  pulumiscale history --limit 5\n" +
			"  pulumiscale history worker-pool --plot --span 24h",
		Args:              atMost(1),
		ValidArgsFunction: a.completePools,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.begin(cmd, true); err != nil {
				return err
			}
			if len(args) > 0 {
				o.pool = args[0]
			}
			if err := o.check(cmd); err != nil {
				return err
			}
			if run != nil {
				return run(o)
			}
			if o.plot {
				return o.draw(cmd.Context())
			}
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().Var(whole{&o.limit, 0, scale.MaxNumber}, "limit", "how many to show at most; 0: all")
	cmd.Flags().BoolVar(&o.plot, "plot", false, "draw the pool over a time")
	spans := choice[string]{&o.span, []string{spanHours, spanDay, spanWeek}}
	cmd.Flags().Var(spans, "span", "how far back --plot reaches: 6h, 24h or 168h")
	spans.complete(cmd, "span")
	return cmd
}

func (o *historyOptions) check(cmd *cobra.Command) error {
	switch {
	case o.plot && o.pool == "":
		return &scale.UsageError{Field: "POOL", Problem: "--plot draws one pool, whose name must be given", Hint: "`pulumiscale rules` lists the pools"}
	case o.plot && o.app.settings.json:
		return &scale.UsageError{Field: "--plot", Problem: "a picture is no JSON", Hint: "leave out one of --plot and --json"}
	case !o.plot && cmd.Flags().Changed("span"):
		return &scale.UsageError{Field: "--span", Problem: "it is for --plot", Hint: "add --plot, or leave it out"}
	}
	return nil
}

// draw reads as much of the history as the span needs, and draws it.
func (o *historyOptions) draw(ctx context.Context) error {
	length, err := time.ParseDuration(o.span)
	if err != nil {
		return err // the flag takes no other words
	}
	return o.app.work(ctx, func(ctx context.Context, s *session) error {
		now := s.now()
		snap, err := s.scaler.Past(ctx, now.Add(-length))
		if err != nil {
			return err
		}
		rule, err := snap.Rules.Find(o.pool)
		if err != nil {
			return err
		}
		rule.Metrics = nil // only a server has their values
		line := board.TimelineOf(board.Past{
			Rule: rule, Count: snap.Standing(rule, now).Count,
			Scalings: scale.Scalings(snap.Updates, o.pool), Since: scale.KnownSince(snap.Updates, o.pool),
		}, board.SpanLasting(length), now)
		set := output.Blocks
		if s.dumb {
			set = output.ASCII
		}
		return s.conclude(&output.Failed{}, s.outStyle().Plot(line, set), nil)
	})
}

func (o *historyOptions) run(ctx context.Context) error {
	return o.app.work(ctx, func(ctx context.Context, s *session) error {
		most := o.limit
		if most > 0 {
			most++ // one more than is shown, to know whether there are more
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
