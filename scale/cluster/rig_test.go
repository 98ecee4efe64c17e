package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// testLog is where replicas tell what goes on: nowhere, or in the test's output if the environment asks for it.
func testLog(t testing.TB, replica string) *slog.Logger {
	if os.Getenv("CLUSTER_TEST_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})).With("replica", replica)
}

// until waits for something, and not for ever.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(90 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not come to that: %s", what)
		}
	}
}

// three are three replicas of a cluster, with a proxy on the way from each to each.
type three struct {
	t       testing.TB
	nodes   [3]*Node
	dirs    [3]string
	proxies [3][3]*proxy
	// nowhere is the address that the replicas tell each other, so that there is no other way than the proxies.
	nowhere *proxy
	change  func(i int, o *Options)
}

// startThree starts three replicas, and waits until they are one server.
func startThree(t testing.TB) *three {
	t.Helper()
	c := newThree(t)
	for i := range c.nodes {
		c.start(i)
	}
	for i := range c.nodes {
		c.ready(i)
	}
	return c
}

func newThree(t testing.TB) *three {
	c := &three{t: t, nowhere: startProxy(t)}
	c.nowhere.cut()
	for from := range 3 {
		c.dirs[from] = t.TempDir()
		for to := range 3 {
			c.proxies[from][to] = startProxy(t)
		}
	}
	t.Cleanup(func() {
		for i := range c.nodes {
			c.stop(i)
		}
	})
	return c
}

func (c *three) start(i int) {
	c.t.Helper()
	o := Options{Name: "test", Replica: fmt.Sprint("replica-", i), Dir: c.dirs[i], Listen: "127.0.0.1:0", Advertise: c.nowhere.address(), Secret: "between us", Log: testLog(c.t, fmt.Sprint(i))}
	for to := range 3 {
		o.Peers = append(o.Peers, c.proxies[i][to].address())
	}
	if c.change != nil {
		c.change(i, &o)
	}
	n, err := Start(c.t.Context(), o)
	if err != nil {
		c.t.Fatal(err)
	}
	for from := range 3 {
		c.proxies[from][i].leadTo(n.server.ClusterAddr().String())
	}
	c.nodes[i] = n
}

func (c *three) ready(i int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	if err := c.nodes[i].WaitReady(ctx); err != nil {
		c.t.Fatal(err)
	}
}

// stop ends a replica in good order.
func (c *three) stop(i int) {
	if c.nodes[i] != nil {
		_ = c.nodes[i].Close()
		c.nodes[i] = nil
	}
}

// kill ends a replica as if its machine had lost its power: nobody hears that it gives anything back.
func (c *three) kill(i int) {
	c.cut(i)
	c.stop(i)
	c.mend(i)
}

// cut takes a replica's connections to the others away.
func (c *three) cut(i int) {
	for other := range 3 {
		c.proxies[i][other].cut()
		c.proxies[other][i].cut()
	}
}

func (c *three) mend(i int) {
	for other := range 3 {
		c.proxies[i][other].mend()
		c.proxies[other][i].mend()
	}
}

// rejoin mends what cut has taken away, and waits until the three are one server again. A replica that was cut off may
// bring an election with it, as soon as it hears the leaders' heartbeats: they come each second, like the greetings.
func (c *three) rejoin(i int) {
	c.t.Helper()
	c.mend(i)
	mended := time.Now()
	until(c.t, "it hears the others for longer than two heartbeats are apart", func() bool {
		l := c.nodes[i].leases
		l.mu.Lock()
		defer l.mu.Unlock()
		heard := 0
		for _, m := range l.members {
			if m.From != c.nodes[i].from && m.heard.Sub(mended) > 2*time.Second {
				heard++
			}
		}
		return heard == len(c.nodes)-1
	})
	for other := range c.nodes {
		c.ready(other)
	}
}

// startOne starts the only replica of a cluster.
func startOne(t testing.TB, dir string) *Node {
	t.Helper()
	n, err := Start(t.Context(), Options{Name: "test", Replica: "alone", Dir: dir, Log: testLog(t, "alone")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	if err := n.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	return n
}

// proxy is a TCP proxy. While it is cut, what it has accepted neither moves nor ends, as in a network that has lost a
// cable.
type proxy struct {
	listener net.Listener

	mu     sync.Mutex
	target string
	isCut  bool
	conns  []net.Conn
}

func startProxy(t testing.TB) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener}
	t.Cleanup(func() {
		_ = listener.Close()
		p.endAll()
	})
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) leadTo(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

func (p *proxy) serve(conn net.Conn) {
	p.mu.Lock()
	target, isCut := p.target, p.isCut
	p.conns = append(p.conns, conn)
	p.mu.Unlock()
	if isCut {
		return // it hangs
	}
	other, err := net.Dial("tcp", target)
	if err != nil {
		_ = conn.Close()
		return
	}
	p.mu.Lock()
	p.conns = append(p.conns, other)
	p.mu.Unlock()
	go p.pass(conn, other)
	p.pass(other, conn)
}

// pass passes bytes on until either side ends. While the proxy is cut it drops them.
func (p *proxy) pass(from, to net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		p.mu.Lock()
		isCut := p.isCut
		p.mu.Unlock()
		if isCut {
			if err != nil {
				return
			}
			continue
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	_, _ = from.Close(), to.Close()
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isCut = true
}

// mend lets new connections through; those from before have lost bytes and end.
func (p *proxy) mend() {
	p.mu.Lock()
	p.isCut = false
	p.mu.Unlock()
	p.endAll()
}

func (p *proxy) endAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.conns {
		_ = conn.Close()
	}
	p.conns = nil
}
