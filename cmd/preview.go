package cmd

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// previewOptions are the options of `pulumiscale preview`.
type previewOptions struct {
	app    *app
	intent scale.Intent
	// at is the time for which the intent is decided; zero stands for now.
	at time.Time
	// metrics are values of the pool's metrics, by their names; nil if none are given.
	metrics map[string]float64
}

// previewCommand makes the command `pulumiscale preview`. If run is not nil, it replaces the command's work, for tests
// of the flags.
func previewCommand(a *app, run func(*previewOptions) error) *cobra.Command {
	o := &previewOptions{app: a}
	w := &wish{}
	cmd := &cobra.Command{
		Use:   "preview POOL (--count N | --delta N | --metric NAME=VALUE... | --at TIME)",
		Short: "Show what scaling a pool would change",
		Long: "Show what scaling a pool would come to, and what the engine would change. It changes nothing, anywhere.\n\n" +
			"With --at it is decided as at that time, by the windows of the rule's schedules that hold then. Without --count and --delta it shows what these " +
			"alone would do with the count that the pool has now.\n\n" +
			"With --metric it shows what the rule makes of a value of its metric, without a look at the metric's server. Of several metrics, those without a " +
			"value here have none.\n\n" +
			"The exit code is the one that `pulumiscale scale` would have, as far as that can be known.",
		Example: "  pulumiscale preview worker-pool --delta 2\n" +
			"  pulumiscale preview worker-pool --metric queue=1200\n" +
			"  pulumiscale preview worker-pool --at 2026-12-24T18:00+01:00",
		Args:              onePool,
		ValidArgsFunction: a.completePools,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := a.begin(cmd, true)
			if err != nil {
				return err
			}
			asked := a.sources["count"] != unset || a.sources["delta"] != unset
			switch {
			case asked && o.metrics != nil:
				return &scale.UsageError{Field: "--metric", Problem: "cannot be given with --count or --delta"}
			case o.metrics != nil:
				o.intent = scale.Intent{Pool: args[0], ToMetrics: true, Source: "cli", Force: w.force}
			case !asked && !o.at.IsZero():
				o.intent = scale.Intent{Pool: args[0], ToBounds: true, Source: "cli"}
			default:
				if o.intent, err = w.intent(args[0], a.sources); err != nil {
					return err
				}
			}
			if run != nil {
				return run(o)
			}
			return o.run(cmd.Context())
		},
	}
	w.flags(cmd)
	cmd.Flags().Var(values{&o.metrics}, "metric", "what the rule makes of a value of its metric, such as queue=1200; may be repeated")
	cmd.Flags().Var(moment{&o.at}, "at", "decide as at that time, such as 2026-12-24T18:00+01:00")
	return cmd
}

func (o *previewOptions) run(ctx context.Context) error {
	return o.app.work(ctx, func(ctx context.Context, s *session) error {
		if !o.at.IsZero() {
			s.scaler.Now = func() time.Time { return o.at }
		}
		if o.metrics != nil {
			given, err := o.given(ctx, s)
			if err != nil {
				return err
			}
			s.scaler.Metrics = given
		}
		return s.preview(ctx, []scale.Intent{o.intent})
	})
}

// given returns the values of --metric as samples that were just taken. The error says that the pool or a metric does
// not exist, or that the stack cannot be read.
func (o *previewOptions) given(ctx context.Context, s *session) (samples, error) {
	pools, err := s.named(ctx, []string{o.intent.Pool})
	if err != nil {
		return nil, err
	}
	var metrics scale.PoolMetrics
	known := map[string]bool{}
	for _, m := range pools[0].Rule.Metrics {
		known[m.Name] = true
		if value, ok := o.metrics[m.Name]; ok {
			metrics.Samples = append(metrics.Samples, scale.Sample{Metric: m.Name, Value: value, At: s.scaler.Now()})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.metrics)) {
		if !known[name] {
			hint := "the rule names no metrics"
			if len(known) > 0 {
				hint = "the rule names " + strings.Join(slices.Sorted(maps.Keys(known)), ", ")
			}
			return nil, &scale.UsageError{Field: "--metric", Problem: fmt.Sprintf("names %q, which is no metric of pool %s", name, o.intent.Pool), Hint: hint}
		}
	}
	return samples{o.intent.Pool: metrics}, nil
}

// preview shows what the intents would do.
func (s *session) preview(ctx context.Context, intents []scale.Intent) error {
	plan, result, err := s.scaler.Preview(ctx, intents)
	if err != nil {
		return err
	}
	return s.previewed(plan, result, true)
}

// previewed writes a preview. If the command is about one pool and the decision ends the command with an error, the
// error goes to stderr, and stdout gets only the diff.
func (s *session) previewed(plan *scale.Plan, result *scale.Result, dryRun bool) error {
	err := verdictOf(plan.Decisions)
	if refusal(err) {
		return err
	}
	text := ""
	switch {
	case err == nil || s.several:
		text = s.outStyle().Preview(*plan, result)
	case result != nil:
		text = s.outStyle().Diff(result.Steps)
	}
	if s.several {
		doc := output.NewReconciliationPreview(s.stack, plan, result)
		doc.DryRun = dryRun
		return s.conclude(doc, text, err)
	}
	doc := output.NewPreview(s.stack, plan, result)
	doc.DryRun = dryRun
	return s.conclude(doc, text, err)
}

// wish is the part of the options that asks for a change: one of --count and --delta.
type wish struct {
	count, delta int
	force        bool
	message      string
}

func (w *wish) flags(cmd *cobra.Command) {
	cmd.Flags().Var(whole{&w.count, 0, scale.MaxNumber}, "count", "the count to scale to")
	cmd.Flags().Var(whole{&w.delta, -scale.MaxNumber, scale.MaxNumber}, "delta", "how many more, or fewer where it is negative")
	cmd.Flags().BoolVar(&w.force, "force", false, "pass the cooldown and a pause; never the guardrails")
}

// longestMessage is how many characters of a message go into the update's message. The update's message stands in the
// backend's history, and other programs show it.
const longestMessage = 1_000

// intent returns the intent that the flags ask for. If both --count and --delta are set, the flag from the stronger
// [source] counts. If both come from the same source, that is an error.
func (w *wish) intent(pool string, from map[string]source) (scale.Intent, error) {
	intent := scale.Intent{Pool: pool, Source: "cli", Reason: board.OneLine(board.Plain(w.message), longestMessage), Force: w.force}
	hint := "--count N scales to N, --delta N by N more or, with -N, fewer"
	switch count, delta := from["count"], from["delta"]; {
	case count == unset && delta == unset:
		return intent, &scale.UsageError{Field: "--count, --delta", Problem: "one of the two must be given", Hint: hint}
	case count == delta:
		return intent, &scale.UsageError{Field: "--count, --delta", Problem: "only one of the two can be given", Hint: hint}
	case count > delta:
		intent.Count = &w.count
	default:
		intent.Delta = &w.delta
	}
	return intent, nil
}
