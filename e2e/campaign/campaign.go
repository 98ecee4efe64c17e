//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/e2e/backend"
)

// campaign is all rounds, on a few worlds beside each other. The lanes use the fields below mu under mu.
type campaign struct {
	*options
	// ctx ends with the campaign.
	ctx      context.Context
	out      io.Writer
	children *children
	// states is the server that keeps the states of all worlds, with its files in statesDir. It is nil if the states are
	// in folders.
	states    *backend.Server
	statesDir string
	// base is where the worlds are, and bin is where the toolchain is. binary is pulumiscale with the race detector.
	base, bin, binary string
	mounts            bool
	plan              []task
	began             time.Time

	mu     sync.Mutex
	next   int
	worlds int
	broken int
	// verdicts say of each broken round which it was and what was broken.
	verdicts []string
	tallies  map[string]*tally
}

// task is a round to be played.
type task struct {
	kind string
	seed uint64
}

// worldRounds is how many rounds a world sees: enough for a history of some length, and few enough for a small disk.
const worldRounds = 25

func newCampaign(ctx context.Context, o *options, out io.Writer) (*campaign, error) {
	root, err := filepath.Abs(o.root)
	if err != nil {
		return nil, err
	}
	c := &campaign{options: o, ctx: ctx, out: out, bin: filepath.Join(root, ".tools", "bin"), tallies: map[string]*tally{}}
	for _, path := range c.needs() {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("%w: run `make campaign`", err)
		}
	}
	if c.binary, err = c.build(ctx, root); err != nil {
		return nil, err
	}
	if c.base, err = os.MkdirTemp("", "pulumiscale-campaign-"); err != nil {
		return nil, err
	}
	if isInside() {
		if err := ownMounts(c.base); err != nil {
			c.say("note: without mounts: %v", err)
		} else {
			c.mounts = true
		}
	}
	if err := c.startStates(ctx, root); err != nil {
		c.close()
		return nil, err
	}
	if c.children, err = adopt(ctx); err != nil {
		c.close()
		return nil, err
	}
	c.drawPlan()
	if err := c.makeTemplate(ctx); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// tool is a path in the folder of the pinned tools.
func (c *campaign) tool(path ...string) string {
	return filepath.Join(append([]string{filepath.Dir(c.bin)}, path...)...)
}

// needs are the tools that the campaign needs.
func (c *campaign) needs() []string {
	var out []string
	for _, name := range []string{"pulumi", "pulumi-language-loop", "pulumi-language-yaml", "pulumi-resource-localcloud"} {
		out = append(out, c.tool("bin", name))
	}
	if c.language == typescript {
		out = append(out, c.tool("nodejs", "pulumi-language-nodejs"), c.tool("examples", "node_modules", "@pulumi", "pulumi"))
	}
	if c.backend == backend.S3 {
		out = append(out, c.tool("bin", "versitygw"))
	}
	return out
}

// build builds pulumiscale with a clock that can be set. It adds the race detector, unless that is not wanted.
func (c *campaign) build(ctx context.Context, root string) (string, error) {
	path := filepath.Join(root, "bin", "campaign", "pulumiscale")
	args := []string{"build", "-tags", "campaign", "-o", path, "."}
	if c.race {
		args = append([]string{"build", "-race"}, args[1:]...)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = root, os.Environ()
	if c.race {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=1")
	}
	text, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build pulumiscale, with the race detector, which needs a C compiler, unless -race=false: %w\n%s", err, text)
	}
	return path, nil
}

// drawPlan draws the order of the rounds and the seed of each.
func (c *campaign) drawPlan() {
	rng := rand.New(rand.NewPCG(c.seed, 1))
	for _, kind := range kindNames() {
		for range *c.rounds[kind.name] {
			c.plan = append(c.plan, task{kind: kind.name})
		}
	}
	rng.Shuffle(len(c.plan), func(i, j int) { c.plan[i], c.plan[j] = c.plan[j], c.plan[i] })
	for i := range c.plan {
		c.plan[i].seed = rng.Uint64()
	}
}

func (c *campaign) say(format string, args ...any) {
	_, _ = fmt.Fprintf(c.out, format+"\n", args...) // there is nowhere left to report it
}

