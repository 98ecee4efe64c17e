package webhook

import (
	"context"
	"sync"
)

// shared lets all who ask for the same work at the same time share one round of the work. There is one round at a time.
// Whoever asks after a round has begun waits for the next round, which is shared by all who ask before it begins. So
// nobody gets the result of a round that began before they asked. mu guards running and next.
type shared struct {
	mu            sync.Mutex
	running, next *round
}

// round is one execution of the work. err is set before done is closed, and is read only after that.
type round struct {
	work func() error
	done chan struct{}
	err  error
}

// do waits for a round that begins after the call. The error is the error of the round, or the reason why ctx ended. If
// ctx ends, the round goes on.
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

// run carries out a round, and then the rounds for which somebody waits when it ends.
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
