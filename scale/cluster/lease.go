package cluster

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Lease says that this replica is the one that works on a stack. A lease has a time to live. The replica renews its
// leases by itself, for as long as it lives and the cluster hears it.
//
// A lease does not keep two updates apart. Pulumi's own lock does, together with the update's id in the history. If a
// replica was stopped for a minute, it believes in its lease for a moment longer than the others do. If it is cut off,
// it learns late that the lease is lost. A replica that loses the lease in the middle of an update finishes that
// update, and begins nothing new.
type Lease struct {
	leases      *leases
	stack, part string
	lost, yield chan struct{}
	loseOnce    sync.Once
	yieldOnce   sync.Once
	// seq is the sequence of the message that gives this replica the lease.
	seq uint64
}

// Lost is closed once this replica is not the stack's worker any more: it was not heard for too long, or somebody else
// has the lease, or it was released.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// Yield is closed when another replica, which has less to do, should work on the stack instead. There is no hurry: the
// lease is this replica's until it is released.
func (l *Lease) Yield() <-chan struct{} { return l.yield }

// Stack returns the name of the stack.
func (l *Lease) Stack() string { return l.stack }

// Release gives the lease back, so that another replica takes over at once. It may be called again, and after the lease
// was lost.
func (l *Lease) Release() {
	s := l.leases
	s.mu.Lock()
	held := s.held[l.part] == l
	if held {
		delete(s.held, l.part)
	}
	s.mu.Unlock()
	l.lose()
	if held {
		s.giveBack(l.part, l.seq)
	}
}

func (l *Lease) lose() { l.loseOnce.Do(func() { close(l.lost) }) }

// candidate is a call of [Node.Acquire] that waits for a lease.
type candidate struct {
	stack string
	got   chan *Lease
	// free is when this replica first found that the stack has no worker; zero if the stack has one.
	free time.Time
}

// Acquire waits until this replica is to work on a stack. Stacks are spread over the replicas that live and want them.
// The wait ends when ctx does; a lease that was given stays. On one replica, only one caller at a time may wait for a
// stack or have its lease.
func (n *Node) Acquire(ctx context.Context, stack string) (*Lease, error) {
	s, part := n.leases, digest(stack)
	c := &candidate{stack: stack, got: make(chan *Lease, 1)}
	s.mu.Lock()
	if s.wanted[part] != nil || s.held[part] != nil {
		s.mu.Unlock()
		return nil, errors.New("this replica has the lease of the stack " + stack + ", or waits for it")
	}
	s.wanted[part] = c
	s.mu.Unlock()
	s.wakeUp()
	select {
	case l := <-c.got:
		return l, nil
	case <-ctx.Done():
	case <-n.lifetime.Done():
	}
	s.mu.Lock()
	delete(s.wanted, part)
	s.mu.Unlock()
	select {
	case l := <-c.got: // it came at the last moment
		return l, nil
	default:
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, errClosed
}

// Name returns this replica's name.
func (n *Node) Name() string { return n.options.Replica }

// Replicas returns the names of the replicas that live, as far as this one knows.
func (n *Node) Replicas() []string {
	s := n.leases
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, m := range s.living(time.Now()) {
		out = append(out, m.Replica)
	}
	return out
}

// Workers returns, by stack, the names of the replicas that work on stacks, as far as this one knows. A stack that has
// no worker is not among them.
func (n *Node) Workers() map[string]string {
	s := n.leases
	s.mu.Lock()
	defer s.mu.Unlock()
	living := map[string]string{}
	for _, m := range s.living(time.Now()) {
		living[m.From] = m.Replica
	}
	out := map[string]string{}
	for _, c := range s.claims {
		if replica, ok := living[c.From]; ok {
			out[c.Stack] = replica
		}
	}
	return out
}
