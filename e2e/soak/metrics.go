package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

// gauges are the metrics of the pools, by the pools' names, as one server tells them: GET /NAME.
type gauges struct {
	server *http.Server
	url    string
	looks  atomic.Int64

	mu     sync.Mutex
	values map[string]int
}

func openGauges(ctx context.Context) (*gauges, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &gauges{url: "http://" + listener.Addr().String(), values: map[string]int{}}
	g.server = &http.Server{Handler: g, ReadHeaderTimeout: answerTimeout}
	go func() { _ = g.server.Serve(listener) }()
	return g, nil
}

func (g *gauges) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.looks.Add(1)
	g.mu.Lock()
	defer g.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"value":%d}`, g.values[strings.TrimPrefix(r.URL.Path, "/")])
}

func (g *gauges) set(pool string, value int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.values[pool] = value
}

// The measured pools: each has one unit for perUnit of its metric, and measuredSize units at first.
const (
	perUnit      = 10
	measuredSize = 3
)

// measuredPools have a metric each, which is looked at every second.
func (g *gauges) measuredPools(n int) []lab.Pool {
	out := make([]lab.Pool, n)
	for i := range out {
		name := fmt.Sprintf("m%d", i)
		out[i] = lab.Pool{Name: name, Size: measuredSize, Max: most, Rule: fmt.Sprintf(
			"cooldown: 0s, stabilize: 0s, strategy: {type: perUnit, value: %d, tolerance: 0}, "+
				"metrics: [{name: load, every: 1s, http: {url: '%s/%s', pointer: /value}}]", perUnit, g.url, name)}
		g.set(name, measuredSize*perUnit)
	}
	return out
}

// soakMetrics has a server look at the metrics of many pools for a time. In each leg one pool's metric changes, and with
// it the pool. It returns how many promises are broken.
func soakMetrics(ctx context.Context, pools int, duration time.Duration, at *site, out io.Writer) (broken int, err error) {
	g, err := openGauges(ctx)
	if err != nil {
		return 0, err
	}
	defer g.server.Close() //nolint:errcheck // nothing is left to be answered
	measured := g.measuredPools(pools)
	if at.dir, err = at.Deploy(ctx, lab.Program{Name: "soak", Pools: measured}); err != nil {
		return 0, err
	}
	if at.server, err = at.Serve(ctx, at.dir, nil); err != nil {
		return 0, err
	}
	s := newSender(at.server.URL, lab.Token)
	p := &printer{out: out}
	p.printf("%d pools with a metric each, looked at every second for %s, in %d legs; each ends with a sample of the server at rest.\n\n", pools, duration, legs)
	p.head()
	var samples []sample
	for leg := range legs {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(duration / legs):
		}
		name, units := measured[leg%pools].Name, measuredSize+1+leg
		g.set(name, units*perUnit)
		if err := at.reaches(ctx, name, units); err != nil {
			return 0, err
		}
		sampled, err := at.rest(ctx, s, &follower{sender: s})
		if err != nil {
			return 0, err
		}
		sampled.events = int(g.looks.Load())
		samples = append(samples, sampled)
		p.sample(sampled)
	}
	verdicts := append(flatness(samples), at.decided(ctx, pools, duration, int(g.looks.Load()))...)
	p.printf("\n| promise | found | kept |\n|---|---|---|\n")
	if broken = p.verdicts(verdicts); broken == 0 {
		broken = p.verdicts([]verdict{at.stopped()})
	}
	return broken, p.err
}

// reaches waits until a pool has so many workers.
func (st *site) reaches(ctx context.Context, pool string, units int) error {
	for deadline := time.Now().Add(restTimeout); ; {
		n, err := lab.Workers(st.dir, pool)
		if err != nil || n == units {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("pool %s has %d workers after %s, want %d", pool, n, restTimeout, units)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

// lookShare is which share of the looks must have been made. Some are left out while a pool is scaled.
const lookShare = 0.8

// decided says whether the looks were made, and whether the engine was started for decisions alone: one update for each
// leg, and the preview of a proof after the deploy.
func (st *site) decided(ctx context.Context, pools int, duration time.Duration, looks int) []verdict {
	least := int(lookShare * float64(pools) * duration.Seconds())
	made := verdict{promise: "metrics are looked at every second", measured: fmt.Sprintf("%d looks, at least %d", looks, least)}
	if looks < least {
		made.breaches = []string{"there were fewer"}
	}
	engines := verdict{promise: "no engine without a decision"}
	text, err := os.ReadFile(st.server.Log)
	if err != nil {
		engines.breaches = []string{err.Error()}
	}
	previews, updates := 0, 0
	for line := range bytes.Lines(text) {
		var entry struct {
			Msg     string
			Preview bool
		}
		if json.Unmarshal(line, &entry) != nil || entry.Msg != "the engine has begun" {
			continue
		}
		if entry.Preview {
			previews++
		} else {
			updates++
		}
	}
	engines.measured = fmt.Sprintf("%d updates for %d decisions, and %d previews", updates, legs, previews)
	if updates != legs || previews > 1 {
		engines.breaches = append(engines.breaches, "there were more, or fewer")
	}
	last := fmt.Sprintf("m%d", (legs-1)%pools)
	agreed := verdict{promise: "pool " + last + ": configuration, history, state and workers agree"}
	c, err := st.Counts(ctx, st.dir, "soak", last)
	agreed.measured = fmt.Sprintf("%d, %d, %d, %d", c.File, c.History, c.State, c.Workers)
	if err != nil || c.File != c.Workers || c.History != c.Workers || c.State != c.Workers {
		agreed.breaches = []string{fmt.Sprintf("they do not: %v", err)}
	}
	return []verdict{made, engines, agreed}
}
