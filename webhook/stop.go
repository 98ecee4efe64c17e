package webhook

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// stopGrace is how long after [Server.Stop] a request may still wait for anything but an operation, and be answered as
// usual. Waits for operations end at once.
const stopGrace = 5 * time.Second

// stoppingError says that the server was stopped before it could answer a request, and that nothing was accepted.
type stoppingError struct{}

func (*stoppingError) Error() string { return "the server is being stopped" }

func (*stoppingError) Kind() scale.Kind { return kindStopping }

// stopping lets a server stop in order: every request that waits for something is answered in full before the
// connections are closed.
type stopping struct {
	once sync.Once
	// patience ends first: from then on no request waits for an operation any more, because the operation is on disk.
	// life ends a little later, and all other waits of requests end with it.
	patience, life context.Context
	lose           context.CancelFunc
	end            context.CancelCauseFunc
	// working counts the work that requests have begun and that has not ended, whether or not the requests are
	// answered.
	working sync.WaitGroup
}

func (s *stopping) prepare() {
	s.patience, s.lose = context.WithCancel(context.Background())
	s.life, s.end = context.WithCancelCause(context.Background())
}

// Stop ends the waits of requests. A request that waits for an operation, which is on disk, is answered at once with
// 202 and the operation's address. A request that waits for a reading or a preview is answered a little later with 503.
// Stop does not wait for the answers: [http.Server.Shutdown] does. Stop may be called once there is a handler.
func (s *Server) Stop() {
	s.once.Do(func() {
		s.lose()
		time.AfterFunc(stopGrace, func() { s.end(&stoppingError{}) })
	})
}

// Finish waits until the work that requests have begun has ended, or until ctx ends. It is called after the requests
// have been answered.
func (s *Server) Finish(ctx context.Context) {
	s.end(&stoppingError{})
	s.strangers.flush(s.Log)
	ended := make(chan struct{})
	go func() {
		s.working.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

// within returns a copy of ctx that also ends when the server's life ends, and a function that must be called when the
// request has been handled. If life ends, a body that is still being sent is not read any further.
func (s *Server) within(ctx context.Context, w http.ResponseWriter) (context.Context, func()) {
	ctx, end := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	stop := context.AfterFunc(s.life, func() {
		defer close(ended)
		end(context.Cause(s.life))
		_ = http.NewResponseController(w).SetReadDeadline(time.Now())
	})
	return ctx, func() {
		if !stop() { // w must not be used after the request is handled
			<-ended
		}
		end(nil)
	}
}

// stopped replaces the error of a request by a [*stoppingError] if the server's life has ended. Before that, it returns
// err as it is.
func (s *Server) stopped(err error) error {
	if err != nil && s.life.Err() != nil {
		return context.Cause(s.life)
	}
	return err
}

// attend does work for a request, and returns its result. If ctx ends first, attend returns the reason, and the work
// ends later: an engine or a backend may take long to give up. If the work panics before that, attend panics too.
func attend[T any](ctx context.Context, s *Server, work func(context.Context) (T, error)) (T, error) {
	type outcome struct {
		value    T
		err      error
		panicked any
	}
	done := make(chan outcome, 1)
	s.working.Go(func() {
		var got outcome
		defer func() {
			got.panicked = recover() // a panic ends the request, and not the server
			done <- got
		}()
		got.value, got.err = work(ctx)
	})
	select {
	case got := <-done:
		if got.panicked != nil {
			panic(got.panicked)
		}
		return got.value, got.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
