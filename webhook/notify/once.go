package notify

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/notice"
)

// Sent is the result of telling, or of looking at, one listener.
type Sent struct {
	Name, Kind string
	// Host is the host of the address; empty if the address could not be read.
	Host string
	// Told counts the notices that arrived.
	Told int
	// Err says why a notice did not arrive, or what is wrong with the listener; else nil.
	Err error
}

// SendOnce tells each listener of the notices that it wants, and does not try again. It tells all listeners at the same
// time. It writes nothing to disk, and stops when ctx ends. The results are in the order of the listeners.
func SendOnce(ctx context.Context, listeners []Setting, secrets Secrets, notices []notice.Notice, now func() time.Time) []Sent {
	return forEach(ctx, listeners, secrets, now, func(s Setting, open access, out *Sent) {
		k, _ := kindOf(s.Kind)
		client := newClient(s)
		defer client.CloseIdleConnections()
		for _, n := range notices {
			if !s.wants(n) {
				continue
			}
			m, err := k.write(mail{notices: []notice.Notice{n}, wants: s.events(), id: n.ID, at: now(), access: open})
			if err == nil && m.body != nil {
				err = send(ctx, client, open, m, now)
			}
			if err != nil {
				out.Err = err
				return
			}
			out.Told++
		}
	})
}

// LookAt finds out, for each listener, whether its secrets are there and its address answers. It sends nothing. The
// results are in the order of the listeners.
func LookAt(ctx context.Context, listeners []Setting, secrets Secrets, now func() time.Time) []Sent {
	return forEach(ctx, listeners, secrets, now, func(s Setting, open access, out *Sent) {
		out.Err = connect(ctx, s, open)
	})
}

// connect connects to a listener and, if the address is https, checks the listener's certificate.
func connect(ctx context.Context, s Setting, open access) error {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	port := open.url.Port()
	dial := newDialer(s).DialContext
	switch {
	case open.url.Scheme == "https":
		dial = (&tls.Dialer{NetDialer: newDialer(s), Config: &tls.Config{MinVersion: tls.VersionTLS12}}).DialContext
		if port == "" {
			port = "443"
		}
	case port == "":
		port = "80"
	}
	conn, err := dial(ctx, "tcp", net.JoinHostPort(open.url.Hostname(), port))
	if err != nil {
		return &sendError{problem: withoutAddress(err)}
	}
	return conn.Close()
}

// forEach calls do for each listener whose secrets are there, for all listeners at the same time. It returns one result
// for each listener, in their order.
func forEach(ctx context.Context, listeners []Setting, secrets Secrets, now func() time.Time, do func(Setting, access, *Sent)) []Sent {
	var keys []string
	for _, s := range listeners {
		keys = append(keys, s.keys()...)
	}
	v := &vault{read: secrets, keys: unique(keys), now: now}
	out := make([]Sent, len(listeners))
	var each sync.WaitGroup
	for i, s := range listeners {
		each.Go(func() {
			out[i] = Sent{Name: s.Name, Kind: s.Kind}
			open, err := v.open(ctx, s)
			if err != nil {
				out[i].Err = err
				return
			}
			out[i].Host = open.url.Host
			do(s, open, &out[i])
		})
	}
	each.Wait()
	return out
}
