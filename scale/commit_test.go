package scale_test

import (
	"testing"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// updates makes the history of a stack, newest first, of values of the pool "worker": ours, or somebody else's.
func historyOf(entries ...any) func(*scale.Snapshot) {
	return func(s *scale.Snapshot) {
		s.Updates = nil
		for i := 0; i < len(entries); i += 2 {
			u := scale.Update{Kind: scale.UpdateUpdate, Succeeded: true, Values: map[string]*string{"worker": new(entries[i+1].(string))}}
			switch entries[i] {
			case "ours":
				u.ID, u.Pools = scale.NewUpdateID(), []string{"worker"}
			case "failed":
				u.ID, u.Pools, u.Succeeded = scale.NewUpdateID(), []string{"worker"}, false
			case "refresh":
				u.Kind = "refresh"
			}
			s.Updates = append(s.Updates, u)
		}
	}
}

func TestToCommit(t *testing.T) {
	commits, edits, nothing := "commits", "edit", ""
	for _, c := range []struct {
		name     string
		history  []any
		tip      string
		deployed string // "?" is not known
		pushed   string
		want     string
	}{
		{"what the branch has already is not committed", []any{"ours", "9", "theirs", "3"}, "9", "3", "", nothing},
		{"the deployed value is replaced", []any{"ours", "9", "theirs", "3"}, "3", "3", "", commits},
		{"so is that of an update of ours since the deploy", []any{"ours", "12", "ours", "9", "theirs", "3"}, "9", "3", "", commits},
		{"so is what was pushed last, though a deploy has come since", []any{"ours", "5", "theirs", "3", "ours", "9"}, "9", "3", "9", commits},
		{"a value that no update ever had is an edit", []any{"ours", "9", "theirs", "3"}, "30", "3", "", edits},
		{"the way back to a count from before the deploy is one", []any{"ours", "12", "theirs", "9", "ours", "3"}, "3", "9", "9", edits},
		{"so is a value that only a failed update had", []any{"ours", "9", "failed", "20", "theirs", "3"}, "20", "3", "", edits},
		{"and a key that was taken away", []any{"ours", "9", "theirs", "3"}, "", "3", "", edits},
		{"a key that is not in the deployed commit either is added", []any{"ours", "9", "theirs", "3"}, "", "", "", commits},
		{"without a known deploy any update's value is replaced", []any{"ours", "12", "theirs", "9", "ours", "3"}, "3", "?", "", commits},
		{"and no other", []any{"ours", "12", "theirs", "9", "ours", "3"}, "4", "?", "", edits},
		{"what another machine pushed, and the deploy of an older commit restored, is replaced", []any{"ours", "12", "theirs", "9", "ours", "9"}, "9", "3", "5", commits},
		{"what somebody's refresh alone had is an edit", []any{"ours", "12", "refresh", "20", "theirs", "9"}, "20", "9", "", edits},
		{"what the deploy restored is no edit", []any{"ours", "12", "theirs", "9"}, "3", "3", "", commits},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := scaletest.Snapshot(historyOf(c.history...))
			text := func(value string) map[string]*string {
				if value == "" {
					return map[string]*string{"worker": nil}
				}
				return map[string]*string{"worker": &value}
			}
			b := scale.BranchCounts{Tip: text(c.tip)}
			if c.deployed != "?" {
				b.Deployed = text(c.deployed)
			}
			if c.pushed != "" {
				b.Pushed = map[string]string{"worker": c.pushed}
			}
			counts, found := snap.ToCommit([]string{"worker"}, b)
			got := nothing
			if len(counts) > 0 {
				got = commits
				if to := c.history[1]; counts[0].To != to {
					t.Errorf("commits %s, want %s", counts[0].To, to)
				}
			}
			if len(found) > 0 {
				got += edits
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestToCommitWaitsForWhatIsInDoubt(t *testing.T) {
	three := "3"
	b := scale.BranchCounts{Tip: map[string]*string{"worker": &three}}
	for name, doubt := range map[string]func(*scale.Snapshot){
		"a pool that was left in between": func(s *scale.Snapshot) { s.Unsettled = []string{"worker"} },
		"a pool that is not proved": func(s *scale.Snapshot) {
			s.Unverified = map[string]scale.Doubt{"worker": {To: 9, Reason: "r"}}
		},
		"a pool without a rule": func(s *scale.Snapshot) { delete(s.Rules, "worker") },
	} {
		snap := scaletest.Snapshot(historyOf("ours", "9", "theirs", "3"), doubt)
		if counts, edits := snap.ToCommit([]string{"worker"}, b); counts != nil || edits != nil {
			t.Errorf("%s: %v, %v", name, counts, edits)
		}
	}
}
