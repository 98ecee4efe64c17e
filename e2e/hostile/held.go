//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// held is a way to hold a connection.
type held struct {
	kind string
	n    int
	text string
	// ends is how long the connection may last. Zero is longer than anybody waits here.
	ends time.Duration
	// drip sends a byte every second, so that the connection is never idle.
	drip bool
}

// heldConnections are a thousand connections of senders who never come to an end. The server's own limits are 5 s for a
// header, 15 s for a request and 2 minutes between two. The rest of the time is for a machine that has much to do.
func heldConnections() []held {
	half := raw("POST "+scaleSum+" HTTP/1.1", "", hostHeader, withToken, asJSON, "Content-Length: 1000") + "{"
	return []held{
		{kind: "held: nothing is sent", n: 150, ends: 15 * time.Second},
		{kind: "held: half a header", n: 200, text: "GET /status HTTP/1.1\r\nHost: x\r\nX-", ends: 15 * time.Second},
		{kind: "held: a header by the byte", n: 150, text: "GET /status HTTP/1.1\r\nX: ", ends: 15 * time.Second, drip: true},
		{kind: "held: half a body", n: 150, text: half, ends: 30 * time.Second},
		{kind: "held: a body by the byte", n: 100, text: half, ends: 30 * time.Second, drip: true},
		{kind: "held: a stranger's body", n: 100, text: raw("POST "+scaleSum+" HTTP/1.1", "", hostHeader, "Content-Length: 1000") + "{", ends: 30 * time.Second},
		{kind: "held: idle after an answer", n: 150, text: raw("GET /healthz HTTP/1.1", "", hostHeader)},
	}
}

// wellMeant is how long an answer to others may take meanwhile.
const wellMeant = 10 * time.Second

// holdConnections holds them all at once. It checks that others are answered meanwhile, and that the server ends the
// connections.
func (b *battery) holdConnections(ctx context.Context) {
	idle, leave := context.WithCancel(ctx)
	var all sync.WaitGroup
	for _, h := range heldConnections() {
		for i := range h.n {
			all.Go(func() {
				until := ctx
				if h.ends == 0 {
					until = idle
				}
				b.tally.count(h.kind, fmt.Sprint("connection ", i+1), h.ends == 0, fmt.Sprintf("sent: %.300q", h.text), h.hold(until, b.address()))
			})
		}
	}
	time.Sleep(time.Second)
	for i := range 20 {
		began := time.Now()
		status, _, err := b.ask(ctx, http.MethodGet, "/status", "")
		var faults []string
		if took := time.Since(began); err != nil || status != http.StatusOK || took > wellMeant {
			faults = append(faults, fmt.Sprintf("answered with %d after %s: %v", status, took.Round(time.Millisecond), err))
		}
		b.tally.count("beside held connections", fmt.Sprint("request ", i+1), true, "GET /status", faults)
	}
	leave()
	all.Wait()
	b.say("the held connections have ended")
}

// hold holds one connection until the server ends it, and says what is wrong with that.
func (h held) hold(ctx context.Context, address string) []string {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return []string{err.Error()}
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	began := time.Now()
	_ = conn.SetDeadline(began.Add(max(h.ends, time.Minute)))
	if _, err := io.WriteString(conn, h.text); err != nil {
		return []string{err.Error()}
	}
	if h.drip {
		go func() {
			for {
				time.Sleep(time.Second)
				if _, err := io.WriteString(conn, "x"); err != nil { // at the latest this fails when it is closed here
					return
				}
			}
		}()
	}
	answer, _ := io.ReadAll(conn)
	took := time.Since(began)
	switch {
	case h.ends == 0 && !strings.HasPrefix(string(answer), "HTTP/1.1 200 "):
		return []string{fmt.Sprintf("answered with %.100q", answer)}
	case h.ends == 0 || ctx.Err() != nil:
	case took > h.ends:
		return []string{fmt.Sprintf("it was held for %s, at most %s", took.Round(time.Second), h.ends)}
	case len(answer) > 0 && !strings.HasPrefix(string(answer), "HTTP/1.1 4"):
		return []string{fmt.Sprintf("answered with %.100q", answer)}
	}
	return nil
}
