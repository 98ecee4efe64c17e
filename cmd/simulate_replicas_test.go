//go:build unix

package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack"
)

// Three replicas are simulated by processes of this test's own program: the real server, queue and cluster, on loopback.
// The engine and the backend are stand-ins: what a stack's updates have come to is in a file that all replicas read.
// `make simulate` prints what each of several numbers of stacks costs. Without that it is a test with a few.
var simulatedReplicas = flag.String("simulate-replicas", "6", "the numbers of stacks that three replicas serve, as in 10,100,1000")

// In the environment of a replica: the folder of its stand-ins' backends, and the flags of serve, one in a line.
const (
	replicaBackend = "SIMULATED_BACKEND"
	replicaFlags   = "SIMULATED_FLAGS"
)

func TestMain(m *testing.M) {
	if backend := os.Getenv(replicaBackend); backend != "" {
		os.Exit(serveReplica(backend, strings.Split(os.Getenv(replicaFlags), "\n")))
	}
	os.Exit(m.Run())
}

// serveReplica is what the process of a replica does.
func serveReplica(backend string, flags []string) int {
	var readings, engines, most atomic.Int32
	a := &app{
		streams: streams{in: strings.NewReader(""), out: io.Discard, errs: os.Stderr, terminalGone: func() bool { return false }}, version: "v1.2.3", now: time.Now,
		open: func(_ context.Context, o stack.Options) (openedStack, error) {
			s := &standIn{served: &served{fake: newFake()}, readings: &readings, engines: &engines, mostEngines: &most}
			s.rule.Max, s.stateDir, s.config = 1<<30, filepath.Join(o.Dir, "state"), filepath.Join(o.Dir, "Pulumi.dev.yaml")
			return &sharedStandIn{s, filepath.Join(backend, filepath.Base(o.Dir)+".json")}, os.MkdirAll(s.stateDir, 0o700)
		},
		notify: func(c chan<- os.Signal) func() {
			signal.Notify(c, syscall.SIGTERM)
			return func() { signal.Stop(c) }
		},
	}
	return a.execute(append([]string{"serve", "--listen", "127.0.0.1:0", "--retry-delay", "50ms"}, flags...))
}

// sharedStandIn is a stand-in whose updates are in a file, which all replicas read.
type sharedStandIn struct {
	*standIn
	file string
}

// lastUpdate is what is in the file.
type lastUpdate struct {
	Count int
	ID    string
}

func (s *sharedStandIn) Read(ctx context.Context) (*scale.Snapshot, error) {
	var last lastUpdate
	if text, err := os.ReadFile(s.file); err == nil {
		if err := json.Unmarshal(text, &last); err != nil {
			return nil, err
		}
		s.set(func() { s.count, s.fake.file = last.Count, str(strconv.Itoa(last.Count)) })
	}
	snap, err := s.standIn.Read(ctx)
	if err == nil && last.ID != "" {
		snap.Updates[0].ID, snap.Updates[0].Pools = last.ID, []string{"worker-pool"}
	}
	return snap, err
}

func (s *sharedStandIn) ReadSince(ctx context.Context, _ *scale.Snapshot) (*scale.Snapshot, error) {
	return s.Read(ctx)
}

func (s *sharedStandIn) Update(ctx context.Context, change scale.Change, observe scale.Observe) (*scale.Result, error) {
	result, err := s.standIn.Update(ctx, change, observe)
	if err != nil {
		return nil, err
	}
	return result, s.keep(lastUpdate{*result.Rules["worker-pool"].Current, change.ID})
}

// keep writes the file whole. There is no lock of the stack here: a replica that leaves it may still be at its update.
func (s *sharedStandIn) keep(last lastUpdate) error {
	text, err := json.Marshal(last)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(s.file), "update-*")
	if err != nil {
		return err
	}
	_, failed := file.Write(text)
	if err := errors.Join(failed, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), s.file)
}

// simulatedReplica is the process of a replica.
type simulatedReplica struct {
	cmd     *exec.Cmd
	log     string
	address string
}

// trio is three replicas that serve so many stacks.
type trio struct {
	t        *testing.T
	stacks   int
	client   *http.Client
	replicas [3]*simulatedReplica
	// refused counts the requests that were answered with 503 and sent again.
	refused atomic.Int32
}

