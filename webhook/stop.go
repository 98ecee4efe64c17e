package webhook

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// stopGrace is how long requests that wait for something have to be answered as always, after the server was told to stop.
const stopGrace = 5 * time.Second

// StoppingError says that the server is being stopped before what was asked for could be told, and that nothing was accepted.
type StoppingError struct{}

func (*StoppingError) Error() string { return "the server is being stopped" }

// stopping is how a server comes to its end: every request that waits for something is answered in full before the connections are closed.
type stopping struct {
	once sync.Once
	// patience ends at first: what is on disk is not waited for any more. life ends a little later, and with it all other waits.
	patience, life context.Context
	lose           context.CancelFunc
	end            context.CancelCauseFunc
	// working is what requests have begun that has not ended, whether or not they are answered.
	working sync.WaitGroup
}

func (s *stopping) prepare() {
	s.patience, s.lose = context.WithCancel(context.Background())
	s.life, s.end = context.WithCancelCause(context.Background())
}

// Stop ends what requests wait for: those for an operation at once, which is on disk, with 202 and its place; those for a reading or a preview a little
// later, with 503. It does not wait for any of that: [http.Server.Shutdown] does. It may be called once there is a handler.
func (s *Server) Stop() {
	s.once.Do(func() {
		s.lose()
		time.AfterFunc(stopGrace, func() { s.end(&StoppingError{}) })
	})
}

// Finish waits, after the requests have been answered, for the end of what they began, as long as ctx allows.
func (s *Server) Finish(ctx context.Context) {
	s.end(&StoppingError{})
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

// within is ctx, which ends with the server's life too. A body that is still being sent is not read any further then.
func (s *Server) within(ctx context.Context, w http.ResponseWriter) (context.Context, func()) {
	ctx, end := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	stop := context.AfterFunc(s.life, func() {
		defer close(ended)
		end(context.Cause(s.life))
		_ = http.NewResponseController(w).SetReadDeadline(time.Now())
	})
	return ctx, func() {
		if !stop() { // w must not be used any more once it is answered
			<-ended
		}
		end(nil)
	}
}

// stopped is the error of a request that could not be answered because the server is being stopped; other errors stay as they are.
func (s *Server) stopped(err error) error {
	if err != nil && s.life.Err() != nil {
		return context.Cause(s.life)
	}
	return err
}

// attend does work for a request, and no longer waits for it once ctx has ended: an engine or a backend may take long to give up.
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
			got.panicked = recover() // which ends the request, and not the server
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
