package cmd

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack"
)

// The simulation serves up to thousands of stacks: the real server, queue and journal, on loopback, with a stand-in for
// the engine and the backend alone. `make simulate` runs it.
var simulated = flag.String("simulate", "", "the numbers of stacks to serve, as in 10,100,1000")

// standIn stands in for a stack's engine and its backend. An update takes as long as engineTime, and a reading as long as
// readingTime.
type standIn struct {
	*served
	readings, engines, mostEngines *atomic.Int32
}

const (
	engineTime  = 300 * time.Millisecond
	readingTime = 20 * time.Millisecond
)

func (s *standIn) Read(ctx context.Context) (*scale.Snapshot, error) {
	s.readings.Add(1)
	time.Sleep(readingTime)
	return s.served.Read(ctx)
}

func (s *standIn) Update(ctx context.Context, change scale.Change, observe scale.Observe) (*scale.Result, error) {
	now := s.engines.Add(1)
	defer s.engines.Add(-1)
	for most := s.mostEngines.Load(); now > most && !s.mostEngines.CompareAndSwap(most, now); most = s.mostEngines.Load() {
	}
	time.Sleep(engineTime)
	return s.served.Update(ctx, change, observe)
}

// fleetOf starts a server of so many stacks.
func fleetOf(t *testing.T, n int) (*convoy, *standIn) {
	t.Helper()
	c := &convoy{dir: t.TempDir(), stacks: map[string]*served{}}
	shared := &standIn{readings: &atomic.Int32{}, engines: &atomic.Int32{}, mostEngines: &atomic.Int32{}}
	var list strings.Builder
	list.WriteString("tokenFile: token\nstacks:\n")
	for i := range n {
		fmt.Fprintf(&list, "  - {name: s%d, dir: s%d, stack: dev}\n", i, i)
	}
	for name, text := range map[string]string{"token": fleetToken, "fleet.yaml": list.String()} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open := func(o stack.Options) (openedStack, error) {
		s := &standIn{served: &served{fake: newFake()}, readings: shared.readings, engines: shared.engines, mostEngines: shared.mostEngines}
		s.rule.Max, s.stateDir, s.config = 1<<30, filepath.Join(o.Dir, "state"), filepath.Join(o.Dir, "Pulumi.dev.yaml")
		return s, os.MkdirAll(s.stateDir, 0o700)
	}
	c.running = launchWith(t, open, "--fleet", filepath.Join(c.dir, "fleet.yaml"))
	return c, shared
}

// patient waits for something for a long time.
func (c *convoy) patient(what string, is func() bool) {
	c.t.Helper()
	for began := time.Now(); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > 5*time.Minute {
			c.t.Fatalf("%s: not within 5 minutes", what)
		}
	}
}

func (c *convoy) post(client *http.Client, path string, headers ...string) (int, string) {
	request, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, "http://"+c.address+path, http.NoBody)
	if err != nil {
		return 0, err.Error()
	}
	request.Header.Set("Authorization", "Bearer "+fleetToken)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(body)
}

// used is what the process has used of the processor, and what of its memory is in use.
func used() (cpu time.Duration, memory uint64) {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), m.HeapInuse + m.StackInuse
}

func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[min(len(sorted)*p/100, len(sorted)-1)]
}

// accepts sends so many requests a second to random stacks, and returns how long each took to be accepted, sorted.
func (c *convoy) accepts(client *http.Client, stacks, rate int, lasts time.Duration) []time.Duration {
	var (
		mu    sync.Mutex
		took  []time.Duration
		wait  sync.WaitGroup
		every = time.NewTicker(time.Second / time.Duration(rate))
	)
	defer every.Stop()
	for range int(lasts.Seconds() * float64(rate)) {
		<-every.C
		wait.Go(func() {
			path := "/stacks/s" + strconv.Itoa(rand.IntN(stacks)) + "/scale/worker-pool?delta=1"
			began := time.Now()
			status, body := c.post(client, path)
			took1 := time.Since(began)
			if status != http.StatusAccepted {
				c.t.Errorf("%s: %d %s", path, status, body)
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, took1)
		})
	}
	wait.Wait()
	slices.Sort(took)
	return took
}

