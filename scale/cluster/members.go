package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
)

// Which replicas live: each says so in the stream of leases, and to whoever hears it outside of all streams.

// member is a replica that says that it lives. Fields are added, never renamed.
type member struct {
	From    string `json:"from"`
	Replica string `json:"replica"`
	// seen is when the member was last heard in the stream, first when it was first heard there, and heard when it was
	// last heard outside of the stream, all on this replica's clock.
	seen, first, heard time.Time
	seq                uint64
}

// lives says whether a replica lives, as far as this one knows.
func (m member) lives(now time.Time) bool {
	if m.heard.IsZero() {
		return now.Sub(m.seen) < deadAfter
	}
	return now.Sub(m.seen) < silentFor || now.Sub(m.heard) < silentFor
}

// renew says in the stream that this replica lives.
func (s *leases) renew(ctx context.Context) {
	s.renewing.Lock()
	defer s.renewing.Unlock()
	if s.gone {
		return
	}
	sent := time.Now()
	body, err := json.Marshal(member{From: s.node.from, Replica: s.node.options.Replica})
	if err != nil {
		return
	}
	if _, _, err := s.node.publish(ctx, []message{{subject: s.node.names.replica(s.node.options.Replica), body: body, ttl: deadAfter}}); err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acknowledged = sent
	if s.began.IsZero() {
		s.began = sent
	}
}

// greet says outside of the stream, to whoever hears it, that this replica lives. That needs no leader.
func (s *leases) greet(context.Context) {
	body, err := json.Marshal(member{From: s.node.from, Replica: s.node.options.Replica})
	if err != nil {
		return
	}
	_ = s.node.conn.Publish(s.node.names.alive(), body)
}

// hear notes that a replica lives, as it says outside of the stream. Only replicas that the stream has told of count.
func (s *leases) hear(greeting *nats.Msg) {
	var m member
	if json.Unmarshal(greeting.Data, &m) != nil {
		return
	}
	part := digest(m.Replica)
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.members[part]; ok && known.From == m.From {
		known.heard = time.Now()
		s.members[part] = known
	}
}

func (s *leases) takeMember(part string, r received) {
	old := s.members[part]
	m := member{seen: time.Now(), first: time.Now(), seq: r.seq}
	if r.gone || json.Unmarshal(r.body, &m) != nil {
		delete(s.members, part)
		s.wakeUp()
		return
	}
	if old.From == m.From {
		m.first, m.heard = old.first, old.heard
	} else {
		s.wakeUp()
	}
	s.members[part] = m
}

// living returns the replicas that live, sorted by name. s.mu must be held.
func (s *leases) living(now time.Time) []member {
	var out []member
	for part, m := range s.members {
		if m.lives(now) {
			out = append(out, m)
		} else if now.Sub(m.seen) > time.Hour {
			delete(s.members, part)
		}
	}
	slices.SortFunc(out, func(a, b member) int { return cmp.Compare(a.Replica, b.Replica) })
	return out
}

// isAlone says whether this replica has heard others outside of the stream, and hears none of them any more. s.mu must
// be held.
func (s *leases) isAlone(now time.Time) bool {
	alone := false
	for _, m := range s.members {
		if m.From == s.node.from || m.heard.IsZero() {
			continue
		}
		if now.Sub(m.heard) < aloneFor {
			return false
		}
		alone = true
	}
	return alone
}

// releaseAll says in the stream that this replica is gone, and with it all its leases.
func (s *leases) releaseAll() {
	s.renewing.Lock()
	defer s.renewing.Unlock()
	s.gone = true
	s.loseAll()
	ctx, cancel := context.WithTimeout(context.Background(), attemptTimeout)
	defer cancel()
	_, _, _ = s.node.publish(ctx, []message{{subject: s.node.names.replica(s.node.options.Replica), ttl: time.Minute, gone: true}}) // or else the others wait longer
}
