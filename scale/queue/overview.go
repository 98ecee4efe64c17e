package queue

import (
	"cmp"
	"context"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaler"
)

// Overview is what is known of a stack at one moment.
type Overview struct {
	// Pools tell how every pool stands, by name; nil before the stack has been read.
	Pools []scale.Standing
	// Program says how the program here compares with what was deployed, and Remarks say in sentences what differs.
	scale.Program
	Remarks []string
	// Scalings are the newest scalings, newest first, whoever made them. They are those that were read with the stack,
	// and not the whole history.
	Scalings []scale.Scaling
	// ReadAt is when the stack was read as the queue knows it; zero before that.
	ReadAt time.Time
	// Unready says why nothing can be accepted: see [Queue.Ready]. RulesErr is that of [Queue.RulesErr].
	Unready, RulesErr error
	// Unread says that the stack has not been read yet, and that no try to do so has failed.
	Unread bool
	// Open are the operations that are not done, oldest first.
	Open []Operation
	// RetryAt is when they are tried again after the stack could not be changed; zero, or past, if they do not wait for
	// that.
	RetryAt time.Time
	// Holds are those in force.
	Holds scale.Holds
	// Upcoming is what is about to be done without anybody asking for it now.
	Upcoming []Upcoming
}

// Overview tells what the queue knows. It asks nobody and does not wait: if the stack cannot be read, it tells how the
// stack was.
func (q *Queue) Overview() Overview {
	q.mu.Lock()
	snap, proof := q.known.snap, q.proofs.proof
	out := Overview{ReadAt: q.known.began, Unready: q.unreadyReason(), RulesErr: q.known.rulesErr, Open: q.ledger.operations(), RetryAt: q.worker.retryAt, Upcoming: q.listUpcoming(),
		Unread: q.known.isUnread()}
	q.mu.Unlock()
	if snap == nil {
		return out
	}
	if held, err := q.scaler.AsOfNow(snap); err != nil {
		out.Unready = cmp.Or(out.Unready, unavailable(err))
	} else {
		snap, out.Holds = held, held.Holds.InForce(q.now())
	}
	out.Program, out.Remarks = snap.Program, snap.Remarks(q.scaler.Stack.ConfigFile())
	out.Pools = snap.Standings(q.now(), proof)
	out.Scalings = scale.ScalingsOf(snap.Updates, snap.Rules.Names())
	return out
}

// ReadOverview tells how the stack stands, by one reading. It changes nothing, takes no lock and tries nothing again:
// it tells of drift and leaves it as it is. It cannot know what is being done now, and no operation is open in it. The
// error is that of the reading.
func ReadOverview(ctx context.Context, s *scaler.Scaler) (Overview, error) {
	began := s.Now()
	snap, err := s.Stack.Read(ctx)
	if err != nil {
		return Overview{}, err
	}
	proof, err := s.Stack.Proof(snap)
	if err != nil {
		return Overview{}, err
	}
	if snap, err = s.AsOfNow(snap); err != nil {
		return Overview{}, err
	}
	return Overview{
		Program: snap.Program, Remarks: snap.Remarks(s.Stack.ConfigFile()), Holds: snap.Holds.InForce(s.Now()),
		Pools: snap.Standings(s.Now(), proof), Scalings: scale.ScalingsOf(snap.Updates, snap.Rules.Names()), ReadAt: began, RulesErr: snap.RulesErr,
	}, nil
}
