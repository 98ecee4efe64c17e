// Package cli runs the Pulumi CLI: in an environment without the variables that stand for flags, in a process group of
// its own, and with its output in files that outlive PulumiScale.
package cli

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

// Minimum is the oldest CLI that PulumiScale works with.
var Minimum = semver.MustParse("3.200.0")

// Command runs the Pulumi CLI. It is an [auto.PulumiCommand] that differs from the Automation API's own command in
// three ways, on which a running update depends. The engine has a process group of its own, so that a terminal's Ctrl-C
// does not reach it. A context that ends interrupts the engine but never kills it, because a killed engine leaves the
// stack locked and its state unfinished. The engine writes into files rather than pipes, so that it outlives
// PulumiScale: a pipe whose reader has died would kill the engine at its next write.
type Command struct {
	// Path is the CLI's file.
	Path    string
	version semver.Version
}

var _ auto.PulumiCommand = (*Command)(nil)

// Find finds the CLI on PATH. The error is a [*scale.SetupError].
func Find() (*Command, error) {
	path, err := exec.LookPath("pulumi")
	if err != nil {
		return nil, notFound(err)
	}
	return &Command{Path: path}, nil
}

// Version returns the version of the CLI; zero until the CLI has been asked for it.
func (c *Command) Version() semver.Version { return c.version }

// Run runs the CLI with the arguments. It returns what the CLI printed and its exit code, -1 if it did not run to its
// end. The extra writers get the output once the CLI has ended.
func (c *Command) Run(ctx context.Context, dir string, stdin io.Reader, stdout, stderr []io.Writer, env []string, args ...string,
) (string, string, int, error) {
	out, errs, code, err := c.Do(ctx, Call{Dir: dir, Stdin: stdin, Env: env}, args...)
	return copied(out, stdout), copied(errs, stderr), code, err
}

// copied gives the text to the writers, and returns it.
func copied(text string, also []io.Writer) string {
	for _, w := range also {
		_, _ = io.WriteString(w, text)
	}
	return text
}

// Call says how the CLI is run.
type Call struct {
	Dir   string
	Stdin io.Reader
	// Env is added to the environment.
	Env []string
	// Files are open files that the process inherits, right after the three standard ones.
	Files []*os.File
	// Tie is a file that is locked for as long as the process, or one that it started, runs; empty if there is none.
	Tie string
	// Started is called with the process's number once the process runs. It may be nil.
	Started func(pid int)
	// Private says that the CLI's output is secret and must be on no disk: it is read through a pipe. Such a process
	// changes nothing, so it may die with PulumiScale.
	Private bool
}

// Do runs the CLI with the arguments. It returns what the CLI printed and its exit code, -1 if it did not run to its
// end.
func (c *Command) Do(ctx context.Context, how Call, args ...string) (stdout, stderr string, code int, err error) {
	if err := ctx.Err(); err != nil {
		return "", "", -1, err
	}
	child, err := c.Start(how, args...)
	if err != nil {
		return "", "", -1, err
	}
	_, process := child.Span(ctx)
	stdout, stderr, code, err = child.Wait(ctx)
	span.End(process, err)
	return stdout, stderr, code, err
}

// Invocation is a running CLI. Its Wait must be called once.
type Invocation struct {
	cmd       *exec.Cmd
	out, errs capture
	untie     func()
	// name is what a trace calls the run, and began is when it was started.
	name  string
	began time.Time
}

// Process returns the process; nil before it is started.
func (c *Invocation) Process() *os.Process {
	if c.cmd == nil {
		return nil
	}
	return c.cmd.Process
}

// Span begins the span of the process, at the time at which the process was started.
func (c *Invocation) Span(ctx context.Context) (context.Context, trace.Span) {
	return span.Begin(ctx, c.name, trace.WithTimestamp(c.began), trace.WithAttributes(attribute.Int("process.pid", c.cmd.Process.Pid)))
}

// Start starts the CLI with the arguments.
func (c *Command) Start(how Call, args ...string) (_ *Invocation, err error) {
	child := &Invocation{untie: func() {}, name: nameOfCall(args), began: time.Now()}
	defer func() {
		if err != nil {
			child.close()
			err = exhausted(err)
		}
	}()
	if child.out, err = newCapture(how.Private); err != nil {
		return nil, err
	}
	if child.errs, err = newCapture(how.Private); err != nil {
		return nil, err
	}
	cmd := exec.Command(c.Path, append([]string{"--non-interactive", "--color", "never"}, args...)...) //nolint:noctx // a context would kill it
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = how.Dir, how.Stdin, child.out.writer(), child.errs.writer()
	if how.Private {
		cmd.WaitDelay = pipeDelay
	}
	// The CLI runs `git status`, which would take the lock of somebody's repository just to refresh its index. A
	// `git commit` at that moment would fail.
	cmd.Env = append(Environment(os.Environ(), how.Dir, "PULUMI_AUTOMATION_API=true", "PULUMI_SKIP_UPDATE_CHECK=true", "GIT_OPTIONAL_LOCKS=0"), how.Env...)
	cmd.ExtraFiles = how.Files
	process.Detach(cmd)
	child.cmd = cmd
	if how.Tie != "" {
		if child.untie, err = process.Tie(cmd, how.Tie); err != nil {
			child.untie = func() {}
			return nil, err
		}
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if how.Started != nil {
		how.Started(cmd.Process.Pid)
	}
	return child, nil
}

// nameOfCall returns the command line of a call up to its first flag.
func nameOfCall(args []string) string {
	if flag := slices.IndexFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "-") }); flag >= 0 {
		args = args[:flag]
	}
	return strings.Join(append([]string{"pulumi"}, args...), " ")
}

