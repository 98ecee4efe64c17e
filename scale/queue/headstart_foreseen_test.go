package queue

import (
	"testing"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestQueueForeseesOnlyWhatIsProved(t *testing.T) {
	cases := map[string]func(*batch, *scale.Report){
		"another update came in between":        func(_ *batch, r *scale.Report) { r.Change.Head = "older" },
		"an overtaken update was mended":        func(_ *batch, r *scale.Report) { r.Change.ID += "+" },
		"the count is not proved":               func(_ *batch, r *scale.Report) { r.Results[0].Unverified = "current is 4" },
		"a pool is left in between":             func(b *batch, _ *scale.Report) { b.base.Unsettled = []string{"api"} },
		"the rules that are in force are older": func(b *batch, _ *scale.Report) { b.base.RulesErr = &scale.RulesError{} },
		"nothing was read":                      func(b *batch, _ *scale.Report) { b.base = nil },
	}
	var failed error
	foresee := func(spoil func(*batch, *scale.Report)) *scale.Snapshot {
		b := &batch{id: "pulumiscale/1", base: scaletest.Snapshot()}
		move := scale.Move{Pool: "worker", From: new(3), To: 5}
		report := &scale.Report{Plan: scale.Plan{Moves: []scale.Move{move}, Change: scale.ChangeFor(b.base, []scale.Move{move})}, Results: []scale.MoveResult{{Move: move}}}
		report.Change.ID = b.id
		spoil(b, report)
		return b.foreseen(report, failed, scaletest.Noon)
	}
	if snap := foresee(func(*batch, *scale.Report) {}); snap == nil || *snap.Configured("worker") != "5" || *snap.Configured("api") != "2" {
		t.Errorf("of an update that did what it should: %+v", snap)
	}
	for name, spoil := range cases {
		if snap := foresee(spoil); snap != nil {
			t.Errorf("%s, and this is foreseen: %+v", name, snap)
		}
	}
	failed = &scale.WriteError{}
	if snap := foresee(func(*batch, *scale.Report) {}); snap != nil {
		t.Errorf("the file could not be written, and this is foreseen: %+v", snap)
	}
}
