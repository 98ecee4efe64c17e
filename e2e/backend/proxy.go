package backend

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Proxy passes connections on to a server. It can refuse connections, fall silent, and delay what passes.
type Proxy struct {
	target   string
	listener net.Listener
	group    sync.WaitGroup

	// mu guards the fields that follow: the proxy's users and the goroutines of its connections share them.
	mu     sync.Mutex
	down   bool
	silent bool
	delay  time.Duration
	open   map[net.Conn]bool
	closed bool
}

// NewProxy returns a proxy for the server at target. It listens at a free address of the loopback interface.
func NewProxy(target string) (*Proxy, error) {
	listener, err := listen()
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: target, listener: listener, open: map[net.Conn]bool{}}
	p.group.Go(p.accept)
	return p, nil
}

// Address returns the address at which the proxy listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Down cuts all connections, and resets new connections until [Proxy.Up] is called.
func (p *Proxy) Down() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = true
	for conn := range p.open {
		reset(conn)
	}
}

// Up passes everything on again. It ends the effects of [Proxy.Down], [Proxy.Silence] and [Proxy.Delay].
func (p *Proxy) Up() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down, p.silent, p.delay = false, false, 0
}

// Silence makes the proxy accept connections and data, and pass nothing on, until [Proxy.Up] is called. The data is
// lost.
func (p *Proxy) Silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = true
}

// Delay delays everything that passes, by the time each in each direction.
func (p *Proxy) Delay(each time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = each
}

// Close ends the proxy and all connections.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	for conn := range p.open {
		reset(conn)
	}
	p.mu.Unlock()
	err := p.listener.Close()
	p.group.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		p.group.Go(func() { p.serve(conn) })
	}
}

// add notes an open connection, until drop is called. If the proxy is down or closed, add resets the connection and
// returns false.
func (p *Proxy) add(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down || p.closed {
		reset(conn)
		return false
	}
	p.open[conn] = true
	return true
}

func (p *Proxy) serve(conn net.Conn) {
	if !p.add(conn) {
		return
	}
	defer p.drop(conn)
	server, err := net.Dial("tcp", p.target) //nolint:noctx // it is on this machine
	if err != nil {
		reset(conn)
		return
	}
	if !p.add(server) {
		return
	}
	defer p.drop(server)
	var ways sync.WaitGroup
	ways.Go(func() { p.pass(server, conn) })
	ways.Go(func() { p.pass(conn, server) })
	ways.Wait()
}

func (p *Proxy) drop(conn net.Conn) {
	_ = conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, conn)
}

// chunk is the data of one read, and the time of the read.
type chunk struct {
	bytes []byte
	at    time.Time
}

// pass passes the data of one connection on to the other, until the data ends. A delay is like a long line: each chunk
// arrives later by the delay, however many chunks are on their way.
func (p *Proxy) pass(to, from net.Conn) {
	chunks := make(chan chunk, 1024)
	var writer sync.WaitGroup
	writer.Go(func() {
		for c := range chunks {
			p.mu.Lock()
			delay, silent := p.delay, p.silent
			p.mu.Unlock()
			time.Sleep(time.Until(c.at.Add(delay)))
			if silent {
				continue
			}
			if _, err := to.Write(c.bytes); err != nil {
				reset(from)
			}
		}
		if half, ok := to.(*net.TCPConn); ok {
			_ = half.CloseWrite()
		}
	})
	for {
		buffer := make([]byte, 32<<10)
		n, err := from.Read(buffer)
		if n > 0 {
			chunks <- chunk{buffer[:n], time.Now()}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				reset(to)
			}
			break
		}
	}
	close(chunks)
	writer.Wait()
}

// reset closes a connection so that its other end sees an error, and not the end of the data.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
