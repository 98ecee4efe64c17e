//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pulumiscale/pulumiscale/e2e/backend"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "campaign:", err)
		code = 1
	}
	os.Exit(code)
}

// signalNotify is [signal.Notify] for what ends a program.
func signalNotify(c chan<- os.Signal) { signal.Notify(c, os.Interrupt, syscall.SIGTERM) }

// defaultSeed is any number. A campaign is the same again unless another seed is asked for.
const defaultSeed = 20250917

// options are what a campaign is told.
type options struct {
	root, keep, round string
	// backend is the kind of backend that all worlds have. language is that of the second stack's program.
	backend, language string
	seed              uint64
	rounds            map[string]*int
	limit             time.Duration
	lanes, failures   int
	race              bool
}

func parse(args []string) (*options, error) {
	o := &options{rounds: map[string]*int{}}
	flags := flag.NewFlagSet("campaign", flag.ContinueOnError)
	flags.Uint64Var(&o.seed, "seed", defaultSeed, "the `number` that all choices come from")
	for _, kind := range kindNames() {
		o.rounds[kind.name] = flags.Int(kind.flag, kind.rounds, "how many rounds of this kind")
	}
	flags.DurationVar(&o.limit, "time", 0, "end after this `duration`; 0: when all rounds are done")
	flags.IntVar(&o.lanes, "lanes", 2, "how many worlds are worked on beside each other")
	flags.IntVar(&o.failures, "failures", 5, "end after so many broken rounds")
	flags.BoolVar(&o.race, "race", true, "with the race detector, which makes pulumiscale several times slower")
	flags.StringVar(&o.backend, "backend", backend.File, "where the state is: `KIND`, one of "+strings.Join(backends(), ", "))
	flags.StringVar(&o.language, "language", "loop", "what the second stack's program is written in: `LANGUAGE`, loop or "+typescript)
	flags.StringVar(&o.keep, "keep", "", "the `folder` for the worlds of broken rounds; default: a new one for temporary files")
	flags.StringVar(&o.root, "root", ".", "the repository")
	flags.StringVar(&o.round, "round", "", "play one round alone: `KIND:SEED`, as a broken one is reported")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if !slices.Contains(backends(), o.backend) {
		return nil, fmt.Errorf("-backend: want one of %s, have %q", strings.Join(backends(), ", "), o.backend)
	}
	if _, known := loopPrograms()[o.language]; !known {
		return nil, fmt.Errorf("-language: want loop or %s, have %q", typescript, o.language)
	}
	if o.lanes < 1 || flags.NArg() > 0 {
		return nil, errors.New("there must be a lane, and no arguments")
	}
	return o, nil
}

// backends are the kinds of backends that worlds may have.
func backends() []string { return []string{backend.File, backend.S3, backend.Postgres} }

// kindName is a kind of rounds, its flag and how many there are by default.
type kindName struct {
	name, flag string
	rounds     int
}

func kindNames() []kindName {
	return []kindName{
		{"kill", "kills", 300}, {"contention", "contention", 300}, {"outage", "outages", 200},
		{"provider", "provider", 200}, {"edits", "edits", 200}, {"clock", "clock", 30},
		{"pending", "pending", 300}, {"deploys", "deploys", 200},
	}
}

func run(ctx context.Context, args []string, out io.Writer) (int, error) {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0, nil
	}
	if err != nil {
		return 2, err
	}
	// As root of a namespace nobody can become the user that PostgreSQL wants to be run by.
	asUser := o.backend == backend.Postgres && os.Geteuid() != 0
	if !isInside() && !asUser {
		code, err := runInside(ctx)
		if err == nil {
			return code, nil
		}
		if _, err := fmt.Fprintf(out, "note: without mounts: %v\n", err); err != nil {
			return 1, err
		}
	}
	c, err := newCampaign(ctx, o, out)
	if err != nil {
		return 1, err
	}
	defer c.close()
	if o.round != "" {
		kind, text, _ := strings.Cut(o.round, ":")
		seed, err := strconv.ParseUint(text, 16, 64)
		if err != nil || kinds()[kind] == nil {
			return 2, fmt.Errorf("-round: want KIND:SEED as a broken round is reported, have %q", o.round)
		}
		c.plan = []task{{kind: kind, seed: seed}}
	}
	return c.run(ctx)
}
