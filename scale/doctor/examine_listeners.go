package doctor

import (
	"context"
	"fmt"
	"strings"
)

// lookAtListeners checks whether each listener can be told, and whether the pools that it names have rules.
func (v *visit) lookAtListeners(ctx context.Context) finding {
	listeners := v.Listeners(ctx)
	if len(listeners) == 0 {
		return fine("the settings name none")
	}
	f := fine("each has its secrets, and its address answers; `pulumiscale notify --test` sends a test")
	for _, l := range listeners {
		line := fmt.Sprintf("%s: %s", l.Name, l.Kind)
		if l.Host != "" {
			line += ", " + l.Host
		}
		if l.Problem != "" {
			f.result, f.found, f.hint = Problem, "some cannot be notified", "docs/notifications.md says what each kind needs"
			line += ": " + l.Problem
		}
		if unknown := v.unknownPools(l.Pools); len(unknown) > 0 {
			line += ": no rule has " + strings.Join(unknown, ", ")
			if f.result == OK {
				f.result, f.found, f.hint = Warning, "some name pools that no rule has", `correct "pools" under "listeners" in pulumiscale.yaml, or deploy the pools`
			}
		}
		f.details = append(f.details, line)
	}
	return f
}

// unknownPools returns the pools for which the stack has no rule; nil if the rules cannot be read.
func (v *visit) unknownPools(pools []string) (unknown []string) {
	if v.survey.RulesErr != nil { // then no rules are known
		return nil
	}
	for _, pool := range pools {
		if _, ok := v.survey.Rules[pool]; !ok {
			unknown = append(unknown, pool)
		}
	}
	return unknown
}
