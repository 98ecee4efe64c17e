package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/e2e/backend"
)

// delays are what a proxy adds to each way between a machine and its backend: nothing, as between two machines of a data
// centre, and as between two continents.
func delays() []time.Duration {
	return []time.Duration{0, 2 * time.Millisecond, 20 * time.Millisecond}
}

// The histories that are compared, in updates, and the delay at which they are.
const (
	shortHistory = 10
	longHistory  = 5000
	historyDelay = 2 * time.Millisecond
)

// ground is a benchmark whose programs keep their state in places of one server.
type ground struct {
	*bench
	server *backend.Server
	places []*backend.Place
	// running are the servers of ours that must be stopped.
	running []*server
}

// ground starts the server of a kind of backend.
func (b *bench) ground(ctx context.Context, kind string) (*ground, error) {
	dir := b.Path("backend-" + kind)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	started, err := backend.Start(ctx, kind, dir, b.Tools())
	return &ground{bench: b, server: started}, err
}

func (g *ground) close() error {
	var errs []error
	for _, sv := range g.running {
		errs = append(errs, sv.Stop())
	}
	for _, p := range g.places {
		errs = append(errs, p.Close())
	}
	return errors.Join(append(errs, g.server.Down())...)
}

// setting is what a way meets: how far its backend is, and how long the history is. Zero is a new one.
type setting struct {
	delay   time.Duration
	history int
}

// at is a benchmark in a place of its own. There is no delay yet, because a deploy is not measured.
func (g *ground) at(ctx context.Context, id string) (*bench, *backend.Place, error) {
	place, err := g.server.NewPlace(ctx, strings.ReplaceAll(id, "-", "x"))
	if err != nil {
		return nil, nil, err
	}
	g.places = append(g.places, place)
	there := *g.bench
	there.Lab = g.With(append(place.Env, "PULUMI_BACKEND_URL="+place.URL)...)
	return &there, place, nil
}

// line is a way that is a command line, on a stack of its own in a place of its own.
func (g *ground) line(ctx context.Context, id, name string, s setting, line func(*stack, int) []string) (*way, error) {
	there, place, err := g.at(ctx, id)
	if err != nil {
		return nil, err
	}
	st, err := there.deploy(ctx, id, shape{pools: 1, rule: "cooldown: 0s"})
	if err != nil {
		return nil, err
	}
	if err := g.prepare(ctx, place, s, id, func(count int) error {
		_, err := there.once(ctx, st, line, count, nil)
		return err
	}); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &way{name: name, run: func(ctx context.Context, round int) (time.Duration, error) {
		return there.once(ctx, st, line, counts(round), nil)
	}}, nil
}

// warm is the way of a server that has read its stack, on a stack of its own in a place of its own.
func (g *ground) warm(ctx context.Context, id string, s setting) (*way, error) {
	there, place, err := g.at(ctx, id)
	if err != nil {
		return nil, err
	}
	st, err := there.deploy(ctx, id, shape{pools: 1, rule: "cooldown: 0s"})
	if err != nil {
		return nil, err
	}
	sv, err := st.serve(ctx)
	if err != nil {
		return nil, err
	}
	g.running = append(g.running, sv)
	scale := func(count int) error {
		_, err := sv.scale(ctx, count)
		return err
	}
	return warmWay(sv), g.prepare(ctx, place, s, id, scale)
}

// prepare gives a stack its history and its delay, and scales it until what a scaling leaves is known.
func (g *ground) prepare(ctx context.Context, place *backend.Place, s setting, id string, scale func(count int) error) error {
	if err := scale(unusual); err != nil {
		return err
	}
	if s.history > 0 {
		const made = known + 3 // the deploy, and what this function scales
		if err := g.server.Lengthen(ctx, place, id, "dev", s.history-made); err != nil {
			return err
		}
	}
	if place.Proxy != nil {
		place.Proxy.Delay(s.delay)
	}
	for i := range known + 1 {
		if err := scale(unusual + 1 + i); err != nil {
			return err
		}
	}
	return nil
}

