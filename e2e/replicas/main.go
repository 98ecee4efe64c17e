//go:build linux

// Command replicas breaks several replicas at random moments, and checks what must be true of the cluster: every
// accepted operation has one outcome, whichever replica is asked, and is carried out once; config files, history, state
// and workers agree; and no stack is without a worker for long after a death. Everything is real: the replicas, their
// log, the engine, the backend. The network between the replicas consists of proxies on loopback.
//
// A round is one fault under load. To play a round again, name its fault and its seed: REPLICAS='-round kill:1f'.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
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
		fmt.Fprintln(os.Stderr, "replicas:", err)
		code = 1
	}
	os.Exit(code)
}

// options are the campaign's flags.
type options struct {
	root, tools, backend string
	seed                 uint64
	rounds, stacks       int
	typeScript           int
	only, round, other   string
	limit                time.Duration
	keep                 bool
}

func parse(args []string) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("replicas", flag.ContinueOnError)
	flags.Uint64Var(&o.seed, "seed", 20261130, "the `number` that all choices come from")
	flags.IntVar(&o.rounds, "rounds", 300, "how many rounds")
	flags.IntVar(&o.stacks, "stacks", 6, "how many stacks")
	flags.IntVar(&o.typeScript, "typescript", 2, "how many of the stacks' programs are in TypeScript, and not in YAML")
	flags.StringVar(&o.only, "only", "", "the `KIND` of fault, one of "+strings.Join(kinds(), ", "))
	flags.StringVar(&o.round, "round", "", "play these rounds alone: `KIND:SEED,...`, as they are reported")
	flags.StringVar(&o.backend, "backend", backend.File, "where the state is: `KIND`, one of "+strings.Join(backend.Kinds(), ", "))
	flags.DurationVar(&o.limit, "time", 0, "begin no round after this `duration`; 0: none is too late")
	flags.BoolVar(&o.keep, "keep", false, "keep the folder with everything in it")
	flags.StringVar(&o.other, "other", "", "a `FOLDER` with another version of pulumiscale: rolling restarts change to it, and back")
	flags.StringVar(&o.root, "root", ".", "the repository")
	flags.StringVar(&o.tools, "tools", ".tools", "the folder of the pinned tools")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if o.only != "" && faults()[o.only] == nil {
		return nil, fmt.Errorf("-only: want one of %s, have %q", strings.Join(kinds(), ", "), o.only)
	}
	if o.rounds < 1 || o.stacks < 1 || o.typeScript > o.stacks || flags.NArg() > 0 {
		return nil, errors.New("there must be a round and a stack, no more programs in TypeScript than stacks, and no arguments")
	}
	return o, nil
}

func kinds() []string { return slices.Sorted(maps.Keys(faults())) }

// draw is a round: a kind of fault, and the seed of all choices in it.
type draw struct {
	kind string
	seed uint64
}

func (d draw) String() string { return d.kind + ":" + strconv.FormatUint(d.seed, 16) }

// draws are the rounds to be played.
func (o *options) draws() ([]draw, error) {
	if o.round != "" {
		var out []draw
		for one := range strings.SplitSeq(o.round, ",") {
			kind, text, _ := strings.Cut(one, ":")
			seed, err := strconv.ParseUint(text, 16, 64)
			if err != nil || faults()[kind] == nil {
				return nil, fmt.Errorf("-round: %q is no round", one)
			}
			out = append(out, draw{kind, seed})
		}
		return out, nil
	}
	choices := rand.New(rand.NewPCG(o.seed, 1)) //nolint:gosec // a seed must give the same rounds again
	out := make([]draw, o.rounds)
	for i := range out {
		out[i] = draw{kinds()[choices.IntN(len(faults()))], choices.Uint64()}
		if o.only != "" {
			out[i].kind = o.only
		}
	}
	return out, nil
}

// mostBroken is the number of broken rounds after which the campaign ends.
const mostBroken = 5

func run(ctx context.Context, args []string, out io.Writer) (code int, err error) {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0, nil
	}
	if err != nil {
		return 2, err
	}
	draws, err := o.draws()
	if err != nil {
		return 2, err
	}
	began := time.Now()
	say := func(format string, args ...any) {
		_, _ = fmt.Fprintf(out, "%7s  %s\n", time.Since(began).Round(time.Second), fmt.Sprintf(format, args...))
	}
	st, err := newSite(ctx, o, say)
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	played, broken := map[string]int{}, map[string]int{}
	var longest time.Duration
	for i, d := range draws {
		if ctx.Err() != nil || o.limit > 0 && time.Since(began) > o.limit {
			break
		}
		say("%d/%d %s", i+1, len(draws), d)
		r := st.play(ctx, d)
		if ctx.Err() != nil {
			break
		}
		played[d.kind]++
		longest = max(longest, r.unattended)
		say("  %s", r)
		if len(r.breaches) > 0 {
			broken[d.kind]++
			code = 1
		}
		if sum(broken) >= mostBroken {
			break
		}
	}
	say("the longest time without a worker after a death: %s", longest.Round(100*time.Millisecond))
	_, _ = fmt.Fprint(out, table(played, broken))
	return code, nil
}

func sum(counts map[string]int) (n int) {
	for _, count := range counts {
		n += count
	}
	return n
}

func table(played, broken map[string]int) string {
	var text strings.Builder
	text.WriteString("\n| fault | rounds | broken |\n|---|--:|--:|\n")
	for _, kind := range slices.Sorted(maps.Keys(played)) {
		fmt.Fprintf(&text, "| %s | %d | %d |\n", kind, played[kind], broken[kind])
	}
	fmt.Fprintf(&text, "| all | %d | %d |\n", sum(played), sum(broken))
	return text.String()
}
