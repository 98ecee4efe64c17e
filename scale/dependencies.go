package scale

import (
	"errors"
	"slices"
	"strings"
)

// An update writes the resources in the order in which the program registers them, with what they depend on. For an
// untargeted resource it keeps the dependencies that the state has. If the program no longer knows of such a
// dependency, it may write the resource before what it depends on: the CLI cannot read such a state. In other runs it
// fails in the middle, on a resource that it has met twice or on a provider that it has not met. For a targeted
// resource it writes what the program says. Providers are dependencies, too.

// changedDependencies are the changes of what resources depend on between the state and the program that a preview has
// run. own holds, for each pool, what its own targets would gain. shared holds what the program does not know of. That
// may be a target's too, because an update of another pool does not target it.
func changedDependencies(snap *Snapshot, pools []string, result *Result) (own map[string][]PendingChange, shared []PendingChange) {
	own = map[string][]PendingChange{}
	for _, urn := range snap.Resources {
		after, known := result.Dependencies[urn]
		before := snap.Dependencies[urn]
		if !known || includes(after, before) && includes(before, after) {
			continue
		}
		found := otherDependencies(urn)
		if !includes(after, before) {
			shared = append(shared, found)
			continue
		}
		for _, pool := range pools {
			if MatchTargets(snap.Rules[pool].Targets...)(urn) {
				own[pool] = append(own[pool], found)
			}
		}
	}
	return own, shared
}

// LostDependencies are the resources of the state that depend on those over which a preview has failed. The program
// does not know of these dependencies. So the engine has put an untargeted resource that others depend on first, before
// the program registers it, or it misses a provider.
func (s *Snapshot) LostDependencies(failure error) []PendingChange {
	failed, ok := errors.AsType[*EngineError](failure)
	if !ok || len(failed.Misplaced) == 0 {
		return nil
	}
	var out []PendingChange
	for _, urn := range s.Resources {
		if slices.ContainsFunc(failed.Misplaced, func(other string) bool { return slices.Contains(s.Dependencies[urn], other) }) {
			out = append(out, otherDependencies(urn))
		}
	}
	return out
}

func otherDependencies(urn string) PendingChange {
	return PendingChange{Op: opUpdate, URN: urn, Type: typeOf(urn), Name: urn[strings.LastIndex(urn, "::")+2:], Properties: []string{"dependencies"}}
}

// includes says whether all of some URNs are among others.
func includes(all, some []string) bool {
	return !slices.ContainsFunc(some, func(urn string) bool { return !slices.Contains(all, urn) })
}

// typeOf is the type in a URN, without those of its parents.
func typeOf(urn string) string {
	parts := strings.Split(urn, "::")
	if len(parts) < 4 { //nolint:mnd // a stack, a project, types and a name
		return ""
	}
	return parts[2][strings.LastIndex(parts[2], "$")+1:]
}
