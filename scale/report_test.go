package scale_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/parse"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestVerify(t *testing.T) {
	_, noRules := parse.Rules(nil)
	current := func(n int) scaletest.RuleEdit { return func(r *scale.Rule) { r.Current = &n } }
	touched := []scale.ResourceStep{{Op: "update", URN: scaletest.WorkerURN}}
	move := scale.Move{Pool: "worker", From: new(3), To: 5}
	for _, c := range []struct {
		name   string
		rule   scaletest.RuleEdit
		move   scale.Move
		result scale.Result
		want   scale.MoveResult
	}{
		{
			`"current" that equals the count is proof`, current(3), move, scale.Result{Steps: touched, Output: scaletest.OutputOf(scaletest.TwoPools(), map[string]int{"worker": 5})},
			scale.MoveResult{Move: move, Current: new(5)},
		},
		{
			`"current" is proof even without a step`, current(3), move, scale.Result{Output: scaletest.OutputOf(scaletest.TwoPools(), map[string]int{"worker": 5})},
			scale.MoveResult{Move: move, Current: new(5)},
		},
		{
			`"current" that differs is none`, current(3), move, scale.Result{Steps: touched, Output: scaletest.OutputOf(scaletest.TwoPools(), map[string]int{"worker": 3})},
			scale.MoveResult{Move: move, Current: new(3), Unverified: `"current" is 3 after the update and not 5`},
		},
		{
			`"current" that the update brings counts too`, nil, move, scale.Result{Steps: touched, Output: scaletest.OutputOf(scaletest.TwoPools(), map[string]int{"worker": 4})},
			scale.MoveResult{Move: move, Current: new(4), Unverified: `"current" is 4 after the update and not 5`},
		},
		{
			`"current" that is gone is none`, current(3), move, scale.Result{Steps: touched, Output: scaletest.OutputOf(scaletest.TwoPools(), nil)},
			scale.MoveResult{Move: move, Unverified: `the update took "current" out of the rule`},
		},
		{
			"rules that are gone are none", current(3), move, scale.Result{Steps: touched},
			scale.MoveResult{Move: move, Unverified: "the rules can no longer be read: " + noRules.Error()},
		},
		{`without "current" a changed target is proof`, nil, move, scale.Result{Steps: touched, Output: scaletest.OutputOf(scaletest.TwoPools(), nil)}, scale.MoveResult{Move: move}},
		{`without "current" rules that are gone do not matter`, nil, move, scale.Result{Steps: touched}, scale.MoveResult{Move: move}},
		{
			`without "current" an untouched target is none`, nil, move, scale.Result{Steps: []scale.ResourceStep{{Op: "update", URN: scaletest.APIURN}}},
			scale.MoveResult{Move: move, Unverified: "the update changed none of the pool's targets", Stays: true},
		},
		{
			"without a count before, an untouched target is none", nil, scale.Move{Pool: "worker", To: 5}, scale.Result{},
			scale.MoveResult{Move: scale.Move{Pool: "worker", To: 5}, Unverified: "the update changed none of the pool's targets", Stays: true},
		},
		{
			"a count that is only written down touches nothing", nil, scale.Move{Pool: "worker", From: new(5), To: 5}, scale.Result{},
			scale.MoveResult{Move: scale.Move{Pool: "worker", From: new(5), To: 5}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := scaletest.Snapshot()
			c.result.Rules, c.result.RulesErr = parse.Rules(c.result.Output)
			if c.rule != nil {
				scaletest.WithRule("worker", c.rule)(snap)
			}
			if diff := cmp.Diff([]scale.MoveResult{c.want}, scale.VerifyMoves(snap, []scale.Move{c.move}, &c.result)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
