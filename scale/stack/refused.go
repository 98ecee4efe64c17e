package stack

import (
	"regexp"
	"slices"

	"github.com/pulumiscale/pulumiscale/scale"
)

// What the API server of Kubernetes says of an apply that it refuses, in the words of getConflictMessage in
// k8s.io/apimachinery. Pulumi's provider passes them on.
var (
	refusedApply = regexp.MustCompile(`Apply failed with \d+ conflicts?: `)
	fieldOwner   = regexp.MustCompile(`conflicts? with "([^"]+)"`)
)

// ownersIn are the field managers because of which Kubernetes refused an apply, sorted.
func ownersIn(diagnostics []scale.Diagnostic) []string {
	var out []string
	for _, d := range diagnostics {
		if at := refusedApply.FindStringIndex(d.Message); at != nil {
			for _, owner := range fieldOwner.FindAllStringSubmatch(d.Message[at[1]:], -1) {
				out = append(out, owner[1])
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// refused says whether a step is one that Kubernetes refused, so that its resource is as it was. An apply with a
// conflict changes no field at all. Of other failures nobody can tell: a provider may have done a part of the step, and
// most of them give the engine no status that says so.
func (f *follower) refused(step scale.ResourceStep) bool {
	if step.Op != "update" || !slices.Contains(f.failed, step.URN) {
		return false
	}
	said := false
	for _, d := range f.diagnostics {
		if d.URN != step.URN {
			continue
		}
		if !refusedApply.MatchString(d.Message) {
			return false
		}
		said = true
	}
	return said
}
