package webhook

import (
	"context"
	"sync"
)

// shared lets all who ask for something at once share one round of it. Who asks after a round has begun waits for the next one, which all share who ask
// before that begins: so everybody is told how things are after they asked, by one round at a time.
type shared struct {
	mu            sync.Mutex
	running, next *round
}

// round is done once; its error is set by then.
type round struct {
	work func() error
	done chan struct{}
	err  error
}

// do waits for a round that begins from now on. The error is that of the round, or of ctx, which ends the wait and not the round.
func (s *shared) do(ctx context.Context, work func() error) error {
	r := s.join(work)
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *shared) join(work func() error) *round {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil {
		return s.next
	}
	r := &round{work: work, done: make(chan struct{})}
	if s.running != nil {
		s.next = r
		return r
	}
	s.running = r
	go s.run(r)
	return r
}

// run carries out a round, and those that are waited for by its end.
func (s *shared) run(r *round) {
	for r != nil {
		r.err = r.work()
		s.mu.Lock()
		s.running, s.next = s.next, nil
		next := s.running
		s.mu.Unlock()
		close(r.done)
		r = next
	}
}
