//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

// peer is the other end of a connection of HTTP/2, and keeps to no rule. One goroutine writes to the connection;
// another one reads from it.
type peer struct {
	conn   *tls.Conn
	framer *http2.Framer
	block  bytes.Buffer
	hpack  *hpack.Encoder
	// ended is closed when the server has ended the connection. ponged is closed when the server has answered the last
	// ping.
	ended, ponged chan struct{}

	// mu guards what has been read. The reading goroutine writes the fields below.
	mu       sync.Mutex
	statuses map[uint32]int
	bodies   map[uint32][]byte
	resets   map[http2.ErrCode]int
	// over are how many streams the server has ended. A status may come well before the body: the server answers a ping in between.
	over     int
	away     bool
	awayCode http2.ErrCode
	pong     bool
	bytes    int64
	err      error
	// waited says that an answer was waited for.
	waited bool
}

// pingAtEnd is the last ping's text.
var pingAtEnd = [8]byte{'t', 'h', 'e', ' ', 'e', 'n', 'd', '.'}

// dial connects. Unless bare is true, it begins as every peer does.
func dial(ctx context.Context, address string, bare bool) (*peer, error) {
	dialer := tls.Dialer{NetDialer: &net.Dialer{}, Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{http2.NextProtoTLS}}} //nolint:gosec // it is our own
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	p := &peer{conn: conn.(*tls.Conn), ended: make(chan struct{}), ponged: make(chan struct{}), statuses: map[uint32]int{}, bodies: map[uint32][]byte{}, resets: map[http2.ErrCode]int{}}
	if got := p.conn.ConnectionState().NegotiatedProtocol; got != http2.NextProtoTLS {
		_ = conn.Close()
		return nil, fmt.Errorf("the server speaks %q and not HTTP/2", got)
	}
	p.framer = http2.NewFramer(conn, conn)
	p.framer.AllowIllegalWrites, p.framer.AllowIllegalReads = true, true
	p.framer.SetMaxReadFrameSize(1 << 20)
	p.hpack = hpack.NewEncoder(&p.block)
	_ = conn.SetWriteDeadline(time.Now().Add(patience)) // nobody waits for a server that reads no more
	if !bare {
		p.text(http2.ClientPreface)
		p.settings()
	}
	go p.read()
	return p, nil
}

func (p *peer) read() {
	defer close(p.ended)
	decoder := hpack.NewDecoder(4096, nil)
	for {
		frame, err := p.framer.ReadFrame()
		p.mu.Lock()
		if err != nil {
			p.err = err
			p.mu.Unlock()
			return
		}
		p.bytes += int64(frame.Header().Length)
		switch f := frame.(type) {
		case *http2.HeadersFrame:
			fields, _ := decoder.DecodeFull(f.HeaderBlockFragment())
			for _, field := range fields {
				if field.Name == ":status" {
					p.statuses[f.StreamID], _ = strconv.Atoi(field.Value)
				}
			}
			if f.StreamEnded() {
				p.over++
			}
		case *http2.DataFrame:
			p.bodies[f.StreamID] = append(p.bodies[f.StreamID], f.Data()...)
			if f.StreamEnded() {
				p.over++
			}
		case *http2.RSTStreamFrame:
			p.resets[f.ErrCode]++
			p.over++
		case *http2.GoAwayFrame:
			p.away, p.awayCode = true, f.ErrCode
		case *http2.PingFrame:
			if f.IsAck() && f.Data == pingAtEnd && !p.pong {
				p.pong = true
				close(p.ponged)
			}
		}
		p.mu.Unlock()
	}
}

// close ends the connection and waits until nothing reads from it.
func (p *peer) close() {
	_ = p.conn.Close()
	<-p.ended
}

// story is what the server did.
func (p *peer) story() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	codes := map[string]int{}
	for code, n := range p.resets {
		codes[code.String()] = n
	}
	statuses := map[int]int{}
	for _, status := range p.statuses {
		statuses[status]++
	}
	return fmt.Sprintf("statuses %v, resets %v, GOAWAY %v %s, %d bytes, ended with %v", statuses, codes, p.away, p.awayCode, p.bytes, p.err)
}

// write writes a frame. Once the server has ended the connection, nothing can be written; that is nobody's mistake.
func (p *peer) write(frame func(*http2.Framer) error) bool { return frame(p.framer) == nil }

// text writes something that is not a frame.
func (p *peer) text(text string) { _, _ = io.WriteString(p.conn, text) }

// frame writes a frame of any type and flags.
func (p *peer) frame(kind http2.FrameType, flags http2.Flags, stream uint32, payload string) bool {
	return p.write(func(f *http2.Framer) error { return f.WriteRawFrame(kind, flags, stream, []byte(payload)) })
}

func (p *peer) settings(settings ...http2.Setting) {
	p.write(func(f *http2.Framer) error { return f.WriteSettings(settings...) })
}

// fields are a header, as pairs.
func fields(pairs ...string) []hpack.HeaderField {
	var out []hpack.HeaderField
	for pair := range slices.Chunk(pairs, 2) {
		out = append(out, hpack.HeaderField{Name: pair[0], Value: pair[1]})
	}
	return out
}

// request is the header of a request with the token, with more fields.
func request(method, path string, more ...string) []hpack.HeaderField {
	return append(fields(":method", method, ":scheme", "https", ":authority", "pulumiscale.test", ":path", path, "authorization", "Bearer "+lab.Token), fields(more...)...)
}

// strange is a request without the token.
func strange(path string) []hpack.HeaderField {
	return fields(":method", "GET", ":scheme", "https", ":authority", "pulumiscale.test", ":path", path)
}

// encode is a header block.
func (p *peer) encode(header []hpack.HeaderField) string {
	p.block.Reset()
	for _, field := range header {
		_ = p.hpack.WriteField(field) // into a buffer
	}
	return p.block.String()
}

// open opens a stream with a header. ends says that no body follows.
func (p *peer) open(stream uint32, ends bool, header []hpack.HeaderField) bool {
	flags := http2.FlagHeadersEndHeaders
	if ends {
		flags |= http2.FlagHeadersEndStream
	}
	return p.frame(http2.FrameHeaders, flags, stream, p.encode(header))
}

// long opens a stream with a header that does not fit into one frame.
func (p *peer) long(stream uint32, header []hpack.HeaderField) {
	block := p.encode(header)
	for kind, flags := http2.FrameHeaders, http2.FlagHeadersEndStream; ; kind, flags = http2.FrameContinuation, 0 {
		n := min(len(block), 16<<10)
		if n == len(block) {
			flags |= http2.FlagHeadersEndHeaders
		}
		if !p.frame(kind, flags, stream, block[:n]) || n == len(block) {
			return
		}
		block = block[n:]
	}
}

// many is a header of n fields of the given size.
func many(n, size int) []hpack.HeaderField {
	header := strange("/status")
	for i := range n {
		header = append(header, hpack.HeaderField{Name: fmt.Sprint("x-", i), Value: strings.Repeat("v", size), Sensitive: true})
	}
	return header
}

// answered waits until so many streams are answered, the server ends the connection, or patience ends.
func (p *peer) answered(n int) {
	p.until(func() bool { return len(p.statuses) >= n })
	p.mu.Lock()
	p.waited = true
	p.mu.Unlock()
}

// met waits until a stream is refused, or answered to the end.
func (p *peer) met() { p.until(func() bool { return p.over > 0 }) }

func (p *peer) until(done func() bool) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		p.mu.Lock()
		over := p.err != nil || p.away || done()
		p.mu.Unlock()
		if over {
			return
		}
	}
}
