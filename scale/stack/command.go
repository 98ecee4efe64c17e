package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/blang/semver"
	"github.com/natefinch/atomic"
	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/span"
	"github.com/pulumiscale/pulumiscale/scale/stack/files"
	"github.com/pulumiscale/pulumiscale/scale/stack/process"
)

// command runs the Pulumi CLI. It is an [auto.PulumiCommand] that differs from the Automation API's own in what a
// running update depends on. The engine has a process group of its own, so that a terminal's Ctrl-C does not reach it.
// A context that ends interrupts it but never kills it, because a killed engine leaves the stack locked and its state
// unfinished. It writes into files rather than pipes, so that it outlives PulumiScale: a pipe whose reader has died
// would kill it at its next word.
type command struct {
	path    string
	version semver.Version
}

var _ auto.PulumiCommand = (*command)(nil)

// Version is the version of the CLI; zero until it has been asked for.
func (c *command) Version() semver.Version { return c.version }

// Run runs the CLI with the arguments. It returns what the CLI printed and its exit code, -1 if it did not run to its
// end. The extra writers get the output when it has ended.
func (c *command) Run(ctx context.Context, dir string, stdin io.Reader, stdout, stderr []io.Writer, env []string, args ...string,
) (string, string, int, error) {
	out, errs, code, err := c.run(ctx, call{dir: dir, stdin: stdin, env: env}, args...)
	return copied(out, stdout), copied(errs, stderr), code, err
}

// copied is the text. It also gives the text to the writers.
func copied(text string, also []io.Writer) string {
	for _, w := range also {
		_, _ = io.WriteString(w, text)
	}
	return text
}

// call says how the CLI is run.
type call struct {
	dir   string
	stdin io.Reader
	env   []string
	// files are inherited, as the first ones after the three standard ones.
	files []*os.File
	// tie is a file that is locked for as long as the process, or one that it started, runs; empty if there is none.
	tie string
	// started is told of the process once it runs. If it is nil, nobody is told.
	started func(pid int)
	// private says that what it prints is secret and must be on no disk: it comes through a pipe. Such a process
	// changes nothing, so it may die with PulumiScale.
	private bool
}

// run runs the CLI with the arguments. It returns what the CLI printed and its exit code, -1 if it did not run to its
// end.
func (c *command) run(ctx context.Context, how call, args ...string) (stdout, stderr string, code int, err error) {
	if err := ctx.Err(); err != nil {
		return "", "", -1, err
	}
	child, err := c.start(how, args...)
	if err != nil {
		return "", "", -1, err
	}
	_, process := child.span(ctx)
	stdout, stderr, code, err = child.wait(ctx)
	span.End(process, err)
	return stdout, stderr, code, err
}

// invocation is a CLI that runs. Its wait must be called once.
type invocation struct {
	cmd       *exec.Cmd
	out, errs capture
	untie     func()
	// name is what a trace calls it, and began is when it was started.
	name  string
	began time.Time
}

// span begins the span of the process, at the time at which the process was started.
func (c *invocation) span(ctx context.Context) (context.Context, trace.Span) {
	return span.Begin(ctx, c.name, trace.WithTimestamp(c.began), trace.WithAttributes(attribute.Int("process.pid", c.cmd.Process.Pid)))
}

// start starts the CLI with the arguments.
func (c *command) start(how call, args ...string) (_ *invocation, err error) {
	child := &invocation{untie: func() {}, name: nameOfCall(args), began: time.Now()}
	defer func() {
		if err != nil {
			child.close()
			err = exhausted(err)
		}
	}()
	if child.out, err = newCapture(how.private); err != nil {
		return nil, err
	}
	if child.errs, err = newCapture(how.private); err != nil {
		return nil, err
	}
	cmd := exec.Command(c.path, append([]string{"--non-interactive", "--color", "never"}, args...)...) //nolint:noctx // its context would kill it
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = how.dir, how.stdin, child.out.writer(), child.errs.writer()
	if how.private {
		cmd.WaitDelay = pipeDelay
	}
	cmd.Env = append(environment(os.Environ(), how.dir, "PULUMI_AUTOMATION_API=true", "PULUMI_SKIP_UPDATE_CHECK=true"), how.env...)
	cmd.ExtraFiles = how.files
	process.Detach(cmd)
	child.cmd = cmd
	if how.tie != "" {
		if child.untie, err = process.Tie(cmd, how.tie); err != nil {
			child.untie = func() {}
			return nil, err
		}
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if how.started != nil {
		how.started(cmd.Process.Pid)
	}
	return child, nil
}

// nameOfCall is a call of the CLI without its flags and what follows them.
func nameOfCall(args []string) string {
	if flag := slices.IndexFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "-") }); flag >= 0 {
		args = args[:flag]
	}
	return strings.Join(append([]string{"pulumi"}, args...), " ")
}

