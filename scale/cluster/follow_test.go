package cluster

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/scale/queue/journaltest"
)

// heardOf is what a follower was told, as in "1 accepted, 1 done".
type heardOf struct {
	mu   sync.Mutex
	told []string
}

func (h *heardOf) tell(op queue.Operation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	told := strings.TrimLeft(op.ID, "0") + " " + string(op.State)
	if !slices.Contains(h.told, told) { // the same may be told twice
		h.told = append(h.told, told)
	}
}

func (h *heardOf) text() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.told, ", ")
}

// without is the text without operations.
func (h *heardOf) without(ids map[string]bool) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(slices.DeleteFunc(slices.Clone(h.told), func(told string) bool {
		id, _, _ := strings.Cut(told, " ")
		return ids[id]
	}), ", ")
}

func mustAdd(t *testing.T, j *Journal, ops ...queue.Operation) {
	t.Helper()
	if _, err := j.Add(ops); err != nil {
		t.Fatal(err)
	}
}

func mustUpdate(t *testing.T, j *Journal, ops ...queue.Operation) {
	t.Helper()
	if err := j.Update(ops); err != nil {
		t.Fatal(err)
	}
}

// A follower hears what others do with its stack, in order, and not what it does itself or what is done with other stacks.
// What is done while it is cut off it hears when it is back.
func TestAFollowerMissesNothing(t *testing.T) {
	c := startThree(t)
	own, other, third := c.nodes[0].Journal("stack"), c.nodes[1].Journal("stack"), c.nodes[2].Journal("stack")
	var heard, stopped heardOf
	own.Follow(heard.tell)
	stop := own.Follow(stopped.tell)
	op := journaltest.Accepted
	mustAdd(t, other, op(1, "worker", "a"), op(2, "worker", "b"))
	mustAdd(t, own, op(3, "worker", "c"))
	mustAdd(t, c.nodes[1].Journal("another stack"), op(4, "worker", "a"))
	if _, err := third.Open(); err != nil {
		t.Fatal(err)
	}
	mustUpdate(t, third, journaltest.Done(op(1, "worker", "a"), journaltest.Noon))
	want := "1 accepted, 2 accepted, 1 done"
	// What had to be written a second time is told to its own replica too, and nobody need have been told that it failed.
	until(t, "it has heard of it", func() bool {
		return heard.without(map[string]bool{"3": true}) == want && stopped.without(map[string]bool{"3": true}) == want
	})
	stop()

	c.cut(0)
	until(t, "the others go on", func() bool { return c.nodes[1].Ready() == nil })
	failed := map[string]bool{"3": true} // nobody was told that these are accepted: whether they are heard of does not matter
	n := 100
	for range 20 {
		until(t, "it is added", func() bool {
			n++
			_, err := other.Add([]queue.Operation{op(n, "worker", fmt.Sprint("cut ", n))})
			failed[fmt.Sprint(n)] = err != nil
			return err == nil
		})
		want += fmt.Sprintf(", %d accepted", n)
	}
	if got := heard.text(); strings.Contains(got, "10") {
		t.Fatalf("it is not cut off: %s", got)
	}
	c.mend(0)
	until(t, "it has heard of all", func() bool { return strings.Contains(heard.text(), fmt.Sprint(n)) })
	if got := heard.without(failed); got != want {
		t.Errorf("it has heard\n%s\nand not\n%s", got, want)
	}
	if got := stopped.text(); strings.Contains(got, "10") {
		t.Error("one that has stopped is told more")
	}
	until(t, "all that are accepted are open, and no others", func() bool {
		ops, err := own.Open()
		return err == nil && len(ops) == 22
	})
}
