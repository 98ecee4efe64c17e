package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/scale/queue/journaltest"
)

// fresh is an operation of the pool worker that has just been accepted.
func fresh(n int, key string) queue.Operation {
	op := journaltest.Accepted(n, "worker", key)
	op.AcceptedAt = time.Now()
	return op
}

// openOn are how many operations of a stack are open, as a replica sees it; -1 if it cannot tell.
func openOn(n *Node, stack string) int {
	ops, err := n.Journal(stack).Open()
	if err != nil {
		return -1
	}
	return len(ops)
}

func TestAReplicaComesBack(t *testing.T) {
	c := startThree(t)
	op := journaltest.Accepted
	mustAdd(t, c.nodes[0].Journal("stack"), op(1, "worker", "a"))
	c.stop(2)
	until(t, "the others go on without it", func() bool {
		_, err := c.nodes[0].Journal("stack").Add([]queue.Operation{op(2, "worker", "b")})
		return err == nil
	})
	c.start(2)
	c.ready(2)
	until(t, "it has what was added meanwhile", func() bool { return openOn(c.nodes[2], "stack") == 2 })

	// Its disk is new. It has everything from the others.
	c.stop(2)
	if err := os.RemoveAll(c.dirs[2]); err != nil {
		t.Fatal(err)
	}
	c.start(2)
	c.ready(2)
	until(t, "it has everything", func() bool { return openOn(c.nodes[2], "stack") == 2 })
	mustAdd(t, c.nodes[2].Journal("stack"), op(3, "worker", "c"))

	// With it, one of the others can be spared.
	c.stop(0)
	until(t, "those that are left go on", func() bool {
		_, err := c.nodes[2].Journal("stack").Add([]queue.Operation{op(4, "worker", "d")})
		return err == nil
	})
	if n := openOn(c.nodes[1], "stack"); n != 4 {
		t.Errorf("%d are open", n)
	}
}

// All disks of the log are lost, and what the replicas have accepted is added again, as it stood, by those who accepted it.
// Of two with the same key one is left.
func TestWhatTheQuorumHasLostIsAddedAgain(t *testing.T) {
	c := startThree(t)
	op := fresh
	first := c.nodes[0].Journal("stack")
	mustAdd(t, first, op(1, "a"), op(2, ""), op(3, "c"))
	mustAdd(t, c.nodes[1].Journal("stack"), op(4, "d"))
	mustAdd(t, c.nodes[1].Journal("another stack"), op(5, "a"))
	until(t, "it is everywhere", func() bool { return openOn(c.nodes[0], "stack") == 4 && openOn(c.nodes[2], "stack") == 4 })
	mustUpdate(t, c.nodes[2].Journal("stack"), journaltest.Done(op(3, "c"), time.Now()))
	begun := op(1, "a")
	begun.State, begun.Updates = queue.Running, []string{"an update"}
	mustUpdate(t, c.nodes[2].Journal("stack"), begun)
	until(t, "the one that has accepted it knows", func() bool {
		kept := map[string]queue.State{}
		for _, l := range c.nodes[0].receipts.pending() {
			var o queue.Operation
			if err := o.UnmarshalJSON(l.Operation); err != nil {
				t.Fatal(err)
			}
			kept[o.ID] = o.State
		}
		return len(kept) == 2 && kept["00000001"] == queue.Running
	})
	for i := range 3 {
		c.stop(i)
	}
	for i := range 3 {
		if err := os.RemoveAll(filepath.Join(c.dirs[i], "log")); err != nil {
			t.Fatal(err)
		}
	}
	var heard heardOf
	for i := range 3 {
		c.start(i)
	}
	c.nodes[0].Journal("stack").Follow(heard.tell)
	for i := range 3 {
		c.ready(i)
	}
	until(t, "all is there again", func() bool { return openOn(c.nodes[2], "stack") == 3 && openOn(c.nodes[2], "another stack") == 1 })
	got, err := c.nodes[2].Journal("stack").Get("00000001")
	if err != nil || got.State != queue.Running || fmt.Sprint(got.Updates) != "[an update]" {
		t.Errorf("the one that had been begun is %s with %v, %v", got.State, got.Updates, err)
	}
	until(t, "who follows on the same replica hears of it", func() bool { return len(heard.text()) >= len("1 running, 2 accepted, 4 accepted") })
	// What is done is not added again, and its key is free: it is lost with the log.
	if _, err := c.nodes[2].Journal("stack").Get("00000003"); err == nil {
		t.Error("what was done is there")
	}
}

// The log loses single operations, as JetStream has been seen to do, while everything runs.
func TestASingleLossIsMended(t *testing.T) {
	n := startOne(t, t.TempDir())
	j := n.Journal("stack")
	op := fresh
	old := journaltest.Accepted(3, "worker", "old")
	old.AcceptedAt = time.Now().Add(-queue.KeepDone - time.Minute)
	mustAdd(t, j, op(1, "a"), op(2, "b"), old)
	stream, err := n.js.Stream(t.Context(), n.names.operations())
	if err != nil {
		t.Fatal(err)
	}
	e, _ := n.view.find(j.stack, "00000001")
	oldest, _ := n.view.find(j.stack, old.ID)
	for _, seq := range []uint64{e.seq, oldest.seq} {
		if err := stream.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "it is there again", func() bool {
		_, ok, err := n.lastOf(t.Context(), n.names.operations(), n.names.op(j.stack, e.chain, e.id))
		return ok && err == nil
	})
	until(t, "of what must have ended long ago there is no receipt", func() bool { return !n.hasReceipt(old.ID) })
	if _, ok, err := n.lastOf(t.Context(), n.names.operations(), n.names.op(j.stack, oldest.chain, old.ID)); ok || err != nil {
		t.Errorf("what must have ended long ago was added again, %v", err)
	}
	mustUpdate(t, j, journaltest.Done(op(1, "a"), time.Now()))
	if pending := n.receipts.pending(); len(pending) != 1 || pending[0].ID != "00000002" {
		t.Errorf("the receipts are %v", pending)
	}
}

// The stream is lost and made anew while everything runs, with other messages under the same sequences.
func TestALostStreamIsNoticed(t *testing.T) {
	n := startOne(t, t.TempDir())
	j := n.Journal("stack")
	done := journaltest.Done(fresh(1, "a"), time.Now())
	mustAdd(t, j, done, fresh(2, "b"), fresh(3, "c"))
	if err := n.js.DeleteStream(t.Context(), n.names.operations()); err != nil {
		t.Fatal(err)
	}
	until(t, "what was accepted is there again", func() bool {
		_, ok, err := n.lastOf(t.Context(), n.names.operations(), n.names.op(j.stack, chainOf("worker", "c"), "00000003"))
		return ok && err == nil && openOn(n, "stack") == 2
	})
	if op, err := j.Get(done.ID); err == nil {
		t.Errorf("what is lost is still told: %+v", op)
	}
	if op, err := j.Get("00000002"); err != nil || op.Intent.Key != "b" {
		t.Errorf("one of those that are there again: %+v, %v", op, err)
	}
	mustUpdate(t, j, journaltest.Done(fresh(2, "b"), time.Now()))
	if got := openOn(n, "stack"); got != 1 {
		t.Errorf("%d are open", got)
	}
}
