package cmd

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/pulumiscale/pulumiscale/cmd/serving"
	"github.com/pulumiscale/pulumiscale/cmd/signals"
	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/cluster"
	"github.com/pulumiscale/pulumiscale/scale/stack"
)

// serveOptions are the options of `pulumiscale serve`.
type serveOptions struct {
	app              *app
	listen           string
	tlsCert, tlsKey  string
	snsTopics        []string
	pathToken        bool
	poll             time.Duration
	giveUpAfter      time.Duration
	logFormat, level string
	fleet            fleetOptions
	cluster          clusterOptions
}

// The choices of --log-format and --log-level.
const (
	logAuto = "auto"
	logText = "text"
	logJSON = "json"
)

// newServeOptions returns the options of `pulumiscale serve` before any is set.
func newServeOptions(a *app) *serveOptions {
	return &serveOptions{app: a, poll: 30 * time.Second, giveUpAfter: time.Hour, logFormat: logAuto, level: "info"}
}

// serveCommand makes the command `pulumiscale serve`. If run is not nil, it replaces the command's work, for tests of
// the flags.
func serveCommand(a *app, run func(*serveOptions) error) *cobra.Command {
	o := newServeOptions(a)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Scale on webhooks: CloudWatch alarms, Alertmanager, HTTP requests",
		Long: "Serve webhooks that scale the stack's pools: alarms of AWS CloudWatch, Azure Monitor and Google Cloud Monitoring,\n" +
			"alerts of Prometheus' Alertmanager and of Grafana, signals of whatever lets you write its body, and direct HTTP requests.\n\n" +
			"Every request needs the token in the stack's config, pulumiscale:token, or a JSON Web Token of an identity that the settings name.\n" +
			"What is accepted is on disk before it is answered. Listeners that the settings name are told what happens.\n" +
			"SIGTERM or Ctrl-C lets a running update finish, a second one interrupts it gently; SIGHUP reads tokens and rules again.\n" +
			"A terminal that is closed ends the server like SIGTERM, unless it was started by nohup.\n\n" +
			"With --fleet one server serves many stacks, each under /stacks/NAME: docs/fleet.md has the file that lists them.\n" +
			"With --cluster-peers or --nats several replicas are one server: each accepts, and one at a time works on a stack: docs/cluster.md.",
		Example: "  openssl rand -hex 32 | tr -d '\\n' | pulumi config set --secret pulumiscale:token\n" +
			"  pulumiscale serve --listen 0.0.0.0:8080 --tls-cert cert.pem --tls-key key.pem\n" +
			"  pulumiscale serve --fleet fleet.yaml",
		Args: atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			// A fleet has no settings file, since it belongs to no program: each of its stacks has one.
			single := o.fleet.file == "" && os.Getenv(envPrefix+"_FLEET") == ""
			if err := a.begin(cmd, single); err != nil {
				return err
			}
			o.fleet.given = givenForStacks(cmd)
			if err := o.check(); err != nil {
				return err
			}
			if run != nil {
				return run(o)
			}
			return o.run(cmd.Context())
		},
	}
	o.flags(cmd)
	return cmd
}

// flags defines the flags of serving.
func (o *serveOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "the address to listen on; port 0 takes a free one")
	f.StringVar(&o.tlsCert, "tls-cert", "", "the file of the TLS certificate; it is read again when it changes")
	f.StringVar(&o.tlsKey, "tls-key", "", "the file of the private key that belongs to --tls-cert")
	f.StringSliceVar(&o.snsTopics, "sns-topic", nil, "the ARN of an SNS topic that may send; may be repeated; default: any topic")
	f.BoolVar(&o.pathToken, "path-token", false, "accept alarms also with the secret pulumiscale:pathToken of the stack's config as a part of the URL, for senders that cannot send a header or a password: see docs/security.md")
	f.Var(wait{&o.poll}, "poll", "how often the stack is read for other people's updates while nothing happens")
	f.Var(wait{&o.giveUpAfter}, "give-up-after", "how long an operation waits for a locked stack or an unreachable backend before it fails")
	formats := choice[string]{&o.logFormat, []string{logAuto, logText, logJSON}}
	f.Var(formats, "log-format", "auto (text on a terminal, else JSON), text or json")
	levels := choice[string]{&o.level, []string{"debug", "info", "warn", "error"}}
	f.Var(levels, "log-level", "debug, info, warn or error")
	formats.complete(cmd, "log-format")
	levels.complete(cmd, "log-level")
	o.fleet.flags(f)
	o.cluster.flags(f)
}

