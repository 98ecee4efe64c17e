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
	// auditEvery is how often this replica's receipts are held against the log, and auditAtOnce how many operations of them.
	auditEvery  = 2 * time.Second
	auditAtOnce = 200
	// missedFor is how many looks in a row have to miss an operation for it to be lost.
	missedFor = 3
	// doubtFor is how long it is looked, while the cluster answers, for what may still come into the log.
	doubtFor = time.Minute
	// goneFor is how long a message stays that says that another one is to be forgotten: long enough for every replica to
	// have seen it.
	goneFor = 10 * time.Minute
)

// audit holds this replica's receipts against the log, again and again: what the log has lost is added again, and what
// it has though nobody was told so is taken out.
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

// message is that which an operation with a receipt had in the log.
func (l receipt) message(of names) (message, error) {
	var op queue.Operation
	if err := json.Unmarshal(l.Operation, &op); err != nil {
		return message{}, err
	}
	return message{subject: of.op(digest(l.Stack), chainOf(op.Intent.Pool, op.Intent.Key), l.ID), body: l.Operation}, nil
}

// auditOne looks whether the log has an operation with a receipt, and adds it again if it has not for some time: a leader
// that does not know yet that it is none any more may tell of old times. It says whether the cluster answers.
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

// hasReceipt says whether an operation's end is still not known.
func (n *Node) hasReceipt(id string) bool {
	n.receipts.mu.Lock()
	defer n.receipts.mu.Unlock()
	_, ok := n.receipts.lines[id]
	return ok
}

// addAgain adds an operation that the log has lost, unless another one has its key by now. It says whether the cluster
// answers.
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
	// What is so old has ended, as its message has, while this replica was away.
	if time.Since(op.AcceptedAt) > queue.KeepDone || n.view.hasOther(stack, chain, op) {
		n.receipts.end(op.ID)
		return true
	}
	m.expects = &last
	seq, _, err := n.publish(ctx, []message{m})
	if err != nil {
		return errors.Is(err, errLate) // then it is looked again
	}
	n.view.forget(stack, op.ID)
	n.takeOwn(m, seq)
	n.log.Warn("the cluster had lost an accepted operation, which was added again", "operation", op.ID, "stack", l.Stack, "pool", op.Intent.Pool)
	return true
}

// doubt notes that nobody knows whether an operation is in the log, and that nobody was told so.
func (n *Node) doubt(stack, id string, m message) {
	n.mu.Lock()
	n.doubts[id] = doubt{stack: stack, message: m, since: time.Now()}
	n.mu.Unlock()
	// On the disk it need not be: who dies now has not said that nothing was accepted.
	go func() { _ = n.receipts.add([]receipt{{Stack: stack, ID: id, Operation: m.body, Doubt: true}}) }()
}

func (n *Node) isDoubtful(id string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, ok := n.doubts[id]
	return ok
}

// settleDoubts takes out of the log what is there though nobody was told so.
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
