package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// afterEnd is how long a command may take to end after it was told to end.
const afterEnd = 2 * time.Second

// errSilent is the cause with which a command's context ends if the command prints nothing for too long.
var errSilent = errors.New("it was silent for too long")

// call is one run of git.
type call struct {
	// args are git's arguments; the first is the subcommand.
	args []string
	// dir is where git runs; "" is the clone.
	dir   string
	input io.Reader
	// env is added to the environment.
	env []string
	// silence is how long git may print nothing. If it is 0, git may be silent until the context ends.
	silence time.Duration
}

// settings returns the options that go before each subcommand. They keep git from working in the background, and from
// running hooks: hooks are for people's own work, and a program's packages may have installed some.
func settings() []string {
	return []string{
		"-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false",
		"-c", "advice.detachedHead=false", "-c", "color.ui=false", "-c", "fetch.writeCommitGraph=false",
		"-c", "submodule.recurse=false", "-c", "core.quotePath=false",
	}
}

// local runs git in the clone, and returns what it prints.
func (r *Repository) local(ctx context.Context, args ...string) ([]byte, error) {
	return r.run(ctx, call{args: args})
}

// remote runs a git that asks the remote. Git is ended if it is silent for longer than the timeout.
func (r *Repository) remote(ctx context.Context, args ...string) ([]byte, error) {
	return r.run(ctx, call{args: args, silence: r.options.Timeout})
}

// line runs git in the clone, and returns the first line of what git prints.
func (r *Repository) line(ctx context.Context, args ...string) (string, error) {
	out, err := r.local(ctx, args...)
	return firstLine(out), err
}

func firstLine(out []byte) string {
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSuffix(line, "\r")
}

// run runs git, and returns what it prints to its standard output. The error is a [*CommandError], or says that there
// is no git, or is ctx's error if ctx has ended.
func (r *Repository) run(ctx context.Context, c call) ([]byte, error) {
	if c.dir == "" {
		c.dir = r.git
		if c.args[0] == "init" {
			c.dir = r.dir
		}
	}
	return execute(ctx, c, r.environment(), r.removeCredentials)
}

// execute runs git with an environment, and returns what it prints to its standard output. The function clean removes
// credentials from the texts in the error.
func execute(ctx context.Context, c call, env []string, clean func(string) string) ([]byte, error) {
	within, end := context.WithCancelCause(ctx)
	defer end(nil)
	alive := newWatch(c.silence, func() { end(errSilent) })
	defer alive.stop()
	cmd := exec.CommandContext(within, "git", append(settings(), c.args...)...)
	cmd.Dir, cmd.Stdin = c.dir, c.input
	cmd.Env = slices.Concat(env, c.env)
	cmd.ExtraFiles = inheritedFiles(ctx)
	cmd.WaitDelay = afterEnd
	separate(cmd)
	var out, told bytes.Buffer
	cmd.Stdout, cmd.Stderr = alive.over(&out), alive.over(&told)
	err := cmd.Run()
	if within.Err() != nil {
		endGroup(cmd)
	}
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay) && within.Err() == nil: // a daemon still has the streams
		return out.Bytes(), nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("git %s: %w", c.args[0], context.Cause(ctx))
	case errors.Is(err, exec.ErrNotFound):
		return nil, fmt.Errorf("run git: %w", err)
	case errors.Is(context.Cause(within), errSilent):
		err = fmt.Errorf("%w (%s)", errSilent, c.silence)
	}
	return nil, &CommandError{
		Command: c.args[0], Output: clean(withoutProgress(told.String())), Err: err, stdout: clean(out.String()),
	}
}

// withoutProgress returns the last 8 KB of what git printed, without the lines that report progress.
func withoutProgress(text string) string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(strings.TrimSuffix(line, "\x1b[K"), " \r\t") // the sequence that clears the rest of a line
		if last := strings.LastIndexByte(line, '\r'); last >= 0 {
			line = line[last+1:]
		}
		if line != "" && !isProgress(line) {
			lines = append(lines, line)
		}
	}
	text = strings.Join(lines, "\n")
	const most = 8 << 10
	return text[max(0, len(text)-most):]
}

// isProgress says whether a line only reports git's progress.
func isProgress(line string) bool {
	line = strings.TrimPrefix(line, "remote: ")
	for _, start := range []string{
		"Enumerating objects:", "Counting objects:", "Compressing objects:", "Receiving objects:", "Resolving deltas:",
		"Writing objects:", "Unpacking objects:", "Updating files:", "Delta compression using", "Total ",
		"Filtering content:",
	} {
		if strings.HasPrefix(line, start) {
			return true
		}
	}
	return false
}

// watch ends a command that prints nothing for too long. Each write to one of the command's streams holds mu and
// restarts the timer. The method stop needs no mu, since a timer is safe for concurrent use.
type watch struct {
	mu    sync.Mutex
	timer *time.Timer
	limit time.Duration
}

func newWatch(limit time.Duration, end func()) *watch {
	w := &watch{limit: limit}
	if limit > 0 {
		w.timer = time.AfterFunc(limit, end)
	}
	return w
}

func (w *watch) over(to io.Writer) io.Writer { return watched{w, to} }

func (w *watch) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

type watched struct {
	watch *watch
	to    io.Writer
}

func (s watched) Write(p []byte) (int, error) {
	s.watch.mu.Lock()
	defer s.watch.mu.Unlock()
	if s.watch.timer != nil {
		s.watch.timer.Reset(s.watch.limit)
	}
	return s.to.Write(p)
}
