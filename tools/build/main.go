// Command build compiles one program of a module and shows how far it is.
//
// The Pulumi CLI alone is more than a thousand packages. That takes minutes on a small machine, in which "go build"
// says nothing. This command wraps it and counts the modules downloaded and the packages compiled. It shows one line
// that is rewritten on a terminal, a line every ten seconds elsewhere, and nothing at all if the build cache has
// everything.
//
//	go run ./tools/build -o .tools/bin/pulumi tools/pulumi tool
//	go run ./tools/build -o .tools/bin/pulumi-resource-localcloud examples/provider .
//
// The first argument is the folder to build in. The second is a package, or "tool" for the tool that the folder's
// go.mod names. The output is renamed into place after the link, so that a failed or interrupted build leaves what was
// there before.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	output := flag.String("o", "", "`file` to write")
	ldflags := flag.String("ldflags", "", "linker flags added to -s -w")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: build -o FILE [-ldflags FLAGS] FOLDER PACKAGE")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 2 || *output == "" {
		flag.Usage()
		os.Exit(2)
	}

	// Ctrl-C also reaches the compilers, which share the terminal's process group. A plain kill does not reach them, so
	// run hands it on.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	p := newProgress(os.Stderr, filepath.Base(*output))
	err := build(ctx, p, flag.Arg(0), flag.Arg(1), *output, strings.TrimSpace("-s -w "+*ldflags))
	p.close(err)
	if err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(*output), err)
		os.Exit(1)
	}
}

// build compiles pkg of the module in folder to output.
func build(ctx context.Context, p *progress, folder, pkg, output, ldflags string) error {
	output, err := filepath.Abs(output)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
		return err
	}
	// Without -trimpath, what the tests and the linter have compiled counts here too, and takes minutes less on a new machine.
	flags := []string{"-buildvcs=false", "-ldflags", ldflags}

	// Listing the packages downloads the modules. Only stale packages will be compiled.
	list := append([]string{"list", "-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}"}, flags...)
	stale, err := run(ctx, folder, p.line, append(list, pkg)...)
	if err != nil {
		return err
	}
	p.compiling(strings.Fields(stale))

	temp, err := os.MkdirTemp(filepath.Dir(output), ".build-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	built := filepath.Join(temp, filepath.Base(output))
	if _, err := run(ctx, folder, p.line, append(append([]string{"build", "-v", "-o", built}, flags...), pkg)...); err != nil {
		return err
	}
	return os.Rename(built, output)
}

// run runs the go command and returns its output. It hands each line of the command's errors to line, and puts the
// lines that line does not want into the error.
func run(ctx context.Context, folder string, line func(string) bool, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = folder
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	reader, writer := io.Pipe()
	cmd.Stderr = writer

	var rest strings.Builder
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewReader(reader); ; {
			text, err := lines.ReadString('\n')
			if trimmed := strings.TrimRight(text, "\n"); trimmed != "" && !line(trimmed) {
				rest.WriteString(trimmed + "\n")
			}
			if err != nil {
				return
			}
		}
	}()
	err := cmd.Run()
	_ = writer.Close() // never fails
	<-read
	if err != nil {
		return "", fmt.Errorf("go %s in %s: %w\n%s", args[0], folder, err, strings.TrimSpace(rest.String()))
	}
	return stdout.String(), nil
}

// downloading is what the go command says of a module it fetches.
var downloading = regexp.MustCompile(`^go: downloading (\S+) \S+$`)

// quiet is how long a build may take before the first word about it.
const quiet = time.Second

// progress counts what the go command reports and shows the count at intervals. It is safe for concurrent use.
type progress struct {
	out      *os.File
	name     string
	terminal bool
	start    time.Time
	done     chan struct{}
	stopped  chan struct{}

	mu       sync.Mutex
	modules  int
	packages map[string]bool // the packages to compile; true for those that have begun
	begun    int
	current  string
}

func newProgress(out *os.File, name string) *progress {
	p := &progress{out: out, name: name, start: time.Now(), done: make(chan struct{}), stopped: make(chan struct{})}
	if info, err := out.Stat(); err == nil {
		p.terminal = info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	}
	go p.show()
	return p
}

// line takes one line of the go command, and reports whether it was about progress.
func (p *progress) line(text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := downloading.FindStringSubmatch(text); m != nil {
		p.modules++
		p.current = m[1]
		return true
	}
	begun, ours := p.packages[text]
	if ours && !begun {
		p.packages[text] = true
		p.begun++
		p.current = text
	}
	return ours
}

// compiling says which packages are to be compiled.
func (p *progress) compiling(packages []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.packages = make(map[string]bool, len(packages))
	for _, pkg := range packages {
		p.packages[pkg] = false
	}
	p.current = ""
}

// show writes the state now and then until close.
func (p *progress) show() {
	defer close(p.stopped)
	every := 10 * time.Second
	if p.terminal {
		every = 200 * time.Millisecond
	}
	next := time.After(quiet)
	for {
		select {
		case <-p.done:
			return
		case <-next:
			next = time.After(every)
		}
		if p.terminal {
			p.print("\r\x1b[K%.*s", columns, p.state())
		} else {
			p.print("%s\n", p.state())
		}
	}
}

// columns keeps the updating line from wrapping on a terminal of the usual width.
const columns = 79

// print writes to the terminal or log. A build does not fail because that cannot be written to.
func (p *progress) print(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, format, args...)
}

func (p *progress) state() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	elapsed := time.Since(p.start).Round(time.Second)
	switch {
	case p.packages == nil && p.modules == 0:
		return fmt.Sprintf("%s: looking for packages, %s", p.name, elapsed)
	case p.packages == nil:
		return fmt.Sprintf("%s: module %d downloaded, %s  %s", p.name, p.modules, elapsed, p.current)
	case p.begun < len(p.packages):
		return fmt.Sprintf("%s: package %d of %d, %s  %s", p.name, p.begun, len(p.packages), elapsed, p.current)
	default:
		return fmt.Sprintf("%s: package %d of %d, linking, %s", p.name, p.begun, len(p.packages), elapsed)
	}
}

// close ends the display. For a build that took a while it says what was done.
func (p *progress) close(err error) {
	close(p.done)
	<-p.stopped
	took := time.Since(p.start)
	if took < quiet {
		return
	}
	if p.terminal {
		p.print("\r\x1b[K")
	}
	if err == nil {
		p.print("%s: built in %s, %d modules downloaded, %d packages compiled\n",
			p.name, took.Round(time.Second), p.modules, p.begun)
	}
}
