//go:build linux

// Command hostile sends a running `pulumiscale serve` what somebody may send who means harm, and takes away from it
// what it needs. It sends hundreds of requests of the kinds that HTTP, authentication, framing, content and keys allow,
// and abuses of HTTP/2. It holds connections, fills the disk, and leaves the server no file descriptors and no time.
// `make hostile` builds what it needs and runs it, in a few minutes.
//
// Every answer is held against what it should be, and none may tell a secret or a path. At the end the pool must have
// exactly the count that the accepted requests made, and the server must hold no more than before. The engine, the
// program and the server are the real ones, in a directory of their own that is removed unless something is wrong. All
// traffic stays on the loopback interface. If anything is wrong, the command exits with 1 and prints each fault with
// what makes it happen again. It needs Linux.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "hostile:", err)
		os.Exit(1)
	}
}

// longest is how long all of it may take.
const longest = 5 * time.Minute

// options are what the battery is told.
type options struct {
	root, program, only string
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("hostile", flag.ContinueOnError)
	flags.StringVar(&o.root, "root", ".", "the repository")
	flags.StringVar(&o.program, "program", "", "the `folder` of another pulumiscale than that in bin, such as one with the race detector")
	flags.StringVar(&o.only, "only", "", "try only what has this in its `KIND/NAME`")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, longest, fmt.Errorf("it has taken more than %s", longest))
	defer cancel()
	trap, err := setTrap(ctx)
	if err != nil {
		return err
	}
	place, err := lab.New(o.root, ".tools", "hostile")
	if err != nil {
		return err
	}
	b := &battery{Lab: place, options: o, out: out, trap: trap, ledger: newLedger(), tally: &tally{}, began: time.Now()}
	err = b.run(ctx)
	if err == nil && len(b.tally.wrong) == 0 {
		return place.Close()
	}
	if err != nil && ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), err)
	}
	if n := len(b.tally.wrong); n > 0 {
		err = errors.Join(err, fmt.Errorf("%d are wrong", n))
	}
	return fmt.Errorf("%w\nwhat there is to see is in %s", errors.Join(err, b.abort()), place.Path())
}

// run tries everything, and prints what became of it.
func (b *battery) run(ctx context.Context) error {
	err := b.open(ctx)
	for _, part := range []func(context.Context) error{b.tryRequests, b.tryHTTP2, b.tryScarcity, b.agree} {
		if err == nil {
			err = part(ctx)
		}
	}
	for _, text := range append([]string{"", b.tally.table()}, b.tally.wrong...) {
		if _, printErr := fmt.Fprintln(b.out, text); printErr != nil {
			return errors.Join(err, printErr)
		}
	}
	return err
}

// say tells how far the battery is.
func (b *battery) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.out, "%5.1f s  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...)) // there is nowhere left to report it
}

// wants says whether something is to be tried.
func (b *battery) wants(kind, name string) bool { return strings.Contains(kind+"/"+name, b.only) }
