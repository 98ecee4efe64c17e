package cluster

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/scale/queue/journaltest"
)

// Each replica adds batches that share a key with those of the others, at the same moment. One of them wins each key, all are
// told of the same one, and of each batch there is all that was new.
func TestOfTheSameKeyOnThreeReplicasOneIsAdded(t *testing.T) {
	c := startThree(t)
	const rounds, senders = 20, 6
	var told [rounds][senders]string
	var wait sync.WaitGroup
	for s := range senders {
		j := c.nodes[s%3].Journal("stack")
		wait.Go(func() {
			for round := range rounds {
				n := 2 * (round*senders + s)
				ops := []queue.Operation{
					journaltest.Accepted(n+1, "worker", fmt.Sprint("shared ", round)),
					journaltest.Accepted(n+2, "worker", fmt.Sprint("own ", n)),
				}
				stored, err := j.Add(ops)
				if err != nil {
					t.Error(err)
					return
				}
				told[round][s] = stored[0].ID
				if stored[1].ID != ops[1].ID {
					t.Errorf("its own operation is %s and not %s", stored[1].ID, ops[1].ID)
				}
			}
		})
	}
	wait.Wait()
	for round, ids := range told {
		for _, id := range ids {
			if id != ids[0] {
				t.Errorf("round %d: they were told of %v", round, ids)
				break
			}
		}
	}
	for i := range 3 {
		ops, err := c.nodes[i].Journal("stack").Open()
		if want := rounds * (senders + 1); err != nil || len(ops) != want {
			t.Errorf("%d of %d are open on replica %d, %v", len(ops), want, i, err)
		}
	}
	// What was not added has no receipt either.
	receipts := 0
	for i := range 3 {
		receipts += len(c.nodes[i].receipts.pending())
	}
	if want := rounds * (senders + 1); receipts != want {
		t.Errorf("there are %d receipts for %d operations", receipts, want)
	}
}

// A key that was added again after its operation had failed is that of the last attempt, on whatever replica that was.
func TestOneOfThreeReplicasTriesAgain(t *testing.T) {
	c := startThree(t)
	first := journaltest.Accepted(1, "worker", "k")
	mustAdd(t, c.nodes[0].Journal("stack"), first)
	failed := journaltest.Done(first, time.Now())
	failed.Result = queue.FinalFailed
	mustUpdate(t, c.nodes[0].Journal("stack"), failed)
	var told [3]string
	var wait sync.WaitGroup
	for i := range 3 {
		j := c.nodes[i].Journal("stack")
		if _, err := j.Open(); err != nil {
			t.Fatal(err)
		}
		wait.Go(func() {
			again := journaltest.Accepted(2+i, "worker", "k")
			again.Previous, again.Failures = first.ID, 1
			stored, err := j.Add([]queue.Operation{again})
			if err != nil {
				t.Error(err)
				return
			}
			told[i] = stored[0].ID
		})
	}
	wait.Wait()
	if told[0] == first.ID || told[0] != told[1] || told[1] != told[2] {
		t.Errorf("they were told of %v", told)
	}
}

// What was published without an answer, so that nobody was told that it is accepted, does not count: not while nobody knows
// whether it is there, and not afterwards. One that somebody has begun by then stays.
func TestWhatNobodyWasToldOfDoesNotCount(t *testing.T) {
	n := startOne(t, t.TempDir())
	j := n.Journal("stack")
	publish := func(op queue.Operation) message {
		t.Helper()
		m, err := j.stored(op)
		if err == nil {
			_, _, err = n.publish(t.Context(), []message{m})
		}
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	lost, begun := journaltest.Accepted(1, "worker", "a"), journaltest.Accepted(2, "worker", "b")
	n.doubt("stack", lost.ID, publish(lost))
	running := begun
	running.State = queue.Running
	m := publish(begun)
	publish(running)
	n.doubt("stack", begun.ID, m)
	if _, err := j.Get(lost.ID); !scale.IsA[*queue.UnknownOperationError](err) {
		t.Errorf("it is there: %v", err)
	}
	if stored, err := j.Add([]queue.Operation{journaltest.Accepted(3, "worker", "a")}); err != nil || stored[0].ID != "00000003" {
		t.Errorf("its key stands for %v, %v", stored, err)
	}
	until(t, "it is taken out", func() bool {
		r, ok, err := n.lastOf(t.Context(), n.names.operations(), n.names.op(j.stack, chainOf("worker", "a"), lost.ID))
		return err == nil && ok && r.gone
	})
	until(t, "the one that was begun is there", func() bool {
		op, err := j.Get(begun.ID)
		return err == nil && op.State == queue.Running
	})
	if ops, err := j.Open(); err != nil || len(ops) != 2 {
		t.Errorf("%d are open, %v", len(ops), err)
	}
	if op, ok, err := j.Find("worker", "a"); !ok || err != nil || op.ID != "00000003" {
		t.Errorf("the key leads to %s, %v", op.ID, err)
	}
}
