package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/webhook"
)

// clusterCommand makes the command `pulumiscale cluster`.
func clusterCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "Manage a cluster of replicas",
		Long:  "Manage a cluster of replicas. `pulumiscale serve --cluster-peers` starts one: see docs/cluster.md.",
		Args:  atMost(0),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(forgetCommand(a))
	return cmd
}

// forgetCommand makes the command `pulumiscale cluster forget`.
func forgetCommand(a *app) *cobra.Command {
	o := &watchOptions{app: a}
	cmd := &cobra.Command{
		Use:   "forget HOST",
		Short: "Say that a machine is gone for good, so that its locks are removed",
		Long: "Say that a machine is gone for good, with the engines that ran on it. If one of them has left the lock of a stack behind, now or\n" +
			"within the next hour, the replicas remove it and go on. Without this they wait: from elsewhere nobody can tell a dead engine from\n" +
			"one that is merely cut off, and two at once could destroy what each of them made. A replica that is started again under the same\n" +
			"host name, with its disk, needs none of this: it removes its own.\n\n" +
			"HOST is the name that the lock has, which the log and `pulumiscale watch` tell.",
		Example: "  pulumiscale cluster forget pulumiscale-2 --server https://pulumiscale.example.com --fleet",
		Args:    exactlyHost,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.begin(cmd, o.server == ""); err != nil {
				return err
			}
			if o.server == "" {
				return &scale.UsageError{Field: "--server", Problem: "is required: it is the address of any of the replicas, or of what stands before them"}
			}
			if err := o.check(); err != nil {
				return err
			}
			if !hostName.MatchString(args[0]) {
				return &scale.UsageError{Field: "HOST", Problem: fmt.Sprintf("must be the name of a host, not %q", args[0])}
			}
			return forget(cmd.Context(), o, args[0])
		},
	}
	cmd.Flags().StringVar(&o.server, "server", "", "the address of a replica, such as https://pulumiscale.example.com")
	cmd.Flags().BoolVar(&o.fleet, "fleet", false, "for all stacks of a server of many, with the fleet's token in PULUMISCALE_TOKEN")
	return cmd
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$`)

func forget(ctx context.Context, o *watchOptions, host string) error {
	a := o.app
	progress := output.NewProgress(a.errs, a.errStyle(), a.live(), a.now)
	defer progress.Close()
	from, err := o.teller(ctx, progress)
	if err != nil {
		return err
	}
	server, ok := from.(*watched)
	if !ok {
		return errors.New("there is no server to ask")
	}
	progress.Work("asking " + server.name())
	forgotten, err := server.client.Forget(ctx, host)
	progress.Close()
	if unanswered, ok := errors.AsType[*webhook.NoAnswerError](err); ok {
		if unanswered.Status == http.StatusBadRequest {
			return &scale.UsageError{Field: "--server", Problem: server.name() + " is a single server, not a cluster"}
		}
		if lasting := server.lasting(err); lasting != nil {
			return lasting
		}
		return fmt.Errorf("nothing was forgotten: %s", unanswered.Reason)
	}
	if err != nil {
		return err
	}
	doc := &output.Forgotten{Host: forgotten.Host, Stacks: forgotten.Stacks}
	return a.conclude(doc, a.outStyle().Forgotten(doc), nil)
}

// exactlyHost checks that exactly one argument is given, HOST.
func exactlyHost(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return &scale.UsageError{Field: "HOST", Problem: "is missing", Hint: "usage: " + cmd.UseLine()}
	}
	return atMost(1)(cmd, args)
}
