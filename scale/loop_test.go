package scale

import (
	"fmt"
	"slices"
	"testing"
)

func loopURN(i int) string {
	return fmt.Sprintf("urn:pulumi:dev::demo::pkg:index:Worker::worker-%d", i)
}

// loopPool is a pool of one resource for each unit. Another resource may depend on the first of them.
func loopPool(units int, dependsOnFirst string) *Snapshot {
	return snapshot(withRule("worker", func(r *Rule) { r.Targets = []string{"**:Worker::worker-*"} }), func(s *Snapshot) {
		s.Resources = []string{apiURN}
		for i := range units {
			s.Resources = append(s.Resources, loopURN(i))
		}
		s.Updates = []Update{update(0, "worker", fmt.Sprint(units), "api", "2")}
		s.File = texts("worker", fmt.Sprint(units), "api", "2")
		if dependsOnFirst != "" {
			s.DependsOn = map[string][]string{dependsOnFirst: {"", loopURN(units - 1)}}
		}
	})
}

// sharing is the pool with as many further resources of the same kind as it has units. Those stay as they are.
func sharing(s *Snapshot) *Snapshot {
	for i := range len(s.Resources) - 1 {
		s.Resources = append(s.Resources, fmt.Sprintf("urn:pulumi:dev::demo::pkg:index:Worker::worker-shared-%d", i))
	}
	return s
}

func TestLoopPool(t *testing.T) {
	loopSteps := func(op string, units ...int) []ResourceStep {
		var out []ResourceStep
		for _, i := range units {
			out = append(out, ResourceStep{Op: op, URN: loopURN(i)})
		}
		return out
	}
	for _, c := range []struct {
		name   string
		snap   *Snapshot
		intent Intent
		steps  []ResourceStep
		// previews says whether the plan needs a proof, and want what it comes to.
		previews bool
		want     Outcome
		doubt    bool
	}{
		{"is scaled in by deletions", loopPool(3, ""), toCount(1), loopSteps("delete", 1, 2), false, Scale, false},
		{"is scaled out by creations", loopPool(1, apiURN), toCount(3), loopSteps("create", 1, 2), false, Scale, false},
		{"that shares a resource is scaled out by creations", sharing(loopPool(1, apiURN)), toCount(2), loopSteps("create", 1), false, Scale, false},
		{"that shares a resource is scaled in by deletions", sharing(loopPool(2, "")), toCount(1), loopSteps("delete", 1), false, Scale, false},
		{"on which something depends is proved before it is scaled in", loopPool(3, apiURN), toCount(1), loopSteps("delete", 1, 2), true, Scale, false},
		{"of which the engine would keep one is refused", loopPool(3, apiURN), toCount(1), loopSteps("delete", 1), true, Refused, true},
		{"of which the engine would keep all is refused", loopPool(3, apiURN), toCount(1), nil, true, Refused, true},
		{"whose units depend on each other needs no proof", loopPool(3, loopURN(0)), toCount(1), loopSteps("delete", 1, 2), false, Scale, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := newFake(t, c.snap)
			p := MakePlan(c.snap, []Intent{forced(c.intent)}, noon)
			seen := []string{apiURN, loopURN(0)}
			for _, step := range c.steps {
				seen = append(seen, step.URN)
			}
			result := &Result{Steps: c.steps, Seen: seen, Output: outputOf(c.snap.Rules, nil)}
			fake.onPreview = func(int, Change) (*Result, error) { return result, nil }
			proved, err := fake.scaler().prove(t.Context(), c.snap, p)
			if err != nil {
				t.Fatal(err)
			}
			if got := proved.Decisions[0].Outcome; got != c.want {
				t.Errorf("%s: %s, want %s", got, proved.Decisions[0].Reason, c.want)
			}
			if got := slices.Contains(fake.calls, "preview"); got != c.previews {
				t.Errorf("previewed: %v, want %v", got, c.previews)
			}
			if got := verify(c.snap, p.Moves, result)[0].Unverified; (got != "") != c.doubt {
				t.Errorf("doubt: %q, want any: %v", got, c.doubt)
			}
		})
	}
}
