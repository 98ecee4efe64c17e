package cluster

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// Team is the replicas as the queue of one stack sees them.
type Team struct{ journal *Journal }

var _ queue.Team = (*Team)(nil)

// Team returns the team of the journal's stack.
func (j *Journal) Team() *Team { return &Team{j} }

// Acquire waits until this replica is to work on the stack.
func (t *Team) Acquire(ctx context.Context) (queue.Lease, error) {
	l, err := t.journal.node.Acquire(ctx, t.journal.name)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Follow calls [Journal.Follow].
func (t *Team) Follow(each func(queue.Operation)) (stop func()) { return t.journal.Follow(each) }

// Worker returns the name of the replica that works on the stack, as far as this one knows; empty if none does.
func (t *Team) Worker() string { return t.journal.node.Workers()[t.journal.name] }

// Replace calls [Journal.Replace].
func (t *Team) Replace(operations []queue.Operation, begun []string) error {
	return t.journal.Replace(operations, begun)
}

// Replace replaces operations that nobody else has begun or ended meanwhile; begun has, for each operation, the
// [queue.Operation.Update] that the log is thought to have. It knows of everything that other replicas have written
// before, even if this replica has been stopped or cut off meanwhile. See [queue.Team].
func (j *Journal) Replace(operations []queue.Operation, begun []string) error {
	if err := j.unready(); err != nil {
		return err
	}
	messages := make([]message, len(operations))
	for i, op := range operations {
		var err error
		if messages[i], err = j.stored(op); err != nil {
			return &queue.JournalError{Err: err}
		}
	}
	ctx, cancel := context.WithTimeout(j.node.lifetime, writeTimeout)
	defer cancel()
	for {
		err := j.replace(ctx, operations, begun, messages)
		if err == nil || scale.IsA[*queue.TakenError](err) {
			return err
		}
		if !errors.Is(err, errLate) {
			return j.node.journalError(err)
		}
	}
}

// replace replaces operations if the log has them as begun says. If somebody writes meanwhile, the error is errLate.
func (j *Journal) replace(ctx context.Context, operations []queue.Operation, begun []string, messages []message) error {
	if _, err := j.node.operations.catchUp(ctx, j.node.names.all(j.stack)); err != nil {
		return err
	}
	var wanted []message
	taken := &queue.TakenError{}
	for i, op := range operations {
		m := messages[i]
		switch known, ok := j.node.view.find(j.stack, op.ID); {
		case !ok: // the log has lost it, or it has expired
		case known.isAs(op, m):
			continue
		case known.done || known.update != begun[i]:
			taken.IDs = append(taken.IDs, op.ID)
			continue
		default:
			m.expects = &known.seq
		}
		wanted = append(wanted, m)
	}
	if len(taken.IDs) > 0 {
		return taken
	}
	if len(wanted) == 0 && len(operations) > 0 {
		// A leader that is cut off answers with an old state until it notices. Such a leader cannot write, so a write
		// shows that the answer did not come from one.
		_, _, err := j.node.publishAgain(ctx, []message{j.node.probeMessage()})
		return err
	}
	for part := range slices.Chunk(wanted, updateLimit) {
		first, _, err := j.node.publishAgain(ctx, part)
		if err != nil {
			return err
		}
		for i, m := range part {
			j.node.takeOwn(m, first+uint64(i))
		}
	}
	return nil
}

// isAs says whether the log has an operation just as a message would make it.
func (e *entry) isAs(op queue.Operation, m message) bool {
	if e.done {
		return op.State == queue.Done && e.update == op.Update && e.ended == op.EndedAt.UnixNano()
	}
	return bytes.Equal(e.body, m.body)
}

// Serve answers what other replicas ask of the one that works on the stack.
func (t *Team) Serve(answer func(question []byte) []byte) (stop func(), err error) {
	subscription, err := t.journal.node.conn.Subscribe(t.journal.node.names.asked(t.journal.stack), func(m *nats.Msg) {
		go func() { _ = m.Respond(answer(m.Data)) }() // if the answer is lost, whoever asked asks again
	})
	if err != nil {
		return nil, t.journal.node.journalError(err)
	}
	return sync.OnceFunc(func() { _ = subscription.Unsubscribe() }), nil
}

// Ask asks the replica that works on the stack. While there is none, it waits for one until ctx ends.
func (t *Team) Ask(ctx context.Context, question []byte) ([]byte, error) {
	n := t.journal.node
	for {
		reply, err := n.conn.RequestWithContext(ctx, n.names.asked(t.journal.stack), question)
		if err == nil {
			return reply.Data, nil
		}
		if !errors.Is(err, nats.ErrNoResponders) || !pause(ctx, askAgain) {
			return nil, &scale.UnavailableError{Problem: "the replica that works on the stack does not answer", Detail: n.explain(err).Error()}
		}
	}
}

// askAgain is the wait before a question is asked again if no replica is there to answer it: one may be about to take
// over.
const askAgain = 250 * time.Millisecond

// Tell tells all replicas, this one too, something about the stack. It promises nothing: a replica that is not there
// does not hear it.
func (t *Team) Tell(text []byte) error {
	n := t.journal.node
	if err := n.conn.Publish(n.names.told(t.journal.stack), text); err != nil {
		return n.journalError(err)
	}
	return nil
}

// Listen calls each with what [Team.Tell] tells, until stop is called.
func (t *Team) Listen(each func(text []byte)) (stop func(), err error) {
	n := t.journal.node
	subscription, err := n.conn.Subscribe(n.names.told(t.journal.stack), func(m *nats.Msg) { each(m.Data) })
	if err != nil {
		return nil, n.journalError(err)
	}
	return sync.OnceFunc(func() { _ = subscription.Unsubscribe() }), nil
}