func (o *serveOptions) check() error {
	if err := o.checkFleet(); err != nil {
		return err
	}
	if err := o.checkCluster(); err != nil {
		return err
	}
	return o.checkServing()
}

// checkServing checks the flags that are about neither a fleet nor a cluster.
func (o *serveOptions) checkServing() error {
	if (o.tlsCert == "") != (o.tlsKey == "") {
		return &scale.UsageError{Field: "--tls-cert, --tls-key", Problem: "both must be given, or neither"}
	}
	if _, _, err := net.SplitHostPort(o.listen); err != nil {
		return &scale.UsageError{Field: "--listen", Problem: fmt.Sprintf("must be an address such as 127.0.0.1:8080, not %q", o.listen)}
	}
	if o.poll < time.Second {
		return &scale.UsageError{Field: "--poll", Problem: "must be 1s or more"}
	}
	return nil
}

// garbageShare is the garbage that a server's heap may hold, in percent of what is alive. A server has 4 MiB alive.
// With Go's default of 100, the collector would therefore run dozens of times in a second under load. With more than
// 200, the heap could grow to more than three times the size of a large reading.
const garbageShare = 200

// run serves until it is told to end.
func (o *serveOptions) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(garbageShare)
	}
	log := o.logger()
	ends := signals.NewServing(stop, log, o.app.terminalGone)
	defer ends.Watch(o.app.notify)()
	node, err := o.joinCluster(ctx, log)
	if err != nil || ctx.Err() != nil {
		return err
	}
	if node != nil {
		defer func() {
			if err := node.Close(); err != nil {
				log.Error("the cluster could not be left in good order", "reason", err.Error())
			}
		}()
	}
	process := o.process(log, ends, node)
	if o.fleet.file == "" {
		return process.ServeStack(ctx, o.stackOptions())
	}
	return process.ServeFleet(ctx, serving.FleetOptions{
		File: o.fleet.file, MaxUpdates: o.fleet.maxUpdates, PollBudget: o.fleet.pollBudget, Poll: o.poll, Configure: o.forEntry,
	})
}

// logger returns a logger that writes to stderr in the format of --log-format. By default it writes text if stderr is a
// terminal, and JSON otherwise.
func (o *serveOptions) logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(o.level)) // the flag takes no other words
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: output.LogAttr}
	if o.logFormat == logText || o.logFormat == logAuto && o.app.errTTY {
		return slog.New(slog.NewTextHandler(o.app.errs, options))
	}
	return slog.New(slog.NewJSONHandler(o.app.errs, options))
}

// process returns what all stacks that are served here have in common.
func (o *serveOptions) process(log *slog.Logger, ends *signals.Serving, node *cluster.Node) *serving.Process {
	return &serving.Process{
		Listen: o.listen, TLSCert: o.tlsCert, TLSKey: o.tlsKey, Log: log, Interrupt: ends.Engine, Reload: ends.Reload, Node: node, Now: o.app.now,
	}
}

// stackOptions returns the options with which a stack is served.
func (o *serveOptions) stackOptions() serving.Options {
	a := o.app
	return serving.Options{
		Stack: a.settings.stackOptions(), Committer: a.settings.committer,
		Open: func(ctx context.Context, how stack.Options) (serving.Stack, error) {
			opened, err := a.open(ctx, how)
			if err != nil {
				return nil, err // err alone: a nil openedStack would be a Stack that is not nil
			}
			a.stack = opened.Name()
			return opened, nil
		},
		OnDrift: a.settings.onDrift, Retries: uint(a.settings.retries), RetryDelay: a.settings.retryDelay, Poll: o.poll, GiveUpAfter: o.giveUpAfter,
		SNSTopics: o.snsTopics, PathToken: o.pathToken, Identities: a.sections.Identities, Listeners: a.sections.Listeners, Now: a.now,
	}
}
