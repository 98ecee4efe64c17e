package serving

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/webhook"
)

// drainTimeout is how long a server that ends waits for the requests that it still answers.
const drainTimeout = 10 * time.Second

// finishTimeout is how long, after the last answer, the server waits for what the requests began, such as the engine of
// a dry run, which has been interrupted.
const finishTimeout = 3 * time.Second

// listening is the server's socket, with the HTTP server that answers there.
type listening struct {
	net.Listener
	http *http.Server
	log  *slog.Logger
}

// newListening opens the socket. No request is answered before [listening.serve].
func (p *Process) newListening(ctx context.Context, handler http.Handler, log *slog.Logger) (*listening, error) {
	l := &listening{http: webhook.NewHTTPServer(handler, log), log: log}
	// ctx carries the trace. The end of ctx must not end the requests.
	l.http.BaseContext = func(net.Listener) context.Context { return context.WithoutCancel(ctx) }
	if p.TLSCert != "" {
		certificate, err := webhook.LoadCertificate(p.TLSCert, p.TLSKey, log)
		if err != nil {
			hint := "--tls-cert and --tls-key name PEM files that belong together"
			if errors.Is(err, fs.ErrNotExist) {
				hint = "give --tls-cert and --tls-key the paths of files that exist; for a service best from the root on"
			}
			return nil, &scale.SetupError{Problem: "cannot read the TLS certificate", Err: err, Hint: hint}
		}
		l.http.TLSConfig = certificate.TLS()
	}
	var err error
	if l.Listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", p.Listen); err != nil {
		return nil, &scale.SetupError{Problem: "cannot listen on " + p.Listen, Err: err, Hint: "name another address with --listen"}
	}
	return l, nil
}

// tell logs the address and what is served there. It warns if tokens would travel unencrypted.
func (l *listening) tell(what string, served any) {
	l.log.Info("listening", "address", l.Addr().String(), "tls", l.http.TLSConfig != nil, what, served)
	if tcp, ok := l.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() && l.http.TLSConfig == nil {
		l.log.Warn("tokens travel unencrypted unless something before the server speaks TLS: see --tls-cert", "address", tcp.String())
	}
}

// stoppable is a handler that can end its requests: see [webhook.Server.Stop] and [webhook.Server.Finish].
type stoppable interface {
	Stop()
	Finish(ctx context.Context)
}

// serve answers requests and does work until ctx ends. After that it accepts no more requests, and answers the requests
// that have come. The work ends after the last answer, so that what these requests ask for is still accepted.
func (l *listening) serve(ctx context.Context, handler stoppable, work func(context.Context)) (err error) {
	working, finish := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	background.Go(func() { work(working) })
	served := make(chan error, 1)
	go func() {
		if l.http.TLSConfig != nil {
			served <- l.http.ServeTLS(l.Listener, "", "")
		} else {
			served <- l.http.Serve(l.Listener)
		}
	}()
	select {
	case err = <-served:
	case <-ctx.Done():
		l.log.Info("shutting down: no more requests are accepted")
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		handler.Stop()
		// If Shutdown fails, somebody still waits for an answer. Closing loses nothing, because what was accepted is on
		// disk.
		if l.http.Shutdown(drain) != nil {
			_ = l.http.Close()
		}
		err = <-served
		finishing, done := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
		defer done()
		handler.Finish(finishing)
	}
	finish()
	background.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
