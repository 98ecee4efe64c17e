package scale_test

import (
	"encoding/json"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestSizeBefore(t *testing.T) {
	step := func(urn string, diffs ...scale.PropertyDiff) scale.ResourceStep {
		return scale.ResourceStep{Op: "update", URN: urn, Diffs: diffs}
	}
	size := func(old, now any) scale.PropertyDiff { return scale.PropertyDiff{Path: "size", Old: old, New: now} }
	move := scale.Move{Pool: "worker", From: new(17), To: 18}
	for _, c := range []struct {
		name  string
		move  scale.Move
		steps []scale.ResourceStep
		size  int
		known bool
	}{
		{"the old value of what becomes the count", move, []scale.ResourceStep{step(scaletest.WorkerURN, size(9.0, 18.0))}, 9, true},
		{"the count that was counted from", move, []scale.ResourceStep{step(scaletest.WorkerURN, size(17.0, 18.0))}, 17, true},
		{"as text", move, []scale.ResourceStep{step(scaletest.WorkerURN, size("9", "18"))}, 9, true},
		{"as a JSON number", move, []scale.ResourceStep{step(scaletest.WorkerURN, size(json.Number("9"), json.Number("18")))}, 9, true},
		{
			"inside of a property, and in a list", move,
			[]scale.ResourceStep{step(scaletest.WorkerURN, size(map[string]any{"a": []any{map[string]any{"n": 9.0}}}, map[string]any{"a": []any{map[string]any{"n": 18.0}}, "m": 18.0}))}, 9, true,
		},
		{"zero", move, []scale.ResourceStep{step(scaletest.WorkerURN, size(0.0, 18.0))}, 0, true},
		{"where the count before is not known", scale.Move{Pool: "worker", To: 18}, []scale.ResourceStep{step(scaletest.WorkerURN, size(9.0, 18.0))}, 9, true},
		{"of two properties that with the count before", move, []scale.ResourceStep{step(scaletest.WorkerURN, size(9.0, 18.0), size(17.0, 18.0))}, 17, true},
		{"not where targets disagree", move, []scale.ResourceStep{step(scaletest.WorkerURN, size(9.0, 18.0), size(8.0, 18.0))}, 0, false},
		{"not of what becomes another number", move, []scale.ResourceStep{step(scaletest.WorkerURN, size(9.0, 19.0))}, 0, false},
		{"not of what was not there", move, []scale.ResourceStep{step(scaletest.WorkerURN, size(nil, 18.0))}, 0, false},
		{"not of what was no number", move, []scale.ResourceStep{step(scaletest.WorkerURN, size("many", 18.0), size(1.5, 18.0), size(-1.0, 18.0))}, 0, false},
		{"not of a neighbour", move, []scale.ResourceStep{step(scaletest.APIURN, size(9.0, 18.0))}, 0, false},
		{"not of what is made", move, []scale.ResourceStep{{Op: "create", URN: scaletest.WorkerURN}}, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if size, known := scale.SizeBefore(scaletest.Snapshot().Rules["worker"], c.move, c.steps); size != c.size || known != c.known {
				t.Errorf("%d, known: %v", size, known)
			}
		})
	}
}

func TestAnotherSizeIsSaid(t *testing.T) {
	move := scale.Move{Pool: "worker", From: new(17), To: 18}
	steps := []scale.ResourceStep{{Op: "update", URN: scaletest.WorkerURN, Diffs: []scale.PropertyDiff{{Path: "spec.replicas", Old: 9.0, New: 18.0}}}}
	if got := scale.VerifyMoves(scaletest.Snapshot(), []scale.Move{move}, &scale.Result{Steps: steps})[0].Found; got == nil || *got != 9 {
		t.Errorf("found %v", got)
	}
	unsettled := scaletest.Snapshot()
	unsettled.Unsettled = []string{"worker"}
	if got := scale.VerifyMoves(unsettled, []scale.Move{move}, &scale.Result{Steps: steps})[0].Found; got != nil {
		t.Errorf("found %d of a pool that is in between", *got)
	}
}
