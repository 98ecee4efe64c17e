package cmd

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack"
)

// The simulation serves up to thousands of stacks: the real server, queue and journal, on loopback, with a stand-in for
// the engine and the backend alone. `make simulate` prints what each of several numbers of stacks costs. Without that it
// is a test with a few.
var (
	simulated    = flag.String("simulate", "10", "the numbers of stacks to serve, as in 10,100,1000")
	simulateTime = flag.Duration("simulate-time", time.Second, "how long to measure each thing")
)

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

func TestSimulate(t *testing.T) {
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
	patiently(t, "all stacks are open", open)
	opened := time.Since(began)
	cpu, after := used()
	readings := engine.readings.Load()
	idle := *simulateTime
	time.Sleep(idle)
	cpuAfter, _ := used()
	each, alive := float64(after-before)/float64(n)/1024, float64(runtime.NumGoroutine()-goroutines)/float64(n)
	if read := engine.readings.Load() - readings; float64(read) > 2*idle.Minutes()*120+10 {
		t.Errorf("%d readings while idle", read)
	}

	l := load{t, func(stack int, wait bool) (int, string) {
		return ask(t.Context(), client, http.MethodPost, "http://"+c.address+oneMore(stack), wait)
	}}
	l.accepts(n, 50, time.Second) // connections
	took := l.accepts(n, 500, *simulateTime)
	patiently(t, "all is done", func() bool { return engine.engines.Load() == 0 && c.idle() })

	// A calm stack alone, and beside a storm on another one.
	alone, beside := l.calm(1, false), l.calm(2, true)
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
