// Command bench measures what PulumiScale costs, beside other ways of doing the same. `make bench` builds what it needs
// and runs it; docs/performance.md explains the table that it writes.
//
// What is compared is measured in turns, so that a busy machine slows both sides. It is reported as the median of the
// ratios of the turns, with the middle half of them. Everything is real: the engine, a provider that takes no time, the
// backends, and fresh processes, each on a stack of its own. After each scaling the workers are counted. No time
// makes it fail, only a wrong result does.
//
// All traffic stays on the loopback interface, and no load lasts longer than its section says.
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
	"slices"
	"strings"
	"syscall"

	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run of the benchmark.
type bench struct {
	*lab.Lab
	// rounds is how often everything is measured.
	rounds   int
	progress io.Writer
}

// section is a part of the benchmark that can be run by itself.
type section struct {
	name, what string
	run        func(*bench, context.Context) ([]row, error)
}

func sections() []section {
	return []section{
		{"scale", "a scaling, warm and cold", (*bench).scaling},
		{"start", "`rules` and `version`", (*bench).starting},
		{"deploy", "the first scaling after a deploy", (*bench).deploys},
		{"git", "a scaling with the program that is deployed", (*bench).synced},
		{"burst", "1,000 alerts in a second", (*bench).burst},
		{"size", "a large stack", (*bench).size},
		{"history", "a long history in a folder", (*bench).inFolder},
		{"s3", "state in S3, near and far, and with a long history", (*bench).onS3},
		{"postgres", "the same in PostgreSQL", (*bench).onPostgres},
		{"load", "as many webhooks as possible", (*bench).load},
		{"latency", "500 webhooks per second", (*bench).latency},
		{"idle", "memory of an idle server", (*bench).idle},
	}
}

// options are the flags.
type options struct {
	rounds              int
	report, root, tools string
	only                []string
}

func parse(args []string) (o options, err error) {
	var names []string
	for _, s := range sections() {
		names = append(names, s.name)
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.rounds, "n", 10, "how often everything is measured")
	flags.StringVar(&o.report, "o", "bin/bench.md", "`file` to write the table to, from the repository")
	flags.StringVar(&o.root, "root", ".", "the repository")
	flags.StringVar(&o.tools, "tools", ".tools", "the `folder`, from the repository, with bin/ and debian/")
	only := flags.String("only", "", "`sections` to run, separated by commas: "+strings.Join(names, ", ")+"; default: all")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.only = names
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	for _, name := range o.only {
		if !slices.Contains(names, name) {
			return o, fmt.Errorf("-only: there is no section %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	if o.rounds < 1 {
		return o, errors.New("-n must be at least 1")
	}
	if !filepath.IsAbs(o.report) {
		o.report = filepath.Join(o.root, o.report)
	}
	return o, nil
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "automation" {
		return automation(ctx, args[1:])
	}
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	place, err := lab.New(o.root, o.tools, "bench")
	if err != nil {
		return err
	}
	defer func() { _ = place.Close() }()
	b := &bench{Lab: place, rounds: o.rounds, progress: os.Stderr}
	// A build, or a clone with its tools, leaves hundreds of megabytes to be written. A durable acceptance would wait
	// for them.
	if _, err := b.Exec(ctx, b.Path(), nil, "sync"); err != nil {
		return err
	}
	var rows []row
	for _, s := range sections() {
		if !slices.Contains(o.only, s.name) {
			continue
		}
		b.say("%s: %s", s.name, s.what)
		found, err := s.run(b, ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		rows = append(rows, found...)
	}
	engine, err := place.Exec(ctx, place.Path(), nil, "pulumi", "version")
	if err != nil {
		return err
	}
	text := render(engine, o.rounds, rows)
	if _, err := fmt.Print("\n", text); err != nil {
		return err
	}
	return os.WriteFile(o.report, []byte(text), 0o644)
}

// say tells people how far the benchmark is. It goes on if nobody can be told.
func (b *bench) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.progress, format+"\n", args...)
}
