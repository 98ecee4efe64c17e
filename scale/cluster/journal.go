package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// keepMessage is how long the stream keeps an operation that is done, if nobody prunes it: somewhat longer than
// [queue.KeepDone].
const keepMessage = queue.KeepDone + time.Hour

// Journal is the journal of one stack. Any number of journals of a stack may be in use, on any replicas. If one of them
// adds an operation, the others see it a moment later, and in any case after Open.
type Journal struct {
	node *Node
	// name is the stack's name, and stack is the part of subjects that stands for it.
	name, stack string
	samples     *samples
	closed      atomic.Bool
}

var _ queue.Journal = (*Journal)(nil)

// Journal returns the journal of a stack, which costs nothing until it is used.
func (n *Node) Journal(stack string) *Journal {
	j := &Journal{node: n, name: stack, stack: digest(stack)}
	j.samples = &samples{journal: j}
	return j
}

// unready says why the journal cannot be used; nil if it can.
func (j *Journal) unready() error {
	if j.closed.Load() {
		return &queue.JournalError{Err: errClosed}
	}
	return j.node.unreadyError()
}

// stored returns the message in which an operation is kept.
func (j *Journal) stored(op queue.Operation) (message, error) {
	if !isToken(op.ID) {
		return message{}, fmt.Errorf("the id %q of an operation cannot be kept", op.ID)
	}
	body, err := op.MarshalJSON()
	if err != nil {
		return message{}, fmt.Errorf("encode operation %s: %w", op.ID, err)
	}
	m := message{subject: j.node.names.op(j.stack, chainOf(op.Intent.Pool, op.Intent.Key), op.ID), body: body}
	if op.State == queue.Done {
		m.ttl = keepMessage
	}
	return m, nil
}

// Add adds the operations whose pool and key are new, and the operations that try again the one that already has their
// pool and key. What Add has added is on the disks of most replicas, and on this replica's disk.
//
// If the cluster does not answer in time, it is not known whether the operations are in the log. Then Add returns the
// error, the operations are not seen on this replica, and they are taken out of the log as soon as that can be done.
// Until then another replica may see them; an operation that the other replica has begun by then stays.
func (j *Journal) Add(operations []queue.Operation) ([]queue.Operation, error) {
	if err := j.unready(); err != nil {
		return nil, err
	}
	a := addition{journal: j, operations: operations, messages: make([]message, len(operations)), lasts: map[string]uint64{}}
	for i, op := range operations {
		var err error
		if a.messages[i], err = j.stored(op); err != nil {
			return nil, &queue.JournalError{Err: err}
		}
	}
	ctx, cancel := context.WithTimeout(j.node.lifetime, writeTimeout)
	defer cancel()
	kept, err := a.run(ctx)
	if err != nil {
		return nil, j.node.journalError(err)
	}
	stored := slices.Clone(operations)
	for i, id := range kept {
		if id == "" {
			continue
		}
		if other := slices.IndexFunc(operations, func(op queue.Operation) bool { return op.ID == id }); other >= 0 {
			stored[i] = operations[other]
		} else if stored[i], err = j.get(ctx, id); err != nil {
			return nil, j.node.journalError(err)
		}
	}
	return stored, nil
}

// updateLimit is how many operations one batch replaces. What others write meanwhile waits for no more than that many.
const updateLimit = 64

// Update replaces operations, or adds them.
func (j *Journal) Update(operations []queue.Operation) error {
	if err := j.unready(); err != nil {
		return err
	}
	for part := range slices.Chunk(operations, updateLimit) {
		messages := make([]message, len(part))
		for i, op := range part {
			var err error
			if messages[i], err = j.stored(op); err != nil {
				return &queue.JournalError{Err: err}
			}
		}
		if err := j.write(messages); err != nil {
			return err
		}
	}
	return nil
}

// write publishes messages without any condition on what the log has.
func (j *Journal) write(messages []message) error {
	ctx, cancel := context.WithTimeout(j.node.lifetime, writeTimeout)
	defer cancel()
	first, _, err := j.node.publishAgain(ctx, messages)
	if err != nil {
		return j.node.journalError(err)
	}
	for i, m := range messages {
		j.node.takeOwn(m, first+uint64(i))
	}
	return nil
}

