package scaler

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func loopURN(i int) string {
	return fmt.Sprintf("urn:pulumi:dev::demo::pkg:index:Worker::worker-%d", i)
}

// loopPool is a pool of one resource for each unit. Another resource may depend on the first of them.
func loopPool(units int, dependsOnFirst string) *scale.Snapshot {
	return scaletest.Snapshot(scaletest.WithRule("worker", func(r *scale.Rule) { r.Targets = []string{"**:Worker::worker-*"} }), func(s *scale.Snapshot) {
		s.Resources = []string{scaletest.APIURN}
		for i := range units {
			s.Resources = append(s.Resources, loopURN(i))
		}
		s.Updates = []scale.Update{scaletest.Update(0, "worker", fmt.Sprint(units), "api", "2")}
		s.File = scaletest.Texts("worker", fmt.Sprint(units), "api", "2")
		if dependsOnFirst != "" {
			s.DependsOn = map[string][]string{dependsOnFirst: {"", loopURN(units - 1)}}
		}
	})
}

// sharing is the pool with as many further resources of the same kind as it has units. Those stay as they are.
func sharing(s *scale.Snapshot) *scale.Snapshot {
	for i := range len(s.Resources) - 1 {
		s.Resources = append(s.Resources, fmt.Sprintf("urn:pulumi:dev::demo::pkg:index:Worker::worker-shared-%d", i))
	}
	return s
}

func TestLoopPool(t *testing.T) {
	loopSteps := func(op string, units ...int) []scale.ResourceStep {
		var out []scale.ResourceStep
		for _, i := range units {
			out = append(out, scale.ResourceStep{Op: op, URN: loopURN(i)})
		}
		return out
	}
	for _, c := range []struct {
		name   string
		snap   *scale.Snapshot
		intent scale.Intent
		steps  []scale.ResourceStep
		// previews says whether the plan needs a proof, and want what it comes to.
		previews bool
		want     scale.Outcome
		doubt    bool
	}{
		{"is scaled in by deletions", loopPool(3, ""), scaletest.ToCount(1), loopSteps("delete", 1, 2), false, scale.Scale, false},
		{"is scaled out by creations", loopPool(1, scaletest.APIURN), scaletest.ToCount(3), loopSteps("create", 1, 2), false, scale.Scale, false},
		{"that shares a resource is scaled out by creations", sharing(loopPool(1, scaletest.APIURN)), scaletest.ToCount(2), loopSteps("create", 1), false, scale.Scale, false},
		{"that shares a resource is scaled in by deletions", sharing(loopPool(2, "")), scaletest.ToCount(1), loopSteps("delete", 1), false, scale.Scale, false},
		{"on which something depends is proved before it is scaled in", loopPool(3, scaletest.APIURN), scaletest.ToCount(1), loopSteps("delete", 1, 2), true, scale.Scale, false},
		{"of which the engine would keep one is refused", loopPool(3, scaletest.APIURN), scaletest.ToCount(1), loopSteps("delete", 1), true, scale.Refused, true},
		{"of which the engine would keep all is refused", loopPool(3, scaletest.APIURN), scaletest.ToCount(1), nil, true, scale.Refused, true},
		{"whose units depend on each other needs no proof", loopPool(3, loopURN(0)), scaletest.ToCount(1), loopSteps("delete", 1, 2), false, scale.Scale, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := scaletest.NewStack(t, c.snap)
			p := scale.MakePlan(c.snap, []scale.Intent{scaletest.Forced(c.intent)}, scaletest.Noon)
			seen := []string{scaletest.APIURN, loopURN(0)}
			for _, step := range c.steps {
				seen = append(seen, step.URN)
			}
			result := &scale.Result{Steps: c.steps, Seen: seen, Output: scaletest.OutputOf(c.snap.Rules, nil)}
			fake.OnPreview = func(int, scale.Change) (*scale.Result, error) { return result, nil }
			tried, err := scalerOf(fake).tryInPreview(t.Context(), c.snap, p)
			if err != nil {
				t.Fatal(err)
			}
			if got := tried.Decisions[0].Outcome; got != c.want {
				t.Errorf("%s: %s, want %s", got, tried.Decisions[0].Reason, c.want)
			}
			if got := slices.Contains(fake.Calls, "preview"); got != c.previews {
				t.Errorf("previewed: %v, want %v", got, c.previews)
			}
			if got := scale.VerifyMoves(c.snap, p.Moves, result)[0].Unverified; (got != "") != c.doubt {
				t.Errorf("doubt: %q, want any: %v", got, c.doubt)
			}
		})
	}
}
