package cluster

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// How leases live. If a replica dies, another one takes over within 15 seconds, unless an election has to be repeated:
// the stream may have to elect a leader first, for which NATS takes up to 9 s, and as long again if nobody gets a
// majority. Meanwhile nobody can renew anything in the stream, and replicas that live must not be taken for dead. So
// replicas also tell each other, outside of all streams, that they live.
const (
	// renewEvery is how often a replica says that it lives: in the stream, and outside of it.
	renewEvery = time.Second
	// silentFor is how long a replica is thought to live if it is heard neither in the stream nor outside of it.
	// aloneFor is how long a replica believes in its leases if the cluster does not hear it and it hears nobody.
	// aloneFor is shorter than silentFor, so that a replica that is cut off gives up first.
	silentFor = 7 * time.Second
	aloneFor  = 5 * time.Second
	// giveUpAfter is how long a replica that the cluster does not hear believes in its leases if it hears others.
	// deadAfter is how long a replica is thought to live if it was only ever heard in the stream.
	giveUpAfter = 11 * time.Second
	deadAfter   = 12 * time.Second
	// currentFor is how long ago the stream may have brought this replica's own last renewal. If that is longer ago,
	// this replica does not judge others.
	currentFor = 3 * time.Second
	// lookEvery is how often a replica looks which stacks have no worker.
	lookEvery = 500 * time.Millisecond
	// patience is how long a stack may have no worker before any replica that wants it takes it, even if the stack was
	// meant for a different replica. gatherFor is how long a replica that starts waits for others.
	patience  = 2 * time.Second
	gatherFor = 3 * time.Second
	// settledFor is how long a replica has to live before others give up stacks for it.
	settledFor = 10 * time.Second
)

// claim says who works on a stack. It holds while that replica lives. Fields are added, never renamed.
type claim struct {
	From  string `json:"from"`
	Stack string `json:"stack"`
	seq   uint64
}

// leases are what this replica knows of which replica works on which stack.
type leases struct {
	node *Node
	feed *feed
	wake chan struct{}

	// mu guards all that follows.
	mu      sync.Mutex
	members map[string]member // by the replica's part of subjects
	claims  map[string]claim  // by the stack's part of subjects
	wanted  map[string]*candidate
	held    map[string]*Lease
	// acknowledged is when the latest renewal that the stream has acknowledged was sent, and began is when the first
	// such renewal was sent.
	acknowledged, began time.Time

	// renewing lets one renewal at a time be sent. gone is set with the last one, which says that this replica is gone.
	renewing sync.Mutex
	gone     bool
}

func newLeases(n *Node) *leases {
	s := &leases{
		node: n, wake: make(chan struct{}, 1),
		members: map[string]member{}, claims: map[string]claim{}, wanted: map[string]*candidate{}, held: map[string]*Lease{},
	}
	s.feed = newFeed(n, n.names.leases(), s.take, s.reset)
	return s
}

func (s *leases) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run announces that this replica lives, and looks after the leases, until ctx ends.
func (s *leases) run(ctx context.Context) {
	var wait sync.WaitGroup
	wait.Go(func() { s.feed.run(ctx) })
	for _, say := range []func(context.Context){s.renew, s.greet} {
		wait.Go(func() {
			for say(ctx); pause(ctx, renewEvery); {
				say(ctx)
			}
		})
	}
	if greetings, err := s.node.conn.Subscribe(s.node.names.alive(), s.hear); err == nil { // else the stream suffices
		defer func() { _ = greetings.Unsubscribe() }()
	}
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		s.look(ctx, time.Now())
		select {
		case <-ticker.C:
		case <-s.wake:
		case <-ctx.Done():
		}
	}
	wait.Wait()
	s.loseAll()
}

// take handles a message of the stream of leases. The feed calls it.
func (s *leases) take(r received) {
	kind, rest := s.node.names.parts(r.subject)
	if len(rest) != 1 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch kind {
	case "replica":
		s.takeMember(rest[0], r)
	case "worker":
		s.takeClaim(rest[0], r)
	}
}

// takeClaim notes who works on a stack. If this replica has the stack's lease and the claim is not its own, the lease
// is lost.
func (s *leases) takeClaim(part string, r received) {
	if s.claims[part].seq >= r.seq {
		return
	}
	c := claim{seq: r.seq}
	if r.gone || json.Unmarshal(r.body, &c) != nil {
		c.From = ""
		s.wakeUp()
	}
	s.claims[part] = c
	if l := s.held[part]; l != nil && l.seq < r.seq {
		if c.From == s.node.from {
			l.seq = r.seq
		} else {
			delete(s.held, part)
			l.lose()
			s.node.log.Info("another replica now scales this stack", "stack", l.stack)
		}
	}
}

// reset forgets what a stream that is gone has told, and gives up this replica's leases.
func (s *leases) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.members)
	clear(s.claims)
	s.loseHeld("the cluster lost its record of which replica scales which stack")
}

func (s *leases) loseAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loseHeld("it shuts down")
}

// loseHeld marks all leases of this replica as lost. s.mu must be held.
func (s *leases) loseHeld(reason string) {
	if len(s.held) > 0 {
		s.node.log.Warn("this replica stops scaling its stacks, so that another replica can take over", "stacks", len(s.held), "reason", reason)
	}
	for part, l := range s.held {
		delete(s.held, part)
		l.lose()
	}
}