// wait waits for the end of the process, and interrupts it when ctx ends. The error then also names that cause.
func (c *invocation) wait(ctx context.Context) (stdout, stderr string, code int, err error) {
	defer c.close()
	stop := context.AfterFunc(ctx, func() {
		_ = process.Interrupt(c.cmd.Process) // it may just have ended by itself
	})
	defer stop()
	err = c.cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) { // it has ended well, but what it has started has not
		err = nil
	}
	if err != nil && ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	code = -1
	if c.cmd.ProcessState != nil {
		code = c.cmd.ProcessState.ExitCode()
	}
	return c.out.text(), c.errs.text(), code, err
}

func (c *invocation) close() {
	c.untie()
	c.out.close()
	c.errs.close()
}

// pipeDelay is how long a process's pipes are read after its end: a process that it has started may keep them open for
// ever.
const pipeDelay = 5 * time.Second

// capture takes what a process prints: it is a file or, if that must be on no disk, what comes through a pipe.
type capture struct {
	file *os.File
	pipe *bytes.Buffer
}

func newCapture(private bool) (capture, error) {
	if private {
		return capture{pipe: &bytes.Buffer{}}, nil
	}
	file, err := os.CreateTemp("", "pulumiscale-output-")
	if err == nil {
		// Its name is not needed, and nothing is left behind if we are killed. Windows keeps open files; there close
		// removes it.
		_ = os.Remove(file.Name())
	}
	return capture{file: file}, err
}

// writer is what the process gets. It inherits a file; for anything else the system makes a pipe.
func (c capture) writer() io.Writer {
	if c.pipe != nil {
		return c.pipe
	}
	return c.file
}

func (c capture) close() {
	if c.file == nil {
		return
	}
	_ = c.file.Close()
	_ = os.Remove(c.file.Name())
}

// text is what was printed.
func (c capture) text() string {
	if c.pipe != nil {
		return c.pipe.String()
	}
	text, err := io.ReadAll(io.NewSectionReader(c.file, 0, math.MaxInt64))
	if err != nil {
		return ""
	}
	return string(text)
}

// checkedCLI is a CLI that was asked for its version, which takes a fifth of a second, and found new enough.
type checkedCLI struct {
	Path    string    `json:"path"`
	Size    int64     `json:"size"`
	Changed time.Time `json:"changed"`
	Version string    `json:"version"`
}

// askVersion makes sure that the CLI is new enough, unless this file has been found to be so before.
func (s *Stack) askVersion(ctx context.Context) error {
	cli, info := checkedCLI{Path: s.command.path}, os.FileInfo(nil)
	if target, err := filepath.EvalSymlinks(cli.Path); err == nil {
		cli.Path = target
	}
	if found, err := os.Stat(cli.Path); err == nil {
		info = found
		cli.Size, cli.Changed = info.Size(), info.ModTime().UTC()
	}
	memory := cliMemory()
	if known, ok := recall(memory); ok && info != nil && known.Path == cli.Path && known.Size == cli.Size && known.Changed.Equal(cli.Changed) {
		if version, err := semver.Parse(known.Version); err == nil && version.GTE(minimumVersion) {
			s.command.version = version
			return nil
		}
	}
	version, err := s.command.askVersion(ctx)
	if err != nil {
		return err
	}
	if version.LT(minimumVersion) {
		return &scale.SetupError{Problem: "the Pulumi CLI is too old: " + cli.Path + " is v" + version.String(),
			Hint: "pulumiscale needs Pulumi v" + minimumVersion.String() + " or newer"}
	}
	s.command.version = version
	cli.Version = version.String()
	cli.remember(memory)
	return nil
}

// askVersion asks the CLI for its version. The Automation API does so too, but lets flags in the environment take
// effect.
func (c *command) askVersion(ctx context.Context) (semver.Version, error) {
	stdout, stderr, _, err := c.Run(ctx, "", nil, nil, nil, nil, "version")
	if ctx.Err() != nil {
		return semver.Version{}, ctx.Err()
	}
	if scale.IsA[*exec.ExitError](err) {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr))
	}
	if err != nil {
		return semver.Version{}, notFound(err)
	}
	version, err := semver.ParseTolerant(strings.TrimSpace(stdout))
	if err != nil {
		return semver.Version{}, &scale.SetupError{Problem: "the Pulumi CLI cannot be used", Err: fmt.Errorf("`pulumi version` says %q", strings.TrimSpace(stdout)),
			Hint: "pulumiscale needs Pulumi v" + minimumVersion.String() + " or newer"}
	}
	return version, nil
}

// cliMemory is the file that keeps the last checked CLI; empty if the user has no folder for such things.
func cliMemory() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "pulumiscale", "cli.json")
}

func recall(file string) (cli checkedCLI, ok bool) {
	text, err := os.ReadFile(file)
	return cli, err == nil && json.Unmarshal(text, &cli) == nil
}

// remember keeps the CLI. If that fails, the CLI is asked again the next time. It makes nothing in somebody else's
// home, which `sudo` may leave in the environment.
func (c checkedCLI) remember(file string) {
	text, err := json.Marshal(c)
	if err != nil || file == "" || files.IsForeign(file) || os.MkdirAll(filepath.Dir(file), 0o700) != nil {
		return
	}
	_ = atomic.WriteFile(file, strings.NewReader(string(text)))
}
