package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
)

// script is what people write without PulumiScale.
const script = `set -e
pulumi config set "$1" "$2" --non-interactive
pulumi up --yes --skip-preview --target "$3" --non-interactive`

// scaling compares the ways of scaling a pool.
func (b *bench) scaling(ctx context.Context) (rows []row, err error) {
	warm, sv, err := b.warm(ctx, "warm", shape{pools: 1, rule: "cooldown: 0s"})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, sv.Stop()) }()
	cold, err := b.lines(ctx, "cold", "a cold `pulumiscale scale --yes`", coldLine)
	if err != nil {
		return nil, err
	}
	bare, err := b.lines(ctx, "bare", "one bare `pulumi up --yes --skip-preview -c KEY=VALUE --target URN`", bareLine)
	if err != nil {
		return nil, err
	}
	shell, err := b.lines(ctx, "script", "the shell script: `pulumi config set`, then `pulumi up --yes --skip-preview --target`", scriptLine)
	if err != nil {
		return nil, err
	}
	// The Automation API is used by a program of its own, as PulumiScale is one. It is this very program.
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	plain, err := b.lines(ctx, "plain", "the Automation API, used the plain way", func(st *stack, count int) []string {
		return []string{self, "automation", key(0), strconv.Itoa(count), st.urn()}
	})
	if err != nil {
		return nil, err
	}
	if err := b.turns(ctx, warm, bare, cold, shell, plain); err != nil {
		return nil, err
	}
	return []row{atMost(warm, bare, 1.15), atMost(cold, shell, 1.15), atMost(warm, plain, 0.4), atMost(cold, plain, 0.4)}, nil
}

func key(pool int) string { return poolName(pool) + "-size" }

func coldLine(_ *stack, count int) []string {
	return []string{"pulumiscale", "scale", poolName(0), "--count", strconv.Itoa(count), "--yes"}
}

func bareLine(st *stack, count int) []string {
	return []string{
		"pulumi", "up", "--yes", "--skip-preview", "-c", key(0) + "=" + strconv.Itoa(count), "--target", st.urn(), "--non-interactive",
	}
}

func scriptLine(st *stack, count int) []string {
	return []string{"sh", "-c", script, "sh", key(0), strconv.Itoa(count), st.urn()}
}

// known is how many scalings it takes until what the last one left is known as well as it ever is.
const known = 2

// lines is a way that is a command line, on a stack of its own. Its processes are counted once what a scaling leaves is
// known.
func (b *bench) lines(ctx context.Context, id, name string, line func(*stack, int) []string) (*way, error) {
	st, err := b.deploy(ctx, id, shape{pools: 1, rule: "cooldown: 0s"})
	if err != nil {
		return nil, err
	}
	front, log, err := b.counting(st.id)
	if err != nil {
		return nil, err
	}
	for i := range known + 1 {
		if i == known {
			if err := os.Remove(log); err != nil {
				return nil, err
			}
		}
		// All of these use this `pulumi`, because after a change to another one what is pending is proved anew.
		if _, err := b.once(ctx, st, line, unusual+i, front); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	called, err := calls(log)
	return &way{
		name: name, processes: inProcesses(called),
		run: func(ctx context.Context, round int) (time.Duration, error) {
			return b.once(ctx, st, line, counts(round), nil)
		},
	}, err
}

// once scales a stack to a count by a command line, with folders in front on PATH.
func (b *bench) once(ctx context.Context, st *stack, line func(*stack, int) []string, count int, front []string) (time.Duration, error) {
	start := time.Now()
	_, err := b.Exec(ctx, st.dir, front, line(st, count)...)
	took := time.Since(start)
	if err != nil {
		return 0, err
	}
	st.expected[0] = count
	return took, st.check()
}

// warm is the way of a server that has read the stack, on a stack of its own.
func (b *bench) warm(ctx context.Context, id string, s shape) (*way, *server, error) {
	st, err := b.deploy(ctx, id, s)
	if err != nil {
		return nil, nil, err
	}
	processes, err := b.countServer(ctx, st)
	if err != nil {
		return nil, nil, err
	}
	sv, err := st.serve(ctx)
	if err != nil {
		return nil, nil, err
	}
	w := warmWay(sv)
	w.processes = processes
	return w, sv, nil
}

func warmWay(sv *server) *way {
	return &way{
		name: "a warm `serve`, webhook to completed scaling",
		run:  func(ctx context.Context, round int) (time.Duration, error) { return sv.scale(ctx, counts(round)) },
	}
}

// countServer counts the processes of one scaling by a server: those until it is completed, and those by which the
// server gets warm again.
func (b *bench) countServer(ctx context.Context, st *stack) (processes string, err error) {
	front, log, err := b.counting(st.id)
	if err != nil {
		return "", err
	}
	sv, err := st.serve(ctx, front...)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, sv.Stop()) }()
	for i := range known + 1 {
		if err := os.Remove(log); err != nil {
			return "", err
		}
		if _, err := sv.scale(ctx, unusual+i); err != nil {
			return "", err
		}
	}
	called, err := calls(log)
	if err != nil {
		return "", err
	}
	last := 0
	for i, name := range called {
		if name == "up" {
			last = i
		}
	}
	// What runs beside the update begins after it, and so does what comes after the update. They cannot be told apart
	// here.
	return inProcesses(called[:last+1]) + ", then " + inProcesses(called[last+1:]), nil
}

// inProcesses are calls of `pulumi` in words, in their order.
func inProcesses(called []string) string {
	if len(called) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d (%s)", len(called), strings.Join(called, ", "))
}

