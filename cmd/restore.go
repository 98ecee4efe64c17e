package cmd

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/git"
)

// restoreOptions are the options of `pulumiscale restore`.
type restoreOptions struct{ app *app }

// restoreCommand makes the command `pulumiscale restore`. If run is not nil, it replaces the command's work, for tests
// of the flags.
func restoreCommand(a *app, run func(*restoreOptions) error) *cobra.Command {
	o := &restoreOptions{app: a}
	return &cobra.Command{
		Use:   "restore",
		Short: "Write the last scaled counts into the stack's config file",
		Long: "Write the counts of the last successful update into the stack's config file, for a CI job before its `pulumi up`.\n\n" +
			"Mistakes in the rules do not keep it from that as long as their config keys can be read.\n" +
			"A count that no update ever had is somebody's edit: it is reported and left alone. So is everything but the counts.",
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
}

func (o *restoreOptions) run(ctx context.Context) error {
	return o.app.work(ctx, func(ctx context.Context, s *session) error {
		s.mute = isRestored // the result tells of these events
		restored, err := s.scaler.Restore(ctx)
		if malformed, ok := errors.AsType[*scale.RulesError](err); ok && malformed.KeysWhole() {
			s.note("the rules have mistakes, which the next `pulumi up` may fix; their config keys can be read, and that is enough here")
			s.note(err.Error())
		} else if destroyed, ok := errors.AsType[*scale.DestroyedError](err); ok {
			s.note(destroyed.Error())
		} else if err != nil {
			return err
		}
		file := s.scaler.Stack.ConfigFile()
		committed, err := s.committed(ctx, file, restored)
		if err != nil {
			s.note("what the checkout's commit has in " + file + " cannot be read: " + err.Error())
		}
		return s.conclude(output.NewRestored(s.stack, file, restored, committed), s.outStyle().Restored(restored, file, committed), nil)
	})
}

// committed returns the counts that the checkout's commit has in a file, for the pools whose counts were restored in
// the file. It is zero if the file is in no checkout.
func (s *session) committed(ctx context.Context, file string, restored []scale.Drift) (output.Committed, error) {
	if len(restored) == 0 || findCheckout(filepath.Dir(file)) == "" {
		return output.Committed{}, nil
	}
	commit, content, err := git.Committed(ctx, file)
	if err != nil || commit == "" {
		return output.Committed{}, err
	}
	rules := scale.Rules{}
	for _, d := range restored {
		rules[d.Pool] = scale.Rule{Pool: d.Pool, ConfigKey: d.Key, ConfigPath: d.Path}
	}
	counts, err := s.opened.CountsIn(content, rules)
	if err != nil {
		return output.Committed{}, err
	}
	return output.Committed{Commit: commit, Counts: counts}, nil
}

func isRestored(event scale.Event) bool {
	d, ok := event.(scale.Drifted)
	return ok && d.Restored
}
