package scale

import (
	"encoding/json"
	"testing"
)

func TestSizeBefore(t *testing.T) {
	step := func(urn string, diffs ...PropertyDiff) ResourceStep {
		return ResourceStep{Op: "update", URN: urn, Diffs: diffs}
	}
	size := func(old, now any) PropertyDiff { return PropertyDiff{Path: "size", Old: old, New: now} }
	move := Move{Pool: "worker", From: new(17), To: 18}
	for _, c := range []struct {
		name  string
		move  Move
		steps []ResourceStep
		size  int
		known bool
	}{
		{"the old value of what becomes the count", move, []ResourceStep{step(workerURN, size(9.0, 18.0))}, 9, true},
		{"the count that was counted from", move, []ResourceStep{step(workerURN, size(17.0, 18.0))}, 17, true},
		{"as text", move, []ResourceStep{step(workerURN, size("9", "18"))}, 9, true},
		{"as a JSON number", move, []ResourceStep{step(workerURN, size(json.Number("9"), json.Number("18")))}, 9, true},
		{
			"inside of a property, and in a list", move,
			[]ResourceStep{step(workerURN, size(map[string]any{"a": []any{map[string]any{"n": 9.0}}}, map[string]any{"a": []any{map[string]any{"n": 18.0}}, "m": 18.0}))}, 9, true,
		},
		{"zero", move, []ResourceStep{step(workerURN, size(0.0, 18.0))}, 0, true},
		{"where the count before is not known", Move{Pool: "worker", To: 18}, []ResourceStep{step(workerURN, size(9.0, 18.0))}, 9, true},
		{"of two properties that with the count before", move, []ResourceStep{step(workerURN, size(9.0, 18.0), size(17.0, 18.0))}, 17, true},
		{"not where targets disagree", move, []ResourceStep{step(workerURN, size(9.0, 18.0), size(8.0, 18.0))}, 0, false},
		{"not of what becomes another number", move, []ResourceStep{step(workerURN, size(9.0, 19.0))}, 0, false},
		{"not of what was not there", move, []ResourceStep{step(workerURN, size(nil, 18.0))}, 0, false},
		{"not of what was no number", move, []ResourceStep{step(workerURN, size("many", 18.0), size(1.5, 18.0), size(-1.0, 18.0))}, 0, false},
		{"not of a neighbour", move, []ResourceStep{step(apiURN, size(9.0, 18.0))}, 0, false},
		{"not of what is made", move, []ResourceStep{{Op: "create", URN: workerURN}}, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if size, known := sizeBefore(snapshot().Rules["worker"], c.move, c.steps); size != c.size || known != c.known {
				t.Errorf("%d, known: %v", size, known)
			}
		})
	}
}

func TestAnotherSizeIsSaid(t *testing.T) {
	move := Move{Pool: "worker", From: new(17), To: 18}
	steps := []ResourceStep{{Op: "update", URN: workerURN, Diffs: []PropertyDiff{{Path: "spec.replicas", Old: 9.0, New: 18.0}}}}
	if got := VerifyMoves(snapshot(), []Move{move}, &Result{Steps: steps})[0].Found; got == nil || *got != 9 {
		t.Errorf("found %v", got)
	}
	unsettled := snapshot()
	unsettled.Unsettled = []string{"worker"}
	if got := VerifyMoves(unsettled, []Move{move}, &Result{Steps: steps})[0].Found; got != nil {
		t.Errorf("found %d of a pool that is in between", *got)
	}
}
