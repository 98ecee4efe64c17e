//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

// plain is the server that gets the requests.
const plain = "requests"

// tryRequests sends all requests to a server while a thousand connections are held. It also stops the server in the
// midst of its work.
func (b *battery) tryRequests(ctx context.Context) error {
	if err := b.start(ctx, b.front); err != nil {
		return err
	}
	before, err := b.holdings(ctx)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	if b.only == "" {
		all.Go(func() { b.holdConnections(ctx) })
	}
	for _, k := range kinds() {
		all.Go(func() {
			for _, a := range k.attacks {
				if b.wants(k.name, a.name) && ctx.Err() == nil {
					b.attack(ctx, k.name, a)
				}
			}
		})
	}
	all.Wait()
	b.say("the requests are answered")
	if b.only == "" {
		b.flood(ctx)
		b.freeze(ctx)
		b.say("the stopped process goes on")
	}
	if err := b.settle(ctx, plain); err != nil {
		return err
	}
	b.say("what was accepted is done")
	b.compare(ctx, plain, before)
	return b.stop(plain)
}

// attack sends one request and judges what comes back.
func (b *battery) attack(ctx context.Context, kind string, a attack) {
	r := send(ctx, b.address(), a)
	faults := b.judge.faults(a, r)
	accepted := len(r.answers) > 0 && r.answers[0].status < http.StatusBadRequest
	for _, got := range r.answers {
		faults = append(faults, b.ledger.note(a, got)...)
	}
	b.tally.count(kind, a.name, accepted, again(kind, a, r), faults)
}

// again is what makes an attack happen again, and what came of it.
func again(kind string, a attack, r reply) string {
	var text strings.Builder
	fmt.Fprintf(&text, "again: HOSTILE='-only \"%s/%s\"'\n    sent, %d bytes: %.1500q", kind, a.name, len(a.text), strings.ReplaceAll(a.text, lab.Token, "TOKEN"))
	for _, got := range r.answers {
		fmt.Fprintf(&text, "\n    answer: %d %s %.300q", got.status, got.header.Get("Content-Type"), got.body)
	}
	return text.String()
}

// strangers is how many requests without a token come in one stream. floodLog is how much the log may grow meanwhile.
const (
	strangers = 3000
	floodLog  = 256 << 10
)

// flood sends a stream of requests without a token. Whoever finds the port must not be able to fill the disk with the
// log.
func (b *battery) flood(ctx context.Context) {
	const kind, name = "a flood of strangers", "the log"
	before := fileSize(b.server.Log)
	client := &http.Client{Timeout: answerTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	var faults []string
	for range strangers {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.server.URL+"/"+strings.Repeat("x", 500), http.NoBody)
		if err == nil {
			var got *http.Response
			if got, err = client.Do(request); err == nil {
				err = got.Body.Close()
				if got.StatusCode != http.StatusUnauthorized {
					err = fmt.Errorf("answered with %d", got.StatusCode)
				}
			}
		}
		if err != nil {
			faults = append(faults, err.Error())
			break
		}
	}
	if grown := fileSize(b.server.Log) - before; grown > floodLog {
		faults = append(faults, fmt.Sprintf("the log grew by %d kB, at most %d", grown>>10, floodLog>>10))
	}
	b.tally.count(kind, name, false, fmt.Sprintf("%d times GET /xxx... without a token", strangers), faults)
}

// stopped is how long the process is stopped.
const stopped = 3 * time.Second

// freeze stops the server's process in the midst of an update, asks it meanwhile, and lets it go on.
func (b *battery) freeze(ctx context.Context) {
	const kind = "a stopped process"
	b.tally.count(kind, "before", true, "", b.add(ctx, 1))
	if err := syscall.Kill(b.server.PID(), syscall.SIGSTOP); err != nil {
		b.tally.count(kind, "stop", true, "", []string{err.Error()})
		return
	}
	var asked sync.WaitGroup
	for i := range 10 {
		asked.Go(func() {
			b.tally.count(kind, fmt.Sprint("meanwhile, request ", i+1), true, "kill -STOP, POST "+scaleSum+", kill -CONT", b.add(ctx, 1-i%2*2))
		})
	}
	time.Sleep(stopped)
	if err := syscall.Kill(b.server.PID(), syscall.SIGCONT); err != nil {
		b.tally.count(kind, "go on", true, "", []string{err.Error()})
	}
	asked.Wait()
	b.tally.count(kind, "afterwards", true, "", b.add(ctx, 1))
}
