package queue

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// The journal takes many operations in parts: a crash in between must not leave an end on disk without one that came
// before it.
func TestEndsReachTheJournalInTheirOrder(t *testing.T) {
	l := ledger{unsaved: map[string]ending{}}
	const many = 100
	for i := range many {
		id := fmt.Sprint(many - i) // ids tell when they were accepted, and not when they ended
		l.retire([]*entry{newEntry(Operation{ID: id, State: Done})})
	}
	for i, op := range l.endings() {
		if want := fmt.Sprint(many - i); op.ID != want {
			t.Fatalf("the end of %s comes before that of %s", op.ID, want)
		}
	}
}

func TestIDsSortAsOperationsWereAccepted(t *testing.T) {
	l := ledger{unsaved: map[string]ending{}}
	l.merge([]Operation{{ID: "a", State: Accepted, AcceptedAt: scaletest.Noon}}, scaletest.Noon)
	before := newOperationID(scaletest.Noon)
	for _, now := range []time.Time{scaletest.Noon, scaletest.Noon, scaletest.Noon.Add(-time.Hour), scaletest.Noon.Add(time.Hour)} {
		id := l.nextID(now)
		if id <= before {
			t.Errorf("at %s the id %s does not come after %s", now, id, before)
		}
		before = id
	}
}

func TestLedgerOfAJournal(t *testing.T) {
	later := scaletest.Noon.Add(time.Minute)
	for _, c := range []struct {
		name     string
		op, want Operation
	}{
		{"one that waits, waits", Operation{State: Accepted, AcceptedAt: scaletest.Ago(time.Hour)}, Operation{State: Accepted, AcceptedAt: scaletest.Ago(time.Hour)}},
		{"one over which the process died waits again", Operation{State: Running}, Operation{State: Accepted}},
		{"also if it was deferred", Operation{State: Running, NotBefore: scaletest.Noon}, Operation{State: Deferred, NotBefore: scaletest.Noon}},
		{"none waits for longer because the clock was set back", Operation{State: Deferred, AcceptedAt: later, NotBefore: later.Add(time.Second)},
			Operation{State: Deferred, AcceptedAt: scaletest.Noon, NotBefore: scaletest.Noon.Add(time.Second)}},
	} {
		l := ledger{unsaved: map[string]ending{}}
		l.merge([]Operation{c.op}, scaletest.Noon)
		if diff := cmp.Diff([]Operation{c.want}, l.operations()); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}

func TestAnOperationIsInOnePlace(t *testing.T) {
	l := ledger{unsaved: map[string]ending{}}
	l.merge([]Operation{{ID: "a", State: Accepted}, {ID: "b", State: Accepted}}, scaletest.Noon)
	a := l.find("a")
	a.op.State = Done
	if ops := l.doneUnsaved(""); len(ops) != 1 || len(l.operations()) != 1 || !l.waits(Accepted) {
		t.Errorf("done and not retired: %v", ops)
	}
	l.retire([]*entry{a})
	if op, ok := l.latest("a"); !ok || op.State != Done || l.find("a") != nil || len(l.doneUnsaved("other pool")) != 0 {
		t.Errorf("retired: %+v", op)
	}
	l.saved([]Operation{a.op})
	if op, ok := l.latest("a"); ok || len(l.endings()) != 0 {
		t.Errorf("the journal has it: %+v", op)
	}
}
