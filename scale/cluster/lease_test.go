package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// takeoverLimit is how long a stack may be without a worker after a replica has died, and slack what a busy machine may
// add to that.
const (
	takeoverLimit = 15 * time.Second
	slack         = 15 * time.Second
)

// compete has a replica work on stacks for as long as the test goes on: it takes each lease that it can get.
func (c *three) compete(i int, stacks []string) {
	ctx, n := c.t.Context(), c.nodes[i]
	for _, stack := range stacks {
		go func() {
			for {
				l, err := n.Acquire(ctx, stack)
				if err != nil {
					return
				}
				select {
				case <-l.Lost():
				case <-l.Yield():
					l.Release()
				case <-ctx.Done():
					return
				}
			}
		}()
	}
}

// working are how many stacks each replica works on, as far as one of them knows.
func working(n *Node) map[string]int {
	out := map[string]int{}
	for _, replica := range n.Workers() {
		out[replica]++
	}
	return out
}

func stacks(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprint("stack-", i))
	}
	return out
}

func total(loads map[string]int) (n int) {
	for _, load := range loads {
		n += load
	}
	return n
}

func TestStacksAreSpreadAndADeadReplicaIsFollowed(t *testing.T) {
	c := startThree(t)
	all := stacks(9)
	for i := range 3 {
		c.compete(i, all)
	}
	want := map[string]int{"replica-0": 3, "replica-1": 3, "replica-2": 3}
	for i := range 3 {
		until(t, "each works on as many", func() bool { return cmp.Equal(want, working(c.nodes[i])) })
	}

	dead := c.nodes[1]
	died := time.Now()
	c.kill(1)
	until(t, "the others have its stacks", func() bool {
		loads := working(c.nodes[0])
		return loads["replica-1"] == 0 && total(loads) == len(all)
	})
	if took := time.Since(died); took > takeoverLimit+slack {
		t.Errorf("it took %s", took)
	} else {
		t.Logf("the dead one was followed after %s", took)
	}
	until(t, "the dead one has no lease", func() bool { return heldBy(dead) == 0 })

	// It comes back, and the others give something up for it.
	c.start(1)
	c.ready(1)
	c.compete(1, all)
	until(t, "each works on as many as before", func() bool { return cmp.Equal(want, working(c.nodes[0])) })

	// Whoever goes in good order says so, and is not taken for dead.
	c.stop(2)
	until(t, "the others have its stacks", func() bool {
		loads := working(c.nodes[0])
		return loads["replica-2"] == 0 && total(loads) == len(all)
	})
	s := c.nodes[0].leases
	s.mu.Lock()
	defer s.mu.Unlock()
	if m, known := s.members[digest("replica-2")]; known {
		t.Errorf("it was waited for until it was taken for dead: %+v", m)
	}
}

func heldBy(n *Node) int {
	n.leases.mu.Lock()
	defer n.leases.mu.Unlock()
	return len(n.leases.held)
}

