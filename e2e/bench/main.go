// Command bench measures what scaling a stack by PulumiScale costs, in wall time and in engine processes, beside the other ways of
// doing the same: a shell script, and the Automation API used the plain way. `make bench` builds what it needs and runs it.
//
// All ways run in turns, so that a busy machine slows all of them, each on a stack of its own: the example program with a provider
// that takes no time, on a file backend. Each run starts a fresh process and really scales; the workers are counted after it.
// Engine processes are counted in a separate round, by a `pulumi` on PATH that notes its arguments and runs the real one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "automation" {
		return automation(ctx, args[1:])
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	rounds := flags.Int("n", 10, "how often each way is measured")
	report := flags.String("o", "bin/bench.md", "`file` to write the report to")
	root := flags.String("root", ".", "the repository")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if *rounds < 1 {
		return errors.New("-n must be at least 1")
	}
	lab, err := newLab(*root)
	if err != nil {
		return err
	}
	defer lab.close()
	results, err := measure(ctx, lab, *rounds, os.Stderr)
	if err != nil {
		return err
	}
	text := render(lab, *rounds, results)
	fmt.Print("\n", text)
	return os.WriteFile(filepath.Join(*root, *report), []byte(text), 0o644)
}

// result is what was measured of one way.
type result struct {
	way
	times []time.Duration
	// processes and updates are how many `pulumi` a run starts, and how many of them are `pulumi up`.
	processes, updates int
}

// measure runs each way n times, in turns, after a round in which processes are counted.
func measure(ctx context.Context, lab *lab, n int, progress io.Writer) ([]result, error) {
	all, err := ways()
	if err != nil {
		return nil, err
	}
	var results []result
	for _, way := range all {
		if _, err := fmt.Fprintf(progress, "counting the processes of: %s\n", way.name); err != nil {
			return nil, err
		}
		if err := lab.deploy(ctx, way); err != nil {
			return nil, fmt.Errorf("deploy for %s: %w", way.name, err)
		}
		r := result{way: way}
		if r.processes, r.updates, err = lab.count(ctx, way); err != nil {
			return nil, fmt.Errorf("%s: %w", way.name, err)
		}
		results = append(results, r)
	}
	for round := range n {
		if _, err := fmt.Fprintf(progress, "round %d of %d\n", round+1, n); err != nil {
			return nil, err
		}
		for i := range results {
			// A different one begins each round.
			r := &results[(i+round)%len(results)]
			took, err := lab.time(ctx, r.way, 3+round%2)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
			r.times = append(r.times, took)
		}
	}
	return results, nil
}