// automation scales with the Automation API, as its documentation shows. Its arguments are a config key, the key's
// value and a target.
func automation(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return errors.New("usage: bench automation KEY COUNT URN")
	}
	s, err := auto.SelectStackLocalSource(ctx, "dev", ".")
	if err != nil {
		return err
	}
	if _, err := s.GetConfig(ctx, args[0]); err != nil {
		return err
	}
	if err := s.SetConfig(ctx, args[0], auto.ConfigValue{Value: args[1]}); err != nil {
		return err
	}
	_, err = s.Up(ctx, optup.Target([]string{args[2]}))
	return err
}

// starting compares the commands that change nothing.
func (b *bench) starting(ctx context.Context) ([]row, error) {
	st, err := b.deploy(ctx, "start", shape{pools: 1, rule: "cooldown: 0s"})
	if err != nil {
		return nil, err
	}
	always := func(name string, args ...string) (*way, error) {
		st.expected[0] = initial
		front, log, err := b.counting(strings.Join(args, "-"))
		if err != nil {
			return nil, err
		}
		if _, err := b.Exec(ctx, st.dir, front, args...); err != nil {
			return nil, err
		}
		called, err := calls(log)
		return &way{name: name, processes: inProcesses(called), run: func(ctx context.Context, _ int) (time.Duration, error) {
			start := time.Now()
			_, err := b.Exec(ctx, st.dir, nil, args...)
			return time.Since(start), err
		}}, err
	}
	rules, err1 := always("`pulumiscale rules`", "pulumiscale", "rules")
	output, err2 := always("`pulumi stack output --json`", "pulumi", "stack", "output", "--json")
	own, err3 := always("`pulumiscale version`", "pulumiscale", "version")
	other, err4 := always("`pulumi version`", "pulumi", "version")
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	if err := b.turns(ctx, rules, output, own, other); err != nil {
		return nil, err
	}
	return []row{atMost(rules, output, 1.2), atMost(own, other, 0.3)}, nil
}

// The sizes of the stacks that are compared, in resources.
const (
	smallStack = 10
	largeStack = 2000
)

// size compares what PulumiScale adds to the engine's time in a large stack with the same in a small one.
func (b *bench) size(ctx context.Context) (rows []row, err error) {
	var all []*way
	var servers []*server
	defer func() {
		for _, sv := range servers {
			err = errors.Join(err, sv.Stop())
		}
	}()
	for _, resources := range []int{smallStack, largeStack} {
		b.say("  deploying three times %d resources", resources)
		id, sized := fmt.Sprintf("size%d", resources), shape{pools: 1, resources: resources, rule: "cooldown: 0s"}
		bare, err1 := b.timedLines(ctx, id+"-bare", sized, "a bare `pulumi up --yes --skip-preview -c KEY=VALUE --target URN`", bareLine)
		cold, err2 := b.timedLines(ctx, id+"-cold", sized, "a cold `pulumiscale scale --yes`", coldLine)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		warm, sv, err := b.timedWarm(ctx, id+"-warm", sized)
		if err != nil {
			return nil, err
		}
		servers = append(servers, sv)
		all = append(all, bare, cold, warm)
	}
	for _, w := range all {
		b.afterSync(w)
	}
	if err := b.turns(ctx, all...); err != nil {
		return nil, err
	}
	bare := all[3]
	for i := 1; i <= 2; i++ {
		small, large := all[i], all[3+i]
		low, high := spreadOf(small.added()), spreadOf(large.added())
		found := high.median / low.median
		rows = append(rows, row{
			what:    fmt.Sprintf("%s: what it adds to the time of its engine, at %d resources", large.name, largeStack),
			against: fmt.Sprintf("the same at %d", smallStack),
			own:     inWords(large.added(), "ms"), other: inWords(small.added(), "ms"), found: fmt.Sprintf("**%.2f**", found), reach: "at most 1.2", met: found <= 1.2,
		})
		whole := atMost(large, bare, 1.15)
		whole.what += fmt.Sprintf(", at %d resources: all of it", largeStack)
		rows = append(rows, whole)
	}
	return rows, nil
}

// timedLines is lines, with the engine's time.
func (b *bench) timedLines(ctx context.Context, id string, s shape, name string, line func(*stack, int) []string) (*way, error) {
	st, err := b.deploy(ctx, id, s)
	if err != nil {
		return nil, err
	}
	front, log, err := b.timing()
	if err != nil {
		return nil, err
	}
	for i := range known {
		if _, err := b.once(ctx, st, line, unusual+i, nil); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return &way{
		name: name, engine: func() (time.Duration, error) { return engineTime(log) },
		run: func(ctx context.Context, round int) (time.Duration, error) {
			return b.once(ctx, st, line, counts(round), front)
		},
	}, nil
}

// timedWarm is warm, with the engine's time.
func (b *bench) timedWarm(ctx context.Context, id string, s shape) (*way, *server, error) {
	st, err := b.deploy(ctx, id, s)
	if err != nil {
		return nil, nil, err
	}
	front, log, err := b.timing()
	if err != nil {
		return nil, nil, err
	}
	sv, err := st.serve(ctx, front...)
	if err != nil {
		return nil, nil, err
	}
	w := warmWay(sv)
	w.engine = func() (time.Duration, error) { return engineTime(log) }
	for i := range known {
		_, err1 := sv.scale(ctx, unusual+i)
		_, err2 := w.engine()
		if err := errors.Join(err1, err2); err != nil {
			return nil, nil, errors.Join(err, sv.Stop())
		}
	}
	return w, sv, nil
}