// startTrio starts three replicas. They need not be ready.
func startTrio(t *testing.T, stacks int) *trio {
	t.Helper()
	dir := t.TempDir()
	var list strings.Builder
	list.WriteString("tokenFile: token\nstacks:\n")
	for i := range stacks {
		fmt.Fprintf(&list, "  - {name: s%d, dir: s%d, stack: dev}\n", i, i)
	}
	var peers [3]string
	for i := range peers {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		peers[i] = l.Addr().String()
		_ = l.Close()
	}
	c := &trio{t: t, stacks: stacks, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}}}
	backend := filepath.Join(dir, "backend")
	if err := os.Mkdir(backend, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range c.replicas {
		own := filepath.Join(dir, fmt.Sprint("replica-", i))
		if err := os.Mkdir(own, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"token": fleetToken, "secret": "between-the-replicas-0123456789", "fleet.yaml": list.String()} {
			if err := os.WriteFile(filepath.Join(own, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		flags := []string{
			"--fleet", filepath.Join(own, "fleet.yaml"), "--cluster-peers", strings.Join(peers[:], ","), "--cluster-listen", peers[i],
			"--cluster-secret-file", filepath.Join(own, "secret"), "--cluster-dir", filepath.Join(own, "cluster"), "--cluster-replica", fmt.Sprint("replica-", i),
		}
		c.replicas[i] = c.launch(filepath.Join(own, "log"), backend, flags)
	}
	for _, r := range c.replicas {
		patiently(t, "a replica listens", func() bool {
			text, err := os.ReadFile(r.log)
			found := regexp.MustCompile(`"msg":"listening","address":"([^"]+)"`).FindSubmatch(text)
			if err == nil && found != nil {
				r.address = string(found[1])
			}
			return r.address != ""
		})
	}
	return c
}

// launch starts the process of a replica, which ends with the test.
func (c *trio) launch(log, backend string, flags []string) *simulatedReplica {
	c.t.Helper()
	file, err := os.Create(log)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	r := &simulatedReplica{cmd: exec.CommandContext(c.t.Context(), os.Args[0]), log: log}
	r.cmd.Env = append(os.Environ(), replicaBackend+"="+backend, replicaFlags+"="+strings.Join(flags, "\n"))
	r.cmd.Stderr, r.cmd.Stdout = file, file
	if err := r.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait() // it says that it was killed
	})
	return r
}

// ask asks a replica.
func (c *trio) ask(i int, method, path string, wait bool) (status int, body string) {
	return ask(c.t.Context(), c.client, method, "http://"+c.replicas[i].address+path, wait)
}

// send asks a replica for one more unit, and asks again after a 503 for a while, as senders do.
func (c *trio) send(i, stack int, wait bool) (status int, body string) {
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		status, body = c.ask(i, http.MethodPost, oneMore(stack), wait)
		if status != http.StatusServiceUnavailable || time.Since(began) > 30*time.Second {
			return status, body
		}
		c.refused.Add(1)
	}
}

// attended is how many stacks have a worker among replicas.
func (c *trio) attended(replicas ...int) (n int) {
	for _, i := range replicas {
		if _, body := c.ask(i, http.MethodGet, "/metrics", false); body != "" {
			n += len(regexp.MustCompile(`(?m)^pulumiscale_cluster_worker\{stack="[^"]+"\} 1$`).FindAllString(body, -1))
		}
	}
	return n
}

// isIdle says whether nothing waits on a replica.
func (c *trio) isIdle(i int) bool {
	_, body := c.ask(i, http.MethodGet, "/metrics", false)
	for _, m := range regexp.MustCompile(`(?m)^pulumiscale_queue_length\{[^}]*\} (\d+)$`).FindAllStringSubmatch(body, -1) {
		if m[1] != "0" {
			return false
		}
	}
	return body != ""
}

// errors are the errors that the replicas have logged.
func (c *trio) errors() string {
	var out strings.Builder
	for _, r := range c.replicas {
		text, err := os.ReadFile(r.log)
		if err != nil {
			return err.Error()
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, `"level":"ERROR"`) {
				out.WriteString(line)
			}
		}
	}
	return out.String()
}

// memory is what a process has resident, in KiB.
func memory(pid int) (kib float64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if found := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(text); err == nil && found != nil {
		kib, _ = strconv.ParseFloat(string(found[1]), 64)
	}
	return kib
}

func TestSimulateReplicas(t *testing.T) {
	fmt.Printf("%7s  %9s  %9s  %12s  %10s  %10s  %7s  %9s  %s\n", "stacks", "listen", "attended", "resident", "accept p50", "accept p99", "refused", "failover", "calm stack beside a storm, and alone")
	for text := range strings.SplitSeq(*simulatedReplicas, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(text, func(t *testing.T) { simulateReplicas(t, n) })
	}
}

func simulateReplicas(t *testing.T, n int) {
	began := time.Now()
	c := startTrio(t, n)
	listen := time.Since(began)
	patiently(t, "all stacks have a worker", func() bool { return c.attended(0, 1, 2) == n })
	attended := time.Since(began)
	var resident float64
	for _, r := range c.replicas {
		resident = max(resident, memory(r.cmd.Process.Pid))
	}
	l := load{t, func(stack int, wait bool) (int, string) { return c.send(rand.IntN(3), stack, wait) }}
	took := l.accepts(n, 50, time.Second) // which also makes the connections
	if *simulateTime > time.Second {
		took = l.accepts(n, 500, *simulateTime)
	}
	patiently(t, "all is done", func() bool { return c.isIdle(0) && c.isIdle(1) && c.isIdle(2) })
	alone, beside := l.calm(1, false), l.calm(2, true)
	patiently(t, "all is done", func() bool { return c.isIdle(0) && c.isIdle(1) && c.isIdle(2) })

	died := time.Now()
	if err := c.replicas[0].cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	patiently(t, "the others have the dead one's stacks", func() bool { return c.attended(1, 2) == n })
	failover := time.Since(died)
	fmt.Printf("%7d  %9s  %9s  %8.1f MiB  %10s  %10s  %7d  %9s  %s / %s = %.2f\n", n, listen.Round(time.Millisecond), attended.Round(time.Millisecond), resident/1024,
		percentile(took, 50).Round(10*time.Microsecond), percentile(took, 99).Round(10*time.Microsecond), c.refused.Load(), failover.Round(100*time.Millisecond),
		beside.Round(time.Millisecond), alone.Round(time.Millisecond), beside.Seconds()/alone.Seconds())
	if status, body := c.send(1, 1, true); status != http.StatusOK {
		t.Errorf("after a death: %d %.300s", status, body)
	}
	if c.refused.Load() > 0 {
		t.Logf("requests were refused for a while:\n%s", c.errors())
	}
}
