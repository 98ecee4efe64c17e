package board

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// Pending changes stand in every part of the document that tells of a pool.
func TestPendingChangesInTheDocument(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	pending := []scale.PendingChange{{Op: "update", Type: "a:b:C", Name: "w", Properties: []string{"dir"}}, {Op: "output", Name: "url"}}
	decision := DecisionOf(scale.Decision{Intent: scale.Intent{Pool: "w"}, Outcome: scale.HasPending, From: num(3), Wanted: 5, To: 5, Reason: "why", Pending: pending})
	if diff := cmp.Diff(Decision{Pool: "w", Outcome: "pending", From: num(3), To: num(5), Wanted: num(5), Reason: "why", Pending: pending}, decision); diff != "" {
		t.Errorf("the decision: -want +got:\n%s", diff)
	}
	pool := PoolOf(scale.Standing{Rule: scale.Rule{Pool: "w", Max: 9}, Count: num(3), Pending: pending}, now)
	if diff := cmp.Diff(pending, pool.Pending); diff != "" {
		t.Errorf("the pool: -want +got:\n%s", diff)
	}
	notes := View{at: now}.Notes(pool)
	want := []Mood{{Warn, "Not scaled while changes are pending: update of a:b:C w (dir); stack output url."}}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Errorf("the notes: -want +got:\n%s", diff)
	}
	if notes := (View{at: now}).Notes(PoolOf(scale.Standing{Rule: scale.Rule{Pool: "w", Max: 9}, Count: num(3)}, now)); len(notes) > 0 {
		t.Errorf("without pending changes: %v", notes)
	}
}

func TestTheProgramInTheDocument(t *testing.T) {
	deploy := &scale.Deploy{Head: "h", Commit: "abc"}
	s := New(Name{Project: "shop", Stack: "dev"}, queue.Overview{Program: scale.Program{Deploy: deploy, Commit: "def"}, Remarks: []string{"r"}}, nil, nil, time.Now())
	if !cmp.Equal(s.Deployed, deploy) || s.Commit != "def" || !cmp.Equal(s.Remarks, []string{"r"}) {
		t.Errorf("got %+v", s)
	}
}
