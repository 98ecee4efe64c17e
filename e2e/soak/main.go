// Command soak sends a running `pulumiscale serve` a long stream of mixed events and holds it to its promises. Every
// event is answered, and what is accepted is carried out once. Configuration, history, state and workers agree at the
// end. Memory, goroutines and file descriptors do not grow, and the journal does not grow beyond its bound. `make soak
// RATE=50 TIME=30m` builds what it needs and runs it. With -metrics it looks at metrics instead, and scales by them.
//
// The engine, the program and the server are the real ones, in a directory of their own that is removed unless a
// promise is broken. All traffic stays on the loopback interface. It exits with 1 on a breach. It needs Linux, whose
// /proc tells what a process holds.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// options say what is sent.
type options struct {
	root   string
	rate   float64
	events int
	seed   uint64
}

// legs is how many times the stream pauses for a sample of the server at rest: five times for each fifth of it.
const legs = 25

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	var duration time.Duration
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.StringVar(&o.root, "root", ".", "the repository")
	flags.Float64Var(&o.rate, "rate", 50, "events per second")
	flags.DurationVar(&duration, "time", 30*time.Minute, "how long to send")
	flags.IntVar(&o.events, "events", 0, "how many events to send; 0: as many as the time takes")
	metrics := flags.Int("metrics", 0, "instead of events, metrics of so many pools that the server looks at every second")
	flags.Uint64Var(&o.seed, "seed", 1, "the mixture: the same seed sends the same events")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	o.events = cmp.Or(o.events, int(o.rate*duration.Seconds()))
	if o.rate <= 0 || o.rate > 1000 || o.events < legs {
		return fmt.Errorf("-rate must be more than 0 and at most 1000, and there must be at least %d events", legs)
	}
	place, err := lab.New(o.root, ".tools", "soak")
	if err != nil {
		return err
	}
	at := &site{Lab: place}
	var broken int
	if *metrics > 0 {
		broken, err = soakMetrics(ctx, *metrics, duration, at, out)
	} else {
		broken, err = soak(ctx, o, at, out)
	}
	if err == nil && broken == 0 {
		return place.Close()
	}
	err = errors.Join(err, at.abort())
	if broken > 0 {
		err = errors.Join(err, fmt.Errorf("%d promises are broken", broken))
	}
	return fmt.Errorf("%w\nwhat there is to see is in %s", err, place.Path())
}

// soak sends the events and checks what became of them. It returns how many promises are broken.
func soak(ctx context.Context, o options, at *site, out io.Writer) (broken int, err error) {
	if err := at.open(ctx); err != nil {
		return 0, err
	}
	mix := newMixture(o.seed)
	s := newSender(at.server.URL, lab.Token)
	follower := follow(ctx, s)
	var samples []sample
	p := &printer{out: out}
	p.printf("%d events at %g per second, in %d legs; each ends with a sample of the server at rest.\n\n", o.events, o.rate, legs)
	p.head()
	for leg := range legs {
		from, to := o.events*leg/legs, o.events*(leg+1)/legs
		if err := s.send(ctx, mix, to-from, o.rate); err != nil {
			return 0, err
		}
		sampled, err := at.rest(ctx, s, follower)
		if err != nil {
			return 0, err
		}
		sampled.events = to
		samples = append(samples, sampled)
		p.sample(sampled)
	}
	verdicts := flatness(samples)
	verdicts = append(verdicts, bounded(samples, follower.accepted(), o.rate))
	verdicts = append(verdicts, s.verdicts()...)
	verdicts = append(verdicts, follower.verdict())
	agreed, err := at.agree(ctx, s.balance())
	if err != nil {
		return 0, err
	}
	verdicts = append(verdicts, agreed...)
	p.answers(s)
	broken = p.verdicts(verdicts)
	if broken == 0 {
		verdicts = []verdict{at.stopped()}
		broken = p.verdicts(verdicts)
	}
	return broken, p.err
}