// Open lists the operations that are not done, oldest first: all that were added before, on any replica.
func (j *Journal) Open() ([]queue.Operation, error) {
	if err := j.unready(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(j.node.lifetime, writeTimeout)
	defer cancel()
	if _, err := j.node.operations.catchUp(ctx, j.node.names.all(j.stack)); err != nil {
		return nil, j.node.journalError(err)
	}
	entries := j.node.view.list(j.stack, func(e *entry) bool { return !e.done })
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.id, b.id) })
	out := make([]queue.Operation, len(entries))
	for i, e := range entries {
		if err := json.Unmarshal(e.body, &out[i]); err != nil {
			return nil, &queue.JournalError{Err: fmt.Errorf("read operation %q: %w", e.id, err)}
		}
	}
	return out, nil
}

// Get finds an operation.
func (j *Journal) Get(id string) (queue.Operation, error) {
	if err := j.unready(); err != nil {
		return queue.Operation{}, err
	}
	ctx, cancel := context.WithTimeout(j.node.lifetime, writeTimeout)
	defer cancel()
	op, err := j.get(ctx, id)
	if err != nil {
		return queue.Operation{}, j.node.journalError(err)
	}
	return op, nil
}

func (j *Journal) get(ctx context.Context, id string) (op queue.Operation, err error) {
	for {
		e, ok := j.node.view.find(j.stack, id)
		if !ok {
			return op, &queue.UnknownOperationError{ID: id}
		}
		body := e.body
		if body == nil {
			found, ok, err := j.node.bySeq(ctx, j.node.names.operations(), e.seq)
			if err != nil {
				return op, err
			}
			if !ok { // it has been replaced, or has expired
				if now, still := j.node.view.find(j.stack, id); still && now.seq == e.seq {
					return op, &queue.UnknownOperationError{ID: id}
				}
				continue
			}
			body = found.body
		}
		if err := json.Unmarshal(body, &op); err != nil {
			return op, fmt.Errorf("read operation %q: %w", id, err)
		}
		return op, nil
	}
}

// atOnce is how many messages are asked for at the same time.
const atOnce = 32

// getAll gets operations, several at a time. Operations that are not there any more are left out.
func (j *Journal) getAll(ctx context.Context, ids []string) ([]queue.Operation, error) {
	found := make([]*queue.Operation, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, id := range ids {
		group.Go(func() error {
			op, err := j.get(ctx, id)
			if scale.IsA[*queue.UnknownOperationError](err) {
				return nil
			}
			found[i] = &op
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var out []queue.Operation
	for _, op := range found {
		if op != nil {
			out = append(out, *op)
		}
	}
	return out, nil
}

// Find finds the operation with a pool and a key.
func (j *Journal) Find(pool, key string) (queue.Operation, bool, error) {
	if err := j.unready(); err != nil || key == "" {
		return queue.Operation{}, false, err
	}
	j.node.view.mu.RLock()
	tip, _ := j.node.view.tip(j.stack, chainOf(pool, key))
	j.node.view.mu.RUnlock()
	if tip == nil {
		return queue.Operation{}, false, nil
	}
	op, err := j.Get(tip.id)
	if _, gone := errors.AsType[*queue.UnknownOperationError](err); gone {
		return queue.Operation{}, false, nil
	}
	return op, err == nil, err
}

// Recent lists done operations, beginning with the one that ended last.
func (j *Journal) Recent(pool string, limit int) ([]queue.Operation, error) {
	if err := j.unready(); err != nil {
		return nil, err
	}
	entries := j.node.view.list(j.stack, func(e *entry) bool { return e.done && (pool == "" || e.pool == pool) })
	sortEndedLast(entries)
	ctx, cancel := context.WithTimeout(j.node.lifetime, writeTimeout)
	defer cancel()
	wanted := make([]string, 0, min(limit, len(entries)))
	for _, e := range entries[:cap(wanted)] {
		wanted = append(wanted, e.id)
	}
	out, err := j.getAll(ctx, wanted)
	if err != nil {
		return nil, j.node.journalError(err)
	}
	return out, nil
}

// sortEndedLast sorts operations by their end, the last to end first.
func sortEndedLast(entries []entry) {
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(b.ended, a.ended), cmp.Compare(b.id, a.id))
	})
}

// Probe finds out whether the log and this replica's receipts can be written. If they could be written a moment ago,
// for any stack, it does not try again.
func (j *Journal) Probe() error {
	if err := j.unready(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(j.node.lifetime, writeTimeout)
	defer cancel()
	if err := j.node.probe(ctx); err != nil {
		return j.node.journalError(err)
	}
	return nil
}

// Close writes the values of metrics that are still in memory into the log. The node stays open.
func (j *Journal) Close() error {
	j.closed.Store(true)
	j.samples.close()
	return nil
}
