package cmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/span"
)

// traceTimeout is how long the end of a trace may take.
const traceTimeout = 10 * time.Second

// trace begins the trace of a command, if one is asked for. The trace shows what the command does with its context.
func (a *app) trace(cmd *cobra.Command) error {
	if a.settings.trace == "" {
		return nil
	}
	provider, closeTrace, err := output.OpenTrace(a.settings.trace, versionOf(a.version).Version)
	if err != nil {
		return &scale.SetupError{Problem: "open the file of --trace", Err: err, Hint: "name a file, which is made, in a folder that exists and can be written"}
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