// One that is cut off learns that it has lost its leases before the others take them, and that it has none when it is back.
func TestWhoIsCutOffLosesItsLeases(t *testing.T) {
	c := startThree(t)
	const stack = "stack"
	l, err := c.nodes[0].Acquire(t.Context(), stack)
	if err != nil {
		t.Fatal(err)
	}
	type taken struct {
		at    time.Time
		lease *Lease
	}
	got := make(chan taken, 2)
	for _, n := range c.nodes[1:] {
		go func() {
			l, err := n.Acquire(t.Context(), stack)
			if err == nil {
				got <- taken{time.Now(), l}
			}
		}()
	}
	until(t, "all know who has it", func() bool {
		return c.nodes[1].Workers()[stack] == "replica-0" && c.nodes[2].Workers()[stack] == "replica-0"
	})
	c.cut(0)
	cutAt := time.Now()
	limit := time.After(time.Minute)
	var lostAt time.Time
	select {
	case <-l.Lost():
		lostAt = time.Now()
	case <-limit:
		t.Fatal("it does not learn that it has lost its lease")
	}
	var other taken
	select {
	case other = <-got:
	case <-limit:
		t.Fatal("nobody takes the lease of one that is cut off")
	}
	if took := other.at.Sub(cutAt); took > takeoverLimit+slack {
		t.Errorf("it took %s", took)
	}
	if other.at.Before(lostAt) {
		t.Errorf("another one had it at %s, and it believed in it until %s", other.at, lostAt)
	}
	c.mend(0)
	until(t, "it knows who has it", func() bool { return c.nodes[0].Workers()[stack] == other.lease.leases.node.options.Replica })
	select {
	case <-other.lease.Lost():
		t.Error("the one who has it has lost it")
	default:
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.nodes[0].Acquire(ctx, stack); err == nil {
		t.Error("two have the lease")
	}
	other.lease.Release()
	until(t, "the third one has it", func() bool { return len(got) == 1 })
}

// While a leader is elected nothing is heard in the stream, and those who live greet each other.
func TestWhoIsTakenForDead(t *testing.T) {
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for _, c := range []struct {
		name  string
		m     member
		lives bool
	}{
		{"heard in both ways", member{seen: now, heard: now}, true},
		{"in the stream alone", member{seen: ago(silentFor - 1), heard: ago(time.Minute)}, true},
		{"past the stream alone", member{seen: ago(time.Minute), heard: ago(silentFor - 1)}, true},
		{"in neither way", member{seen: ago(silentFor), heard: ago(silentFor)}, false},
		{"never past the stream", member{seen: ago(deadAfter - 1)}, true},
		{"never past the stream, and no more in it", member{seen: ago(deadAfter)}, false},
	} {
		if got := c.m.lives(now); got != c.lives {
			t.Errorf("%s: it lives: %v", c.name, got)
		}
	}
	s := &leases{node: &Node{from: "a/1"}, members: map[string]member{"a": {From: "a/1", heard: now}}}
	for _, c := range []struct {
		name  string
		b     time.Duration
		alone bool
	}{{"one that is heard", aloneFor - 1, false}, {"one that is not heard any more", aloneFor, true}} {
		s.members["b"] = member{From: "b/1", heard: ago(c.b)}
		if got := s.isAlone(now); got != c.alone {
			t.Errorf("beside %s it is alone: %v", c.name, got)
		}
	}
	if s.members["b"] = (member{From: "b/1"}); s.isAlone(now) {
		t.Error("it is alone beside one that it has never heard")
	}
}

func TestAStackGoesToWhoHasTheFewest(t *testing.T) {
	now := time.Now()
	n := &Node{options: Options{Replica: "a"}, from: "a/1"}
	living := []member{{From: "a/1"}, {From: "b/1"}, {From: "c/1"}}
	for _, c := range []struct {
		name   string
		claims map[string]claim
		free   time.Duration
		// mine is how many of six stacks are to be this replica's, and at most one more.
		mine int
	}{
		{"all alike", nil, 0, 2},
		{"it has some already", map[string]claim{"x": {From: "a/1"}, "y": {From: "a/1"}, "z": {From: "b/1"}}, 0, 1},
		{"of those who live no more, nothing counts", map[string]claim{"1": {From: "d/1"}, "2": {From: "d/1"}, "3": {From: "d/1"}, "4": {From: "d/1"}, "5": {From: "d/1"}, "6": {From: "d/1"}}, 0, 2},
		{"those that somebody works on are not free", map[string]claim{"1": {From: "b/1"}, "2": {From: "b/1"}, "3": {From: "c/1"}}, 0, 2},
		{"nobody has taken them for long", nil, patience + 1, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &leases{node: n, claims: c.claims, wanted: map[string]*candidate{}, held: map[string]*Lease{"x": {}, "y": {}}}
			for _, part := range []string{"1", "2", "3", "4", "5", "6"} {
				s.wanted[part] = &candidate{stack: part}
				if c.free > 0 {
					s.wanted[part].free = now.Add(-c.free)
				}
			}
			mine, _ := s.share(living, now)
			if len(mine) != c.mine {
				t.Errorf("%d are this replica's: %v", len(mine), slices.Sorted(maps.Keys(mine)))
			}
			for part := range mine {
				if other := c.claims[part].From; other == "b/1" || other == "c/1" {
					t.Errorf("it takes %s, which is another one's", part)
				}
			}
		})
	}
}
