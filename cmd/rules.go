package cmd

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
)

// rulesOptions are the options of `pulumiscale rules`.
type rulesOptions struct {
	app    *app
	verify bool
}

// rulesCommand makes the command `pulumiscale rules`. If run is not nil, it replaces the command's work, for tests of
// the flags.
func rulesCommand(a *app, run func(*rulesOptions) error) *cobra.Command {
	o := &rulesOptions{app: a}
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Show the pools, their rules and how they stand",
		Long: "Show the pools that the program exports: how large they are, their guardrails, what is left of a cooldown, and the last scaling.\n\n" +
			"With --verify each rule is proved against the engine, by a preview: its targets exist, and its config key changes them.",
		Args: atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.begin(cmd, true); err != nil {
				return err
			}
			if run != nil {
				return run(o)
			}
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&o.verify, "verify", false, "prove each rule against the engine")
	return cmd
}

func (o *rulesOptions) run(ctx context.Context) error {
	return o.app.work(ctx, func(ctx context.Context, s *session) error {
		s.mute = isDrift // told below, once for each pool, and also if nothing was done about it
		pools, program, err := s.scaler.Pools(ctx)
		if err != nil {
			return err
		}
		s.remark(pools, program)
		doc, text := output.NewRules(s.stack, pools, program, s.now()), s.outStyle().Pools(pools, s.now())
		if !o.verify {
			return s.conclude(doc, text, nil)
		}
		checks, err := s.scaler.Verify(ctx)
		if err != nil {
			return err
		}
		return s.conclude(doc.Checked(checks), text+"\n"+s.outStyle().RuleChecks(checks), unproved(checks))
	})
}

func isDrift(event scale.Event) bool {
	_, ok := event.(scale.Drifted)
	return ok
}

// remark says on stderr what a table has no room for.
func (s *session) remark(pools []scale.Standing, program scale.Program) {
	for _, text := range program.Remarks(s.scaler.Stack.ConfigFile()) {
		s.note(text)
	}
	for _, pool := range pools {
		if pool.Drift != nil {
			s.note(output.DriftNote(*pool.Drift, pool.Restored))
		}
		if len(pool.Pending) > 0 {
			s.note(output.PendingNote(pool.Rule.Pool, pool.Pending))
		}
		if pool.Err != nil {
			s.progress.Print(s.errStyle().Trouble(s.trouble(pool.Err)))
		}
	}
}

func unproved(checks []scale.RuleCheck) error {
	found := &unprovedError{}
	wrong := false
	for _, p := range checks {
		if p.Problem != "" {
			found.pools = append(found.pools, p.Pool)
			found.owners = append(found.owners, p.Owners...)
			wrong = wrong || len(p.Owners) == 0
		}
	}
	if len(found.pools) == 0 {
		return nil
	}
	slices.Sort(found.owners)
	found.owners = slices.Compact(found.owners)
	if wrong {
		found.owners = nil
	}
	return found
}
