package cmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/metric"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// reconcileOptions are the options of `pulumiscale reconcile`.
type reconcileOptions struct {
	app    *app
	pools  []string
	dryRun bool
	yes    bool
	notify bool
}

// reconcileCommand makes the command `pulumiscale reconcile`. If run is not nil, it replaces the command's work, for
// tests of the flags.
func reconcileCommand(a *app, run func(*reconcileOptions) error) *cobra.Command {
	o := &reconcileOptions{app: a}
	cmd := &cobra.Command{
		Use:   "reconcile [POOL...]",
		Short: "Bring pools, once, to where their schedules and metrics want them",
		Long: "Look at the metrics of the rules once, and bring every pool, or the pools that are named, to where its schedules and metrics want it, in one update.\n\n" +
			"It is for a cron job or CI: `pulumiscale serve` does the same all the time. A rule's stabilize does not count here, since one look shows no " +
			"past; cooldown, maxStep and warmup do. A pool without schedules and metrics is left alone.\n\n" +
			"On a terminal it shows what would change and asks first; elsewhere, or with --yes, it goes ahead.",
		Example:           "  pulumiscale reconcile --yes\n  pulumiscale reconcile worker-pool --dry-run",
		ValidArgsFunction: a.completePools,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.begin(cmd, true); err != nil {
				return err
			}
			o.pools = args
			if run != nil {
				return run(o)
			}
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "show what would change, and change nothing")
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	notifyFlag(cmd, &o.notify)
	return cmd
}

func (o *reconcileOptions) run(ctx context.Context) error {
	return o.app.work(ctx, func(ctx context.Context, s *session) error {
		s.several, s.tells = true, o.notify && !o.dryRun
		pools, err := s.named(ctx, o.pools)
		if err != nil {
			return err
		}
		s.progress.Work("looking at metrics")
		s.scaler.Metrics = s.lookAt(ctx, pools)
		intents := reconciling(pools, s.now)
		if len(intents) == 0 {
			s.note("no rule names schedules or metrics: there is nothing to bring a pool to")
			return s.conclude(output.NewReconciliationPreview(s.stack, &scale.Plan{}, nil), "", nil)
		}
		return s.carryOut(ctx, intents, o.dryRun, o.yes)
	})
}

// named returns the pools of these names as they stand, or all pools if there are no names. It changes nothing. The
// error is a [*scale.UnknownPoolError], or says why the stack cannot be read.
func (s *session) named(ctx context.Context, names []string) ([]scale.Standing, error) {
	var overview queue.Overview
	err := s.scaler.Retry(ctx, func() (err error) {
		overview, err = queue.ReadOverview(ctx, s.scaler)
		return err
	})
	if err != nil || len(names) == 0 {
		return overview.Pools, err
	}
	rules, byName := scale.Rules{}, map[string]scale.Standing{}
	for _, standing := range overview.Pools {
		rules[standing.Rule.Pool], byName[standing.Rule.Pool] = standing.Rule, standing
	}
	var out []scale.Standing
	for _, name := range names {
		if _, err := rules.Find(name); err != nil {
			return nil, err
		}
		out = append(out, byName[name])
	}
	return out, nil
}

// reconciling returns the intents that bring pools to where their schedules and metrics want them, at most one for each
// pool. A pool with schedules that is outside of the bounds in force is brought inside even during its cooldown.
func reconciling(pools []scale.Standing, now func() time.Time) []scale.Intent {
	var out []scale.Intent
	for _, standing := range pools {
		rule := standing.Rule
		outside := standing.Count != nil && rule.Bounds(now()).Clamp(*standing.Count) != *standing.Count
		switch {
		case len(rule.Schedules) > 0 && (outside || len(rule.Metrics) == 0):
			out = append(out, scale.Intent{Pool: rule.Pool, ToBounds: true, Source: queue.SourceSchedule})
		case len(rule.Metrics) > 0:
			out = append(out, scale.Intent{Pool: rule.Pool, ToMetrics: true, Source: queue.SourceMetrics})
		}
	}
	return out
}

// samples are what was found of metrics, by pool.
type samples map[string]scale.PoolMetrics

func (s samples) PoolMetrics(pool string) scale.PoolMetrics { return s[pool] }

// lookAt looks at the metrics of pools once, and notes on stderr what it found.
func (s *session) lookAt(ctx context.Context, pools []scale.Standing) samples {
	credentials := &metric.Credentials{Read: s.opened.Secrets, Now: s.now}
	out := samples{}
	for _, standing := range pools {
		if len(standing.Rule.Metrics) == 0 {
			continue
		}
		found := metric.Look(ctx, standing.Rule.Metrics, credentials, s.now)
		out[standing.Rule.Pool] = scale.PoolMetrics{Samples: found}
		for _, sample := range found {
			text := sample.String()
			if sample.Problem != "" {
				text = sample.Metric + " has no value: " + sample.Problem
			}
			s.note("pool " + standing.Rule.Pool + ": " + text)
		}
	}
	return out
}
