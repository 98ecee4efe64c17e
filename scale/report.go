package scale

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Report is what was done for some intents.
type Report struct {
	// Plan is what was decided.
	Plan
	// Results are what became of the moves of the plan, in their order.
	Results []MoveResult
	// Steps are the changes to resources that the update made.
	Steps []ResourceStep
	// Restored are the keys that were put right in the configuration file beforehand.
	Restored []Drift
	// Duration is how long the engine ran.
	Duration time.Duration
	// Head and Output are the [Result.Head] and the [Result.Output] of the update; empty if there was none.
	Head   string
	Output []byte
	// Unsettled are pools outside the plan that an earlier update left between two counts: see [Snapshot.Unsettled].
	Unsettled []string
}

// RuleCheck is what `rules --verify` found out about one pool.
type RuleCheck struct {
	Pool string
	// To is the count that was tried in a preview.
	To int
	// Steps are the targets' steps in that preview.
	Steps []ResourceStep
	// Problem says what is wrong with the rule; empty if the engine proves it right.
	Problem string `text:"lines"`
	// Owners are the Owners of the [EngineError] if the problem is that Kubernetes refused the preview: the rule may be
	// right.
	Owners []string
}

// MoveResult is what became of a move.
type MoveResult struct {
	Move
	// Current is the real size of the pool after the update, if the rule exports it.
	Current *int
	// Unverified says why the update, although it succeeded, is not proved to have had its effect; empty if it is
	// proved. Stays says that the pool is then still at the count before the move, or near it.
	Unverified string
	Stays      bool
	// Pending says that the only doubt is about operations in the state that never ended: see [Snapshot.Pending].
	Pending bool
	// Found is the size that the state had before the move, if something other than an update had changed it; else nil.
	Found *int
}

// VerifyMoves compares what the update did with what was decided, and returns a result for each move.
func VerifyMoves(snap *Snapshot, moves []Move, result *Result) []MoveResult {
	out := make([]MoveResult, len(moves))
	for i, m := range moves {
		rule := snap.Rules[m.Pool]
		out[i] = MoveResult{Move: m, Found: foundSize(snap, m, result.Steps)}
		if rule.Current != nil && result.RulesErr != nil {
			out[i].Unverified = fmt.Sprintf("the rules can no longer be read: %v", result.RulesErr)
			continue
		}
		out[i].Current = result.Rules[m.Pool].Current
		out[i].Unverified, out[i].Stays = doubt(snap, rule, m, out[i].Current, result)
		if lost := snap.lostCreations(rule); out[i].Unverified == "" && len(lost) > 0 {
			out[i].Pending = true
			out[i].Unverified = fmt.Sprintf("an update that was cut off may have made %s, which the state does not know", strings.Join(lost, ", "))
		}
	}
	return out
}

// doubt says why a move is not proved; empty if it is proved. stays says whether the pool has stayed at its count, or
// near it.
func doubt(snap *Snapshot, rule Rule, m Move, current *int, result *Result) (why string, stays bool) {
	left, want := snap.leftOver(rule, m, result.Steps)
	unsettled := slices.Contains(snap.Unsettled, m.Pool) // the pool may have been at the new count already
	switch {
	case rule.Current != nil && current == nil:
		return `the update took "current" out of the rule`, false
	case current != nil && *current != m.To:
		return fmt.Sprintf(`"current" is %d after the update and not %d`, *current, m.To), false
	case left != want:
		return fmt.Sprintf("the pool has %d resources after the update and not %d", left, want), true
	case current == nil && !Touches(rule, result.Steps) && !m.KeepsCount() && !unsettled:
		return "the update changed none of the pool's targets", true
	}
	return "", false
}