// onBackend compares the ways of scaling a pool whose state is in a server, near and far, and with a short history and
// a long one.
func (b *bench) onBackend(ctx context.Context, kind string) (rows []row, err error) {
	g, err := b.ground(ctx, kind)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	for _, delay := range delays() {
		found, err := g.distance(ctx, delay)
		if err != nil {
			return nil, err
		}
		rows = append(rows, found...)
	}
	found, err := g.histories(ctx)
	return append(rows, found...), err
}

// distance compares the ways at one distance.
func (g *ground) distance(ctx context.Context, delay time.Duration) ([]row, error) {
	g.say("  %s each way", delay)
	id := func(name string) string { return fmt.Sprintf("%s-%s-%d", name, g.server.Kind, delay.Milliseconds()) }
	s := setting{delay: delay}
	warm, err1 := g.warm(ctx, id("warm"), s)
	bare, err2 := g.line(ctx, id("bare"), "one bare `pulumi up`, as above", s, bareLine)
	cold, err3 := g.line(ctx, id("cold"), "a cold `pulumiscale scale --yes`", s, coldLine)
	shell, err4 := g.line(ctx, id("script"), "the shell script, as above", s, scriptLine)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	if err := g.turns(ctx, warm, bare, cold, shell); err != nil {
		return nil, err
	}
	where := fmt.Sprintf(", %s", inPlace(g.server.Kind))
	if delay > 0 {
		where += fmt.Sprintf(", %s further each way", delay)
	}
	warm.name += where
	cold.name += where
	return []row{atMost(warm, bare, 1.15), atMost(cold, shell, 1.05)}, nil
}

// inPlace says where a kind of backend keeps state.
func inPlace(kind string) string {
	return "state in " + map[string]string{backend.File: "a folder", backend.S3: "S3", backend.Postgres: "PostgreSQL"}[kind]
}

// histories compares a stack with a long history with one with a short one. The bare update is for comparison.
func (g *ground) histories(ctx context.Context) ([]row, error) {
	g.say("  histories of %d and %d updates", shortHistory, longHistory)
	var all []*way
	for _, updates := range []int{longHistory, shortHistory} {
		id := func(name string) string { return fmt.Sprintf("%s-%s-%d", name, g.server.Kind, updates) }
		s := setting{delay: historyDelay, history: updates}
		warm, err1 := g.warm(ctx, id("warmh"), s)
		cold, err2 := g.line(ctx, id("coldh"), "a cold `pulumiscale scale --yes`", s, coldLine)
		bare, err3 := g.line(ctx, id("bareh"), "one bare `pulumi up`, as above", s, bareLine)
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, err
		}
		all = append(all, warm, cold, bare)
	}
	if err := g.turns(ctx, all...); err != nil {
		return nil, err
	}
	var rows []row
	for i, long := range all[:3] {
		short := all[3+i]
		long.name += ", " + inPlace(g.server.Kind)
		if g.server.Kind != backend.File {
			long.name += fmt.Sprintf(", %s further each way", historyDelay)
		}
		long.name += fmt.Sprintf(", after %d updates", longHistory)
		short.name = fmt.Sprintf("the same after %d", shortHistory)
		r := atMost(long, short, 1.2)
		if i == 2 {
			r.reach, r.met = "the engine's own", true
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// inFolder compares histories in a folder.
func (b *bench) inFolder(ctx context.Context) (rows []row, err error) {
	g, err := b.ground(ctx, backend.File)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	return g.histories(ctx)
}

func (b *bench) onS3(ctx context.Context) ([]row, error) { return b.onBackend(ctx, backend.S3) }

func (b *bench) onPostgres(ctx context.Context) ([]row, error) {
	return b.onBackend(ctx, backend.Postgres)
}
