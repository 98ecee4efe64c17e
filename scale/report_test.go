package scale

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVerify(t *testing.T) {
	current := func(n int) ruleEdit { return func(r *Rule) { r.Current = &n } }
	touched := []ResourceStep{{Op: "update", URN: workerURN}}
	move := Move{Pool: "worker", From: new(3), To: 5}
	for _, c := range []struct {
		name   string
		rule   ruleEdit
		move   Move
		result Result
		want   MoveResult
	}{
		{
			`"current" that equals the count is proof`, current(3), move, Result{Steps: touched, Output: outputOf(twoPools(), map[string]int{"worker": 5})},
			MoveResult{Move: move, Current: new(5)},
		},
		{
			`"current" is proof even without a step`, current(3), move, Result{Output: outputOf(twoPools(), map[string]int{"worker": 5})},
			MoveResult{Move: move, Current: new(5)},
		},
		{
			`"current" that differs is none`, current(3), move, Result{Steps: touched, Output: outputOf(twoPools(), map[string]int{"worker": 3})},
			MoveResult{Move: move, Current: new(3), Unverified: `"current" is 3 after the update and not 5`},
		},
		{
			`"current" that the update brings counts too`, nil, move, Result{Steps: touched, Output: outputOf(twoPools(), map[string]int{"worker": 4})},
			MoveResult{Move: move, Current: new(4), Unverified: `"current" is 4 after the update and not 5`},
		},
		{
			`"current" that is gone is none`, current(3), move, Result{Steps: touched, Output: outputOf(twoPools(), nil)},
			MoveResult{Move: move, Unverified: `the update took "current" out of the rule`},
		},
		{
			"rules that are gone are none", current(3), move, Result{Steps: touched},
			MoveResult{Move: move, Unverified: "the rules can no longer be read: " + (&RulesError{Problems: []Problem{{Expected: noOutput}}}).Error()},
		},
		{`without "current" a changed target is proof`, nil, move, Result{Steps: touched, Output: outputOf(twoPools(), nil)}, MoveResult{Move: move}},
		{`without "current" rules that are gone do not matter`, nil, move, Result{Steps: touched}, MoveResult{Move: move}},
		{
			`without "current" an untouched target is none`, nil, move, Result{Steps: []ResourceStep{{Op: "update", URN: apiURN}}},
			MoveResult{Move: move, Unverified: "the update changed none of the pool's targets", Stays: true},
		},
		{
			"without a count before, an untouched target is none", nil, Move{Pool: "worker", To: 5}, Result{},
			MoveResult{Move: Move{Pool: "worker", To: 5}, Unverified: "the update changed none of the pool's targets", Stays: true},
		},
		{
			"a count that is only written down touches nothing", nil, Move{Pool: "worker", From: new(5), To: 5}, Result{},
			MoveResult{Move: Move{Pool: "worker", From: new(5), To: 5}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := snapshot()
			if c.rule != nil {
				withRule("worker", c.rule)(snap)
			}
			if diff := cmp.Diff([]MoveResult{c.want}, VerifyMoves(snap, []Move{c.move}, &c.result)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
