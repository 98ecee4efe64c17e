package queue

import (
	"fmt"
	"testing"
)

// The journal takes many operations in parts: a crash in between must not leave an end on disk without one that came
// before it.
func TestEndsReachTheJournalInTheirOrder(t *testing.T) {
	q := &Queue{unsaved: map[string]ending{}}
	const many = 100
	for i := range many {
		id := fmt.Sprint(many - i) // ids tell when they were accepted, and not when they ended
		q.retire([]*entry{newEntry(Operation{ID: id, State: Done})})
	}
	for i, op := range q.endings() {
		if want := fmt.Sprint(many - i); op.ID != want {
			t.Fatalf("the end of %s comes before that of %s", op.ID, want)
		}
	}
}
