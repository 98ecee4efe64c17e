//go:build linux

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

// secure is the server that speaks TLS, and HTTP/2.
const secure = "HTTP/2"

// abuse is what is done over one connection of HTTP/2, and how the server may meet it.
type abuse struct {
	kind, name string
	do         func(*peer)
	// ends says that the server must end the connection. If it need not, it must answer a ping afterwards.
	ends bool
	// may says that the server may end the connection, or go on with it.
	may bool
	// want are the statuses that requests may be answered with. If there are none, every request must come to nothing.
	want []int
	// delta is by how much each request that is accepted after all moves the pool of deltas.
	delta int
	// bare leaves out the preface and the settings with which every connection begins.
	bare bool
}

// tryHTTP2 abuses HTTP/2 in as many ways as there are abuses.
func (b *battery) tryHTTP2(ctx context.Context) error {
	if all := abuses(); !slices.ContainsFunc(all, func(a abuse) bool { return b.wants(a.kind, a.name) }) {
		return nil
	}
	certificate, key, err := b.certificate()
	if err != nil {
		return err
	}
	if err := b.start(ctx, b.front, "--tls-cert", certificate, "--tls-key", key); err != nil {
		return err
	}
	b.server.URL = "https://" + b.address()
	trusting := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // it is our own
	b.client = &http.Client{Timeout: answerTimeout, Transport: &http.Transport{TLSClientConfig: trusting, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
	defer func() { b.client = plainClient() }()
	before, err := b.holdings(ctx)
	if err != nil {
		return err
	}
	var lanes sync.WaitGroup
	work := make(chan abuse)
	for range 8 {
		lanes.Go(func() {
			for a := range work {
				b.abuse(ctx, a)
			}
		})
	}
	for _, a := range abuses() {
		if b.wants(a.kind, a.name) && ctx.Err() == nil {
			work <- a
		}
	}
	close(work)
	lanes.Wait()
	b.say("HTTP/2 is abused")
	if err := b.settle(ctx, secure); err != nil {
		return err
	}
	b.compare(ctx, secure, before)
	return b.stop(secure)
}

func plainClient() *http.Client {
	return &http.Client{Timeout: answerTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
}

// abuse does one abuse. It judges how the server met it, and whether the server answers others.
func (b *battery) abuse(ctx context.Context, a abuse) {
	p, err := dial(ctx, b.address(), a.bare)
	if err != nil {
		b.tally.count(a.kind, a.name, false, "", []string{err.Error()})
		return
	}
	a.do(p)
	faults := p.faults(a)
	p.close()
	for _, body := range p.bodies {
		faults = append(faults, b.ledger.note(attack{delta: a.delta}, answer{body: body})...)
		faults = append(faults, b.judge.text(string(body))...)
	}
	began := time.Now()
	if status, _, err := b.ask(ctx, http.MethodGet, "/status", ""); status != http.StatusOK || time.Since(began) > wellMeant {
		faults = append(faults, fmt.Sprintf("somebody else is answered with %d after %s: %v", status, time.Since(began).Round(time.Millisecond), err))
	}
	answered := slices.ContainsFunc(slices.Collect(maps.Values(p.statuses)), func(status int) bool { return status < http.StatusBadRequest })
	b.tally.count(a.kind, a.name, answered, fmt.Sprintf("again: HOSTILE='-only %q'\n    %s", a.kind+"/"+a.name, p.story()), faults)
}

// certificate writes a certificate and its key.
func (b *battery) certificate() (certificate, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"pulumiscale.test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return "", "", err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", err
	}
	certificate, key = b.Path("cert.pem"), b.Path("key.pem")
	return certificate, key, errors.Join(
		os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
}

// patience is how long the server may take to meet an abuse. The server's own limits are 5 s for a first request and 15
// s for any one.
const patience = 25 * time.Second

// faults waits for how the server meets an abuse, and says what is wrong with that.
func (p *peer) faults(a abuse) []string {
	if !a.ends {
		p.write(func(f *http2.Framer) error { return f.WritePing(false, pingAtEnd) })
	}
	select {
	case <-p.ended:
	case <-p.ponged:
		if a.ends {
			select {
			case <-p.ended:
			case <-time.After(patience):
			}
		}
	case <-time.After(patience):
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var faults []string
	ended := p.away || p.err != nil
	switch {
	case a.ends && !ended:
		faults = append(faults, "the connection is still open")
	case !a.ends && ended && !a.may:
		faults = append(faults, fmt.Sprintf("the connection was ended: %v", p.err))
	case !a.ends && !ended && !p.pong:
		faults = append(faults, "a ping is not answered")
	}
	for stream, status := range p.statuses {
		if !slices.Contains(a.want, status) {
			faults = append(faults, fmt.Sprintf("stream %d is answered with %d, want %v", stream, status, a.want))
		}
	}
	if !a.ends && p.waited && len(p.statuses) == 0 {
		faults = append(faults, "no request is answered")
	}
	if p.bytes > most2 {
		faults = append(faults, fmt.Sprintf("the server sends %d bytes", p.bytes))
	}
	return faults
}

// most2 is the most that the server may send over one connection.
const most2 = 8 << 20