// look gives up leases if the cluster does not hear this replica, and otherwise takes the leases that are to be this
// replica's.
func (s *leases) look(ctx context.Context, now time.Time) {
	s.mu.Lock()
	if unheard := now.Sub(s.acknowledged); unheard > giveUpAfter || unheard > aloneFor && s.isAlone(now) {
		s.loseHeld("the cluster does not answer its heartbeats")
	}
	living := s.living(now)
	own := s.members[digest(s.node.options.Replica)]
	isCurrent := own.From == s.node.from && now.Sub(own.seen) < currentFor && now.Sub(s.acknowledged) < currentFor && s.feed.isFresh()
	if !isCurrent || now.Sub(s.began) < gatherFor && len(living) < len(s.node.options.Peers) {
		s.mu.Unlock()
		return
	}
	mine, left := s.share(living, now)
	s.yield(living, now)
	s.mu.Unlock()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for part, c := range mine {
		group.Go(func() error {
			s.claim(ctx, part, c)
			return nil
		})
	}
	for part, seq := range left {
		s.giveBack(part, seq)
	}
	_ = group.Wait()
}

// share returns which stacks without a worker are to be this replica's (mine), and which of its claims nobody here
// wants any more (left). All replicas see the same and share in the same way: a stack goes to the replica that works on
// the fewest. s.mu must be held.
func (s *leases) share(living []member, now time.Time) (mine map[string]*candidate, left map[string]uint64) {
	loads := loadsOf(living, s.claims)
	mine, left = map[string]*candidate{}, map[string]uint64{}
	for part, c := range s.claims {
		if c.From == s.node.from && s.held[part] == nil {
			if wanted := s.wanted[part]; wanted != nil {
				s.grant(part, wanted, c.seq) // it was not known whether the claim had been written
			} else {
				left[part] = c.seq
			}
		}
	}
	for _, part := range slices.Sorted(maps.Keys(s.wanted)) {
		c := s.wanted[part]
		if _, taken := loads[s.claims[part].From]; taken {
			c.free = time.Time{}
			continue
		}
		if c.free.IsZero() {
			c.free = now
		}
		who := leastLoaded(loads, part)
		loads[who]++
		if who == s.node.from || now.Sub(c.free) > patience {
			mine[part] = c
		}
	}
	return mine, left
}

// loadsOf returns how many stacks each replica that lives works on.
func loadsOf(living []member, claims map[string]claim) map[string]int {
	loads := map[string]int{}
	for _, m := range living {
		loads[m.From] = 0
	}
	for _, c := range claims {
		if _, lives := loads[c.From]; lives {
			loads[c.From]++
		}
	}
	return loads
}

// leastLoaded returns the replica that works on the fewest stacks. If several do, a digest of the stack and the replica
// decides.
func leastLoaded(loads map[string]int, part string) (who string) {
	var best string
	for from, n := range loads {
		rank := digest(part, from)
		if who == "" || n < loads[who] || n == loads[who] && rank < best {
			who, best = from, rank
		}
	}
	return who
}

// yield asks the holders of this replica's leases to give up the leases that another replica should have, because the
// other replica has less to do. s.mu must be held.
func (s *leases) yield(living []member, now time.Time) {
	living = slices.DeleteFunc(living, func(m member) bool { return m.From != s.node.from && now.Sub(m.first) < settledFor })
	loads := loadsOf(living, s.claims)
	least, total := len(s.held), 0
	for _, n := range loads {
		least, total = min(least, n), total+n
	}
	fair := (total + len(loads) - 1) / max(len(loads), 1)
	if len(s.held)-least < 2 {
		return
	}
	parts := slices.Sorted(maps.Keys(s.held))
	for _, part := range parts[:max(len(parts)-fair, 0)] {
		l := s.held[part]
		l.yieldOnce.Do(func() { close(l.yield) })
	}
}

// claim says in the stream that this replica works on a stack, unless another replica was faster.
func (s *leases) claim(ctx context.Context, part string, c *candidate) {
	body, err := json.Marshal(claim{From: s.node.from, Stack: c.stack})
	if err != nil {
		return
	}
	s.mu.Lock()
	last := s.claims[part].seq
	s.mu.Unlock()
	m := message{subject: s.node.names.worker(part), body: body, expects: &last}
	seq, _, err := s.node.publish(ctx, []message{m})
	if err != nil {
		if last != 0 {
			s.checkExpired(ctx, part, m.subject)
		}
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.claims[part].seq <= seq {
		s.claims[part] = claim{From: s.node.from, Stack: c.stack, seq: seq}
		s.grant(part, c, seq)
	}
}

// checkExpired forgets a claim that the stream no longer has, for example because it was given back long ago.
func (s *leases) checkExpired(ctx context.Context, part, subject string) {
	if _, ok, err := s.node.lastOf(ctx, s.node.names.leases(), subject); ok || err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.claims, part)
}

// grant gives a lease to the candidate that waits for it. s.mu must be held.
func (s *leases) grant(part string, c *candidate, seq uint64) {
	if s.wanted[part] != c {
		return // nobody waits any more: the next look gives the lease back
	}
	l := &Lease{leases: s, stack: c.stack, part: part, seq: seq, lost: make(chan struct{}), yield: make(chan struct{})}
	delete(s.wanted, part)
	s.held[part] = l
	c.got <- l
}

// giveBack says in the stream that this replica does not work on a stack any more.
func (s *leases) giveBack(part string, seq uint64) {
	ctx, cancel := context.WithTimeout(s.node.lifetime, attemptTimeout)
	defer cancel()
	_, _, _ = s.node.publish(ctx, []message{{subject: s.node.names.worker(part), ttl: time.Minute, gone: true, expects: &seq}}) // or else the next look does
}
