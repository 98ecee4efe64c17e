package cluster

import (
	"fmt"
	"sync"
	"testing"
	"time"

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