func TestSimulate(t *testing.T) {
	if *simulated == "" {
		t.Skip("-simulate says how many stacks")
	}
	fmt.Printf("%7s  %9s  %9s  %10s  %10s  %12s  %10s  %10s  %8s  %s\n", "stacks", "listens", "all open", "idle each", "goroutines", "CPU, an hour", "accept p50", "accept p99", "engines", "calm stack beside a storm, and alone")
	for text := range strings.SplitSeq(*simulated, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(text, func(t *testing.T) { simulate(t, n) })
	}
}

func simulate(t *testing.T, n int) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}}
	_, before := used()
	goroutines := runtime.NumGoroutine()
	began := time.Now()
	c, engine := fleetOf(t, n)
	listens := time.Since(began)
	open := func() bool {
		return strings.Contains(c.wants(http.StatusOK, "GET", "/metrics", fleetToken), fmt.Sprintf("pulumiscale_fleet_stacks{state=\"open\"} %d\n", n))
	}
	c.patient("all stacks are open", open)
	opened := time.Since(began)
	cpu, after := used()
	readings := engine.readings.Load()
	const idle = 10 * time.Second
	time.Sleep(idle)
	cpuAfter, _ := used()
	each, alive := float64(after-before)/float64(n)/1024, float64(runtime.NumGoroutine()-goroutines)/float64(n)
	if read := engine.readings.Load() - readings; float64(read) > 2*idle.Minutes()*120 {
		t.Errorf("%d readings while idle", read)
	}

	c.accepts(client, n, 50, time.Second) // connections
	took := c.accepts(client, n, 500, 10*time.Second)
	c.patient("all is done", func() bool { return engine.engines.Load() == 0 && c.idle() })

	// A calm stack alone, and beside a storm on another one.
	alone, beside := c.calm(client, 1, false), c.calm(client, 2, true)
	fmt.Printf("%7d  %9s  %9s  %6.1f KiB  %10.1f  %10.2f s  %10s  %10s  %4d of 4  %s / %s = %.2f\n", n, listens.Round(time.Millisecond), opened.Round(time.Millisecond),
		each, alive, (cpuAfter-cpu).Seconds()/idle.Hours()/float64(n), percentile(took, 50).Round(10*time.Microsecond), percentile(took, 99).Round(10*time.Microsecond),
		engine.mostEngines.Load(), beside.Round(time.Millisecond), alone.Round(time.Millisecond), beside.Seconds()/alone.Seconds())
	if engine.mostEngines.Load() > 4 {
		t.Errorf("%d engines at once, with places for 4", engine.mostEngines.Load())
	}
}

// idle says whether nothing waits.
func (c *convoy) idle() bool {
	for _, s := range c.document().Stacks {
		if s.Open > 0 {
			return false
		}
	}
	return true
}

// calm is the median time that scaling one stack takes, beside a storm on another one if that is asked for.
func (c *convoy) calm(client *http.Client, stack int, storm bool) time.Duration {
	ctx, cancel := context.WithCancel(c.t.Context())
	var wait sync.WaitGroup
	if storm {
		for range 8 {
			wait.Go(func() {
				for ctx.Err() == nil {
					c.post(client, "/stacks/s0/scale/worker-pool?delta=1")
					time.Sleep(20 * time.Millisecond)
				}
			})
		}
		time.Sleep(time.Second)
	}
	var took []time.Duration
	for range 15 {
		began := time.Now()
		if status, body := c.post(client, fmt.Sprintf("/stacks/s%d/scale/worker-pool?delta=1", stack), "Prefer", "wait=60"); status != http.StatusOK {
			c.t.Errorf("%d %s", status, body)
		}
		took = append(took, time.Since(began))
	}
	cancel()
	wait.Wait()
	slices.Sort(took)
	return took[len(took)/2]
}
