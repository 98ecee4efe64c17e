package stack

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/auto"
)

// command runs the Pulumi CLI. It is an [auto.PulumiCommand] that differs from the Automation API's own in two ways on which a
// running update depends: the engine has a process group of its own, so that a terminal's Ctrl-C does not reach it, and a context
// that ends interrupts it but never kills it, for a killed engine leaves the stack locked and its state unfinished.
type command struct {
	path    string
	version semver.Version
}

var _ auto.PulumiCommand = (*command)(nil)

// Version is the version of the CLI; zero until it has been asked for.
func (c *command) Version() semver.Version { return c.version }

// Run runs the CLI with the arguments and returns what it printed and its exit code, -1 where it did not run to its end.
func (c *command) Run(ctx context.Context, dir string, stdin io.Reader, stdout, stderr []io.Writer, env []string, args ...string,
) (string, string, int, error) {
	if err := ctx.Err(); err != nil {
		return "", "", -1, err
	}
	var out, errs bytes.Buffer
	cmd := exec.Command(c.path, append([]string{"--non-interactive", "--color", "never"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "PULUMI_AUTOMATION_API=true", "PULUMI_SKIP_UPDATE_CHECK=true"), env...)
	cmd.Stdin = stdin
	cmd.Stdout = io.MultiWriter(append(slices.Clone(stdout), &out)...)
	cmd.Stderr = io.MultiWriter(append(slices.Clone(stderr), &errs)...)
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return "", "", -1, err
	}
	ended := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ctx.Done():
			_ = interrupt(cmd.Process) // it may just have ended by itself
		case <-ended:
		}
	}()
	err := cmd.Wait()
	close(ended)
	<-watched
	code := cmd.ProcessState.ExitCode()
	var exit *exec.ExitError
	if ctx.Err() != nil && errors.As(err, &exit) {
		err = errors.Join(ctx.Err(), err)
	}
	return out.String(), errs.String(), code, err
}