func (c *campaign) close() {
	if c.states != nil {
		_ = c.states.Down()
	}
	if c.statesDir != "" {
		_ = os.RemoveAll(c.statesDir)
	}
	if c.mounts {
		_ = unmount(c.base)
	}
	_ = os.RemoveAll(c.base)
}

// run plays all rounds and returns the exit code.
func (c *campaign) run(ctx context.Context) (int, error) {
	c.began = time.Now()
	c.say("seed %d: %d rounds in %d lanes on %s%s", c.seed, len(c.plan), c.lanes, c.backend, limitText(c.limit))
	if !c.mounts {
		c.say("note: nothing can be mounted here: disks that are full or read-only are skipped")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go c.progress(ctx)
	errs := make([]error, min(c.lanes, len(c.plan)))
	var lanes sync.WaitGroup
	for i := range errs {
		lanes.Go(func() {
			if errs[i] = c.lane(ctx, i); errs[i] != nil {
				cancel()
			}
		})
	}
	lanes.Wait()
	c.say("%s", c.table())
	for _, verdict := range c.verdicts { // whoever sees only the end of the output sees them
		c.say("%s", verdict)
	}
	err := errors.Join(errs...)
	if err == nil && c.broken == 0 && c.next < len(c.plan) && c.limit == 0 {
		err = errors.New("it was interrupted")
	}
	if c.broken > 0 {
		return 1, err
	}
	return 0, err
}

func limitText(limit time.Duration) string {
	if limit == 0 {
		return ""
	}
	return fmt.Sprintf(", for %s at most", limit)
}

// lane plays rounds, one after another, until there are none left.
func (c *campaign) lane(ctx context.Context, lane int) error {
	var w *world
	defer func() {
		if w != nil {
			w.close()
		}
	}()
	for {
		task, index, ok := c.take(ctx)
		if !ok {
			return nil
		}
		if w != nil && w.rounds >= worldRounds {
			w.close()
			w = nil
		}
		if w == nil {
			var err error
			if w, err = c.newWorld(ctx, c.worldName(lane)); err != nil {
				return err
			}
		}
		began := time.Now()
		r, broken, err := w.play(ctx, task.kind, task.seed)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			broken = append(broken, "conduct: "+err.Error())
		}
		c.note(task.kind, r, len(broken) > 0, time.Since(began))
		if c.round != "" && len(broken) == 0 {
			c.say("%s", w.story)
		}
		if len(broken) > 0 {
			if err := c.report(ctx, w, task, index, lane, broken); err != nil {
				return err
			}
			w.close()
			w = nil
		}
	}
}

// take hands out the next round.
func (c *campaign) take(ctx context.Context) (task, int, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	late := c.limit > 0 && time.Since(c.began) > c.limit
	if ctx.Err() != nil || late || c.next >= len(c.plan) || c.broken >= c.failures {
		return task{}, 0, false
	}
	c.next++
	return c.plan[c.next-1], c.next, true
}

func (c *campaign) worldName(lane int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.worlds++
	return fmt.Sprintf("lane%d-%d", lane, c.worlds)
}

// report tells of a broken round, and keeps its world.
func (c *campaign) report(ctx context.Context, w *world, task task, index, lane int, broken []string) error {
	c.mu.Lock()
	if c.keep == "" {
		var err error
		if c.keep, err = os.MkdirTemp(filepath.Dir(c.base), "pulumiscale-campaign-broken-"); err != nil {
			c.mu.Unlock()
			return err
		}
	}
	kept := filepath.Join(c.keep, fmt.Sprintf("%s-%x", task.kind, task.seed))
	c.mu.Unlock()
	for _, what := range broken {
		w.story.tell("BROKEN %s", what)
	}
	err := w.save(ctx, kept)
	c.mu.Lock()
	defer c.mu.Unlock()
	verdict := fmt.Sprintf("BROKEN: round %d, lane %d, -seed %d -round %s:%x; the world is kept in %s\n  %s",
		index, lane, c.seed, task.kind, task.seed, kept, strings.Join(broken, "\n  "))
	if log, problem := os.ReadFile(w.logPath()); problem == nil {
		c.say("\nthe end of serve's log:\n%s\n", lastLines(string(log), 25))
	}
	c.say("%s\n%s", w.story, verdict)
	c.verdicts = append(c.verdicts, verdict)
	return err
}
