package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pulumiscale/pulumiscale/cmd/serving"
	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/notice"
	"github.com/pulumiscale/pulumiscale/webhook"
	"github.com/pulumiscale/pulumiscale/webhook/notify"
)

// notifyOptions are the options of `pulumiscale notify`.
type notifyOptions struct {
	app      *app
	test     bool
	listener string
}

// notifyCommand makes the command `pulumiscale notify`. If run is not nil, it replaces the command's work, for tests of
// the flags.
func notifyCommand(a *app, run func(*notifyOptions) error) *cobra.Command {
	o := &notifyOptions{app: a}
	cmd := &cobra.Command{
		Use:   "notify --test [--listener NAME]",
		Short: "Send a test to the listeners of the settings",
		Long: "Send a test to each listener that pulumiscale.yaml names, or to one, and say which ones took it. Addresses and secrets are read from the\n" +
			"stack's configuration, as `serve` reads them. An alert of Alertmanager ends by itself after a minute.",
		Example: "  pulumiscale notify --test\n" +
			"  pulumiscale notify --test --listener chat",
		Args: atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.begin(cmd, true); err != nil {
				return err
			}
			if !o.test {
				return &scale.UsageError{Field: "--test", Problem: "must be given", Hint: "nothing else is sent by hand"}
			}
			if run != nil {
				return run(o)
			}
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&o.test, "test", false, "send a test")
	cmd.Flags().StringVar(&o.listener, "listener", "", "the name of the only listener to send it to")
	return cmd
}

// chosen returns the listeners to send to.
func (o *notifyOptions) chosen() ([]notify.Setting, error) {
	all := o.app.sections.Listeners
	if o.listener == "" && len(all) > 0 {
		return all, nil
	}
	for _, l := range all {
		if l.Name == o.listener {
			return []notify.Setting{l}, nil
		}
	}
	if len(all) == 0 {
		return nil, &scale.UsageError{Field: "listeners", Problem: "there are none", Hint: "name them in pulumiscale.yaml: see docs/notifications.md"}
	}
	names := make([]string, len(all))
	for i, l := range all {
		names[i] = l.Name
	}
	return nil, &scale.UsageError{Field: "--listener", Problem: fmt.Sprintf("there is no listener %q", o.listener), Hint: "the listeners are " + strings.Join(names, ", ")}
}

func (o *notifyOptions) run(ctx context.Context) error {
	listeners, err := o.chosen()
	if err != nil {
		return err
	}
	return o.app.work(ctx, func(ctx context.Context, s *session) error {
		s.progress.Work("telling the listeners")
		test := notice.NewTest(s.origin(), o.app.now())
		sent := notify.SendOnce(ctx, listeners, s.opened.Secrets, []notice.Notice{test}, o.app.now)
		if err := ctx.Err(); err != nil {
			return err
		}
		told := output.NewTold(s.stack)
		for _, one := range sent {
			told.Add(one.Name, one.Kind, one.Host, one.Err)
		}
		var failed error
		if n := told.Failed(); n > 0 {
			failed = &untoldError{n, len(sent)}
		}
		return s.conclude(told, s.outStyle().Told(told), failed)
	})
}

// untoldError says that some listeners did not take a test.
type untoldError struct{ failed, of int }

func (*untoldError) Kind() scale.Kind { return "untold" }

func (e *untoldError) Error() string {
	return fmt.Sprintf("%d of %d listeners could not be told", e.failed, e.of)
}

// origin says where the notices of a command come from.
func (s *session) origin() notice.Origin {
	places := serving.PlacesOf(s.opened, s.settings.cwd)
	return notice.Origin{Project: s.opened.ProjectName(), Stack: s.opened.Name(), Veil: webhook.NewVeil(places)}
}

// tellTimeout is how long a command tells its listeners at most, after all else is done. First a process of the Pulumi
// CLI reads each address and secret, which takes a while on a busy machine. Each try then takes 10 s at most.
const tellTimeout = 40 * time.Second

// tell tells the listeners of the settings what a command has done. A listener that could not be told does not fail the
// command: it is only noted.
func (s *session) tell(ctx context.Context, intents []scale.Intent, report *scale.Report, err error) {
	listeners := s.sections.Listeners
	if report == nil && isNobodys(err) {
		return
	}
	notices := notice.Direct(s.origin(), intents, report, err, s.now())
	if len(listeners) == 0 || len(notices) == 0 {
		return
	}
	s.progress.Work("telling the listeners")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTimeout)
	defer cancel()
	for _, one := range notify.SendOnce(ctx, listeners, s.opened.Secrets, notices, s.now) {
		if one.Err != nil {
			s.note(fmt.Sprintf("the listener %s was not told: %v", one.Name, one.Err))
		}
	}
}

// isNobodys says whether only the user of the command needs to know of an error: the command was used wrongly, or the
// user has interrupted the command.
func isNobodys(err error) bool {
	return errors.Is(err, context.Canceled) || scale.IsA[*scale.UnknownPoolError](err) || scale.IsA[*scale.UsageError](err)
}
