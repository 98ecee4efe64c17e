package scale

import (
	"fmt"
	"slices"
	"strings"
)

// A pool of one resource for each unit, made in a loop, is scaled in by deleting resources. The engine keeps a targeted
// resource that the program no longer has as long as an untargeted resource of the state depends on it. It does so
// without an error or a word. The program's own count, and so "current", does not show it. Therefore the resources
// themselves are counted.

// MayKeep says whether the engine could keep resources that a move should delete.
func (s *Snapshot) MayKeep(rule Rule, m Move) bool {
	if m.From == nil || m.To >= *m.From || len(rule.Targets) == 1 && !IsPattern(rule.Targets[0]) {
		return false
	}
	return len(s.keepers(rule)) > 0
}

// keepers are the resources that depend on any of the rule's targets and are not targets themselves, in order.
func (s *Snapshot) keepers(rule Rule) []string {
	targeted := MatchTargets(rule.Targets...)
	var out []string
	for urn, others := range s.DependsOn {
		if !targeted(urn) && slices.ContainsFunc(others, targeted) {
			out = append(out, urn)
		}
	}
	slices.Sort(out)
	return out
}

// leftOver counts the pool's resources after the steps, and says how many there should be: as many for each unit as
// before. Both are zero if that cannot be said: the engine carries out the move whole, the count is a property of the
// targets, or the number is no multiple of the count before.
func (s *Snapshot) leftOver(rule Rule, m Move, steps []ResourceStep) (left, want int) {
	if !s.MayKeep(rule, m) {
		return 0, 0
	}
	targeted := MatchTargets(rule.Targets...)
	before := 0
	for _, urn := range s.Resources {
		if targeted(urn) {
			before++
		}
	}
	left = before
	for _, step := range steps {
		if !targeted(step.URN) {
			continue
		}
		switch step.Op {
		case "create":
			left++
		case "delete":
			left--
		case "update", "replace":
			return 0, 0
		}
	}
	if before%*m.From != 0 || left == m.To {
		return 0, 0
	}
	return left, before / *m.From * m.To
}

func keptReason(left, want int, keepers []string) string {
	return fmt.Sprintf("the pool would be left with %d resources and not %d: the engine keeps a resource on which an untargeted one depends, here %s; "+
		`"targetDependents: true" in the rule updates those as well`, left, want, strings.Join(keepers, ", "))
}
