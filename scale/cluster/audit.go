package cluster

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/queue"
)

const (
	// auditEvery is how often this replica's receipts are compared with the log, and auditAtOnce is how many of them at
	// a time.
	auditEvery  = 2 * time.Second
	auditAtOnce = 200
	// missedFor is how many looks in a row have to miss an operation before it counts as lost.
	missedFor = 3
	// doubtFor is the age from which a doubt ends if the cluster answers that the log does not have the operation.
	doubtFor = time.Minute
	// goneFor is how long the stream keeps a message that says that an earlier message is to be forgotten: long enough
	// for every replica to see it.
	goneFor = 10 * time.Minute
)

// audit compares this replica's receipts with the log, again and again. Operations that the log has lost are added
// again. If the log has operations of which nobody was told that they are accepted, they are taken out.
func (n *Node) audit(ctx context.Context) {
	next, missing := 0, map[string]int{}
	for pause(ctx, auditEvery) {
		if !n.operations.isFresh() {
			continue
		}
		n.settleDoubts(ctx)
		lines := n.receipts.pending()
		for i := range min(auditAtOnce, len(lines)) {
			if !n.auditOne(ctx, lines[(next+i)%len(lines)], missing) {
				break // the cluster does not answer
			}
		}
		next += auditAtOnce
	}
}

// message returns the message that the receipt's operation has in the log.
func (l receipt) message(of names) (message, error) {
	var op queue.Operation
	if err := json.Unmarshal(l.Operation, &op); err != nil {
		return message{}, err
	}
	return message{subject: of.op(digest(l.Stack), chainOf(op.Intent.Pool, op.Intent.Key), l.ID), body: l.Operation}, nil
}

// auditOne looks whether the log has the operation of a receipt, and adds it again if missedFor looks in a row have
// missed it. One look is not enough: a leader that has been replaced may not know it yet, and answer with an old state.
// auditOne says whether the cluster answers.
func (n *Node) auditOne(ctx context.Context, l receipt, missing map[string]int) bool {
	asking, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	m, err := l.message(n.names)
	if err != nil {
		n.receipts.end(l.ID) // nobody can read it
		return true
	}
	_, found, err := n.lastOf(asking, n.operations.stream, m.subject)
	if err != nil {
		return false
	}
	if found || !n.hasReceipt(l.ID) {
		delete(missing, l.ID)
		return true
	}
	if missing[l.ID]++; missing[l.ID] < missedFor {
		return true
	}
	delete(missing, l.ID)
	return n.addAgain(asking, l)
}

// hasReceipt says whether an operation still has a receipt: its end is not known.
func (n *Node) hasReceipt(id string) bool {
	n.receipts.mu.Lock()
	defer n.receipts.mu.Unlock()
	_, ok := n.receipts.lines[id]
	return ok
}

// addAgain adds an operation that the log has lost, unless a different operation has its key by now. It says whether
// the cluster answers.
func (n *Node) addAgain(ctx context.Context, l receipt) bool {
	var op queue.Operation
	m, err := l.message(n.names)
	if err == nil {
		err = json.Unmarshal(l.Operation, &op)
	}
	if err != nil {
		return true
	}
	stack, chain := digest(l.Stack), chainOf(op.Intent.Pool, op.Intent.Key)
	m.again = true
	if chain != noKey {
		m.filter = n.names.op(stack, chain, "*")
	}
	last, err := n.operations.catchUp(ctx, cmp.Or(m.filter, m.subject))
	if err != nil {
		return false
	}
	// An operation so old has ended while this replica was away, and its message has expired.
	if time.Since(op.AcceptedAt) > queue.KeepDone || n.view.hasOther(stack, chain, op) {
		n.receipts.end(op.ID)
		return true
	}
	m.expects = &last
	seq, _, err := n.publish(ctx, []message{m})
	if err != nil {
		return errors.Is(err, errLate) // then the next look tries again
	}
	n.view.forget(stack, op.ID)
	n.takeOwn(m, seq)
	n.log.Warn("the cluster had lost an accepted operation, which was added again", "operation", op.ID, "stack", l.Stack, "pool", op.Intent.Pool)
	return true
}

// doubt notes that an operation may be in the log although nobody was told that it is accepted.
func (n *Node) doubt(stack, id string, m message) {
	n.mu.Lock()
	n.doubts[id] = doubt{stack: stack, message: m, since: time.Now()}
	n.mu.Unlock()
	// Nobody waits for the disk: if this process dies now, it has not told anybody that nothing was accepted.
	go func() { _ = n.receipts.add([]receipt{{Stack: stack, ID: id, Operation: m.body, Doubt: true}}) }()
}

func (n *Node) isDoubtful(id string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, ok := n.doubts[id]
	return ok
}

// settleDoubts takes out of the log the operations of which nobody was told that they are accepted.
func (n *Node) settleDoubts(ctx context.Context) {
	n.mu.Lock()
	doubts := maps.Clone(n.doubts)
	n.mu.Unlock()
	for id, d := range doubts {
		asking, cancel := context.WithTimeout(ctx, writeTimeout)
		settled := n.settleDoubt(asking, d)
		cancel()
		if settled {
			n.mu.Lock()
			delete(n.doubts, id)
			n.mu.Unlock()
			n.receipts.end(id)
		}
	}
}

func (n *Node) settleDoubt(ctx context.Context, d doubt) (settled bool) {
	found, ok, err := n.lastOf(ctx, n.operations.stream, d.message.subject)
	switch {
	case err != nil:
		return false
	case !ok:
		return time.Since(d.since) > doubtFor
	case found.gone, !bytes.Equal(found.body, d.message.body): // it has been begun
		return true
	}
	var op queue.Operation
	if err := json.Unmarshal(found.body, &op); err != nil {
		return true
	}
	op.State, op.Result, op.EndedAt = queue.Done, queue.FinalCancelled, time.Now()
	op.Error = "it was not accepted: the cluster did not answer in time"
	body, err := op.MarshalJSON()
	if err != nil {
		return false
	}
	gone := message{subject: found.subject, body: body, ttl: goneFor, gone: true, expects: &found.seq}
	seq, _, err := n.publish(ctx, []message{gone})
	if err == nil {
		n.takeOwn(gone, seq)
	}
	return err == nil
}
