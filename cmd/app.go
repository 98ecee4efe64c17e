// Package cmd is PulumiScale's command line. It turns flags and settings into one call of the domain, package scale,
// and turns the result of that call into output and an exit code.
//
// Each command is a file: its options, the flags that fill them, and what it does with them. A command holds no logic
// of scaling. It never exits: [Main] returns the exit code.
package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/pulumiscale/pulumiscale/cmd/clock"
	"github.com/pulumiscale/pulumiscale/cmd/serving"
	"github.com/pulumiscale/pulumiscale/cmd/signals"
	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/doctor"
	"github.com/pulumiscale/pulumiscale/scale/snippet"
	"github.com/pulumiscale/pulumiscale/scale/span"
	"github.com/pulumiscale/pulumiscale/scale/stack"
	"github.com/pulumiscale/pulumiscale/scale/stack/probe"
)

// Main runs the program with the arguments that follow its name, and returns its exit code. If version is empty, it is
// read from the build.
func Main(args []string, in, out, errs *os.File, version string) int {
	signals.OutlivePipes()
	a := &app{
		streams: standard(in, out, errs), version: version, now: clock.New(),
		open: func(ctx context.Context, o stack.Options) (openedStack, error) {
			o.Output = []*os.File{out, errs}
			return openStack(ctx, o)
		},
		notify: func(c chan<- os.Signal) func() {
			signal.Notify(c, os.Interrupt, syscall.SIGTERM)
			return func() { signal.Stop(c) }
		},
		notifyHangup: signals.NotifyHangup,
	}
	a.probe = func(o stack.Options) doctor.Probe {
		return doctorProbe{probe.New(o), a.sections.Listeners, &a.settings}
	}
	return a.execute(args)
}

// app is what the commands share.
type app struct {
	streams
	version  string
	settings settings
	// sources say how each flag was set.
	sources map[string]source
	// sections are what the settings file has besides flags.
	sections sections

	// Tests replace these functions.
	open  func(context.Context, stack.Options) (openedStack, error)
	probe func(stack.Options) doctor.Probe
	// notify passes on the signals that want a command to end. notifyHangup passes on that the terminal is gone.
	notify, notifyHangup signals.Notifier
	now                  func() time.Time

	// answers reads the lines that are typed at the terminal. It is nil before the first question.
	answers *bufio.Reader
	// stack is the name of the stack, once it is open. said says whether a message of the engine has been shown.
	stack string
	said  func(scale.Diagnostic) bool
	// untrace ends the trace. It is nil if there is none.
	untrace func() error
	// remark takes remarks that are made while a command runs. If remark is nil, they are written to stderr.
	remark func(text string)
	// begun says that an error is the command's own, and not cobra's. written says that the JSON document has been
	// written.
	begun, written bool
}

// openedStack is what the commands need of a stack. [stack.Stack] is one.
type openedStack interface {
	serving.Stack
	// CountsIn returns, by pool, the counts of the rules' pools in doc, a different version of the stack's
	// configuration file.
	CountsIn(doc []byte, rules scale.Rules) (map[string]*string, error)
	// SetSecret puts a secret into the stack's configuration file.
	SetSecret(ctx context.Context, key, value string) error
	// Inventory lists what the stack has from which a pool can be made.
	Inventory(ctx context.Context) (*snippet.Inventory, error)
}

// openStack opens the stack with the Pulumi CLI.
func openStack(ctx context.Context, options stack.Options) (openedStack, error) {
	opened, err := stack.Open(ctx, options)
	if err != nil {
		return nil, err // err alone: a nil *stack.Stack would be an openedStack that is not nil
	}
	return opened, nil
}

func (a *app) execute(args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.errs)
	cmd, err := root.ExecuteContextC(context.Background())
	if err != nil && !a.begun {
		err = usageOf(cmd, err)
		a.settings.json = a.settings.json || wantsJSON(args)
	}
	if a.untrace != nil {
		// An incomplete trace is no failure of the command: whoever is told of a failure runs the command again.
		if problem := a.untrace(); problem != nil {
			_, _ = io.WriteString(a.errs, a.errStyle().Note("the trace is not whole: "+problem.Error()))
		}
	}
	return a.end(err)
}

// end says what went wrong, if anything did, and returns the exit code.
func (a *app) end(err error) int {
	if err == nil {
		return exitCode(nil)
	}
	if a.settings.json && !a.written {
		if writing := a.write(&output.Failed{}, "", err); writing != nil {
			err = errors.Join(err, writing)
		}
	}
	_, _ = io.WriteString(a.errs, a.errStyle().Trouble(a.trouble(err))) // there is nowhere left to report it
	return exitCode(err)
}

// write writes a command's result to stdout: as text, or as a document with the error that the command ends with.
func (a *app) write(doc output.Document, text string, err error) error {
	if a.settings.json {
		if err != nil {
			doc.Fail(a.errorOf(err))
		}
		var problem error
		if text, problem = output.Marshal(doc); problem != nil {
			return fmt.Errorf("encode the result: %w", problem)
		}
		a.written = true
	}
	// A broken pipe or a closed terminal is no failure: the reader has read enough.
	if _, problem := io.WriteString(a.out, text); problem != nil && !signals.IsBrokenPipe(problem) && !a.outTTY {
		return fmt.Errorf("write the result: %w", problem)
	}
	return nil
}

// conclude writes a command's result, and returns the error that the command ends with.
func (a *app) conclude(doc output.Document, text string, err error) error {
	if writing := a.write(doc, text, err); writing != nil {
		return errors.Join(err, writing)
	}
	return err
}

// root returns the command that holds all others.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "pulumiscale",
		Short: "Scale Pulumi stacks without leaving infrastructure as code",
		Long: "PulumiScale scales the infrastructure of a Pulumi stack. It changes the stack's configuration and updates just the\n" +
			"resources of one pool, so that code, configuration, state and infrastructure agree afterwards.\n\n" +
			"The rules are the program's own, exported as the stack output \"pulumiscale\".\n\n" +
			"Every flag can also be set by PULUMISCALE_<NAME>, and in pulumiscale.yaml in the program directory.",
		Version:       versionOf(a.version).Version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("pulumiscale {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	a.settings.flags(root)
	root.AddCommand(
		rulesCommand(a, nil), scaleCommand(a, nil), previewCommand(a, nil), reconcileCommand(a, nil), historyCommand(a, nil), restoreCommand(a, nil), serveCommand(a, nil), watchCommand(a, nil),
		holdCommand(a, nil), notifyCommand(a, nil), initCommand(a, nil), doctorCommand(a, nil), clusterCommand(a), versionCommand(a),
	)
	return root
}

// traceTimeout is how long the end of a trace may take.
const traceTimeout = 10 * time.Second

// trace begins the trace of a command, if one is asked for. The trace shows what runs under the command's context.
func (a *app) trace(cmd *cobra.Command) error {
	if a.settings.trace == "" {
		return nil
	}
	provider, closeTrace, err := output.OpenTrace(a.settings.trace, versionOf(a.version).Version)
	if err != nil {
		return &scale.SetupError{Problem: "cannot open the file of --trace", Err: err, Hint: "name a file, which is made, in a folder that exists and can be written"}
	}
	ctx, whole := provider.Tracer(span.Scope).Start(cmd.Context(), cmd.CommandPath())
	cmd.SetContext(ctx)
	a.untrace = func() error {
		whole.End()
		ending, cancel := context.WithTimeout(context.Background(), traceTimeout)
		defer cancel()
		return closeTrace(ending)
	}
	return nil
}
