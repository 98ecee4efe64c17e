package cluster

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// addition is a call of Add.
type addition struct {
	journal    *Journal
	operations []queue.Operation
	messages   []message
	// lasts has, by chain, the sequence of the chain's last message, if the stream has told it.
	lasts map[string]uint64
	// noted are the operations that this replica has receipts of.
	noted map[string]bool
	// doubtful says that an attempt was never answered.
	doubtful bool
}

// run adds the operations. kept has an element for each operation: the id of the operation that already has its pool
// and key, or an empty text if the operation was added.
func (a *addition) run(ctx context.Context) (kept []string, err error) {
	n := a.journal.node
	for {
		var fresh []int
		kept, fresh = a.plan()
		if len(fresh) > mostAtOnce {
			return nil, errTooMany
		}
		if err := a.note(fresh); err != nil {
			return nil, err
		}
		if len(fresh) == 0 {
			return kept, nil
		}
		messages := make([]message, len(fresh))
		for i, at := range fresh {
			messages[i] = a.messages[at]
		}
		first, doubtful, err := n.publishAgain(ctx, messages)
		if err == nil {
			a.added(fresh, first)
			return kept, nil
		}
		a.doubtful = a.doubtful || doubtful
		if errors.Is(err, errLate) {
			err = a.learn(ctx, fresh)
		}
		if err != nil {
			a.giveUp(fresh)
			return nil, err
		}
	}
}

// plan finds out which operations are to be added, and sets in their messages the condition under which the stream
// takes them. fresh are the indexes of these operations; kept is what run returns.
func (a *addition) plan() (kept []string, fresh []int) {
	v := a.journal.node.view
	v.mu.RLock()
	defer v.mu.RUnlock()
	kept = make([]string, len(a.operations))
	planned := map[string]string{} // the id of the last new operation of each chain
	for i, op := range a.operations {
		m := &a.messages[i]
		m.expects, m.filter = nil, ""
		chain := chainOf(op.Intent.Pool, op.Intent.Key)
		if v.lookUp(a.journal.stack, op.ID) != nil {
			continue // an earlier attempt has added it
		}
		if chain == noKey {
			m.expects = new(uint64)
			fresh = append(fresh, i)
			continue
		}
		tip, last := v.tip(a.journal.stack, chain)
		known := planned[chain]
		if known == "" && tip != nil {
			known = tip.id
		}
		if known != "" && known != op.Previous {
			kept[i] = known
			continue
		}
		if planned[chain] == "" { // the condition of a chain's first message covers the later ones
			if told, ok := a.lasts[chain]; ok {
				last = told
			}
			m.expects, m.filter = &last, a.journal.node.names.op(a.journal.stack, chain, "*")
		}
		planned[chain] = op.ID
		fresh = append(fresh, i)
	}
	return kept, fresh
}

// learn waits until this replica knows what has been added under the same keys since the plan was made.
func (a *addition) learn(ctx context.Context, fresh []int) error {
	n := a.journal.node
	for _, i := range fresh {
		m := a.messages[i]
		if m.expects == nil {
			continue
		}
		last, err := n.operations.catchUp(ctx, cmp.Or(m.filter, m.subject))
		if err != nil {
			return err
		}
		if m.filter != "" {
			op := a.operations[i]
			a.lasts[chainOf(op.Intent.Pool, op.Intent.Key)] = last
		}
	}
	if !pause(ctx, time.Millisecond) { // what is on its way counts in the stream before it can be read
		return ctx.Err()
	}
	return nil
}

// note brings receipts of the operations to this replica's disk before they are added, so that no operation is in the
// log without a receipt.
func (a *addition) note(fresh []int) error {
	var lines []receipt
	wanted := map[string]bool{}
	for _, i := range fresh {
		id := a.operations[i].ID
		wanted[id] = true
		if a.operations[i].State != queue.Done && !a.noted[id] {
			lines = append(lines, receipt{Stack: a.journal.name, ID: id, Operation: a.messages[i].body})
		}
	}
	for id := range a.noted {
		if a.journal.node.view.isUnknown(a.journal.stack, id) && !wanted[id] {
			a.journal.node.receipts.end(id)
		}
	}
	if err := a.journal.node.receipts.add(lines); err != nil {
		return err
	}
	if a.noted == nil {
		a.noted = map[string]bool{}
	}
	for _, line := range lines {
		a.noted[line.ID] = true
	}
	return nil
}

// added notes that operations are in the log, the first of them with the sequence first.
func (a *addition) added(fresh []int, first uint64) {
	for at, i := range fresh {
		a.journal.node.takeOwn(a.messages[i], first+uint64(at))
	}
}

// giveUp ends the receipts of operations that could not be added. If they may be in the log all the same, it notes that
// doubt instead.
func (a *addition) giveUp(fresh []int) {
	for _, i := range fresh {
		if a.doubtful {
			a.journal.node.doubt(a.journal.name, a.operations[i].ID, a.messages[i])
		} else {
			a.journal.node.receipts.end(a.operations[i].ID)
		}
	}
}

// takeOwn brings into the view a message that this replica has published, before the stream brings it.
func (n *Node) takeOwn(m message, seq uint64) {
	kind, rest := n.names.parts(m.subject)
	r := received{subject: m.subject, body: m.body, seq: seq, at: time.Now(), from: n.from, gone: m.gone}
	switch kind {
	case "op":
		n.takeOperation(rest, r)
	case "heard":
		n.view.takeHeard(rest[0], rest[1], r)
	case "hold":
		n.view.takeHolds(rest[0], r)
	}
}
