package cluster

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/scale/queue/journaltest"
)

// With one replica, each journal that is opened is that of a process that has just started.
func TestOneReplicaKeepsWhatAJournalPromises(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journaltest.Place {
		dir := t.TempDir()
		var n *Node
		return journaltest.Place{Open: func(t *testing.T) queue.Journal {
			if n != nil {
				if err := n.Close(); err != nil {
					t.Fatal(err)
				}
			}
			n = startOne(t, dir)
			return n.Journal("stack")
		}}
	})
}

// With three, each journal that is opened is on the next replica.
func TestThreeReplicasKeepWhatAJournalPromises(t *testing.T) {
	c := startThree(t)
	var stacks atomic.Int64
	journaltest.Run(t, func(*testing.T) journaltest.Place {
		stack, opened := fmt.Sprint("organization/project/stack-", stacks.Add(1)), 0
		return journaltest.Place{
			Open: func(t *testing.T) queue.Journal {
				opened++
				j := c.nodes[opened%3].Journal(stack)
				if _, err := j.Open(); err != nil { // it has by now what the others have added
					t.Fatal(err)
				}
				return j
			},
			Break: func(t *testing.T) func() {
				c.cut(opened % 3)
				until(t, "no majority answers it", func() bool { return c.nodes[opened%3].Ready() != nil })
				return func() { c.rejoin(opened % 3) } // or what comes next meets an election
			},
		}
	})
}