// Wait waits for the end of the process, and interrupts it when ctx ends; the error then also holds the error of ctx.
// What the process prints to stderr is masked: see [Mask]. If the process fails, what it prints to stdout is masked
// too.
func (c *Invocation) Wait(ctx context.Context) (stdout, stderr string, code int, err error) {
	defer c.close()
	stop := context.AfterFunc(ctx, func() {
		_ = process.Interrupt(c.cmd.Process) // it may just have ended by itself
	})
	defer stop()
	err = c.cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) { // the CLI has ended well, but a process that it started still runs
		err = nil
	}
	if err != nil && ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	code = -1
	if c.cmd.ProcessState != nil {
		code = c.cmd.ProcessState.ExitCode()
	}
	stdout, stderr = c.out.text(), Mask(c.errs.text())
	if err != nil { // then stdout may say why, in place of the answer
		stdout = Mask(stdout)
	}
	return stdout, stderr, code, err
}

func (c *Invocation) close() {
	c.untie()
	c.out.close()
	c.errs.close()
}

// pipeDelay is how long a process's pipes are read after its end. Without a limit that could take forever, because a
// process that it has started may keep the pipes open.
const pipeDelay = 5 * time.Second

// capture keeps the output of a process: in a file or, if the output must be on no disk, in memory through a pipe.
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
		// The file's name is not needed any more, and this way no file is left behind if we are killed. Windows does
		// not remove a file that is open; there [capture.close] removes it.
		_ = os.Remove(file.Name())
	}
	return capture{file: file}, err
}

// writer returns what the process writes to. The process inherits a file; for any other writer, os/exec makes a pipe.
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

// text returns what was printed.
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

// checkedCLI is a CLI that was asked for its version and found new enough. It is kept, because asking takes a fifth of
// a second.
type checkedCLI struct {
	Path    string    `json:"path"`
	Size    int64     `json:"size"`
	Changed time.Time `json:"changed"`
	Version string    `json:"version"`
}

// Check makes sure that the CLI is new enough, unless the same file was found new enough before. The error is a
// [*scale.SetupError].
func (c *Command) Check(ctx context.Context) error {
	kept, info := checkedCLI{Path: c.Path}, os.FileInfo(nil)
	if target, err := filepath.EvalSymlinks(kept.Path); err == nil {
		kept.Path = target
	}
	if found, err := os.Stat(kept.Path); err == nil {
		info = found
		kept.Size, kept.Changed = info.Size(), info.ModTime().UTC()
	}
	memory := memoryFile()
	if known, ok := recall(memory); ok && info != nil && known.Path == kept.Path && known.Size == kept.Size && known.Changed.Equal(kept.Changed) {
		if version, err := semver.Parse(known.Version); err == nil && version.GTE(Minimum) {
			c.version = version
			return nil
		}
	}
	version, err := c.AskVersion(ctx)
	if err != nil {
		return err
	}
	if version.LT(Minimum) {
		return &scale.SetupError{Problem: "the Pulumi CLI is too old: " + kept.Path + " is v" + version.String(),
			Hint: "pulumiscale needs Pulumi v" + Minimum.String() + " or newer"}
	}
	kept.Version = version.String()
	kept.remember(memory)
	return nil
}

// AskVersion asks the CLI for its version. The Automation API could ask too, but it lets flags in the environment take
// effect.
func (c *Command) AskVersion(ctx context.Context) (semver.Version, error) {
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
			Hint: "pulumiscale needs Pulumi v" + Minimum.String() + " or newer"}
	}
	c.version = version
	return version, nil
}

// memoryFile returns the path of the file that keeps the last checked CLI; empty if the user has no cache folder.
func memoryFile() string {
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

// remember keeps the CLI. If that fails, the CLI is asked again the next time. remember makes nothing in somebody
// else's home, to which the environment may lead under `sudo`.
func (c checkedCLI) remember(file string) {
	text, err := json.Marshal(c)
	if err != nil || file == "" || files.IsForeign(file) || os.MkdirAll(filepath.Dir(file), 0o700) != nil {
		return
	}
	_ = atomic.WriteFile(file, strings.NewReader(string(text)))
}

// notFound turns the failure to find or run the CLI into a [*scale.SetupError].
func notFound(err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return &scale.SetupError{Problem: "there is no `pulumi` on PATH", Hint: "install the Pulumi CLI: https://www.pulumi.com/docs/install/"}
	}
	return &scale.SetupError{Problem: "cannot run `pulumi version`", Err: err}
}

// exhausted turns an error about a lack of descriptors, processes or memory into a [*scale.UnavailableError], because
// the lack may end by itself. Any other error, such as that the CLI is missing or may not be run, stays as it is.
func exhausted(err error) error {
	if gone, is := process.Exhaustion(err); is {
		return &scale.UnavailableError{Problem: "this machine cannot start the pulumi CLI now", Detail: gone.Error()}
	}
	return err
}
