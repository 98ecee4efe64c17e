package stack

import (
	"context"
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/parse"
	"github.com/pulumiscale/pulumiscale/scale/snippet"
)

// Inventory reads from the state, the working configuration and the project file what a pool of the stack can be made
// of.
func (s *Stack) Inventory(ctx context.Context) (*snippet.Inventory, error) {
	state, err := s.readState(ctx)
	if err != nil {
		return nil, err
	}
	out := &snippet.Inventory{Language: s.project.Language(), Runtime: s.project.Runtime.Name()}
	variables := s.project.YAMLVariables()
	for _, r := range state.all {
		if !r.Custom || strings.HasPrefix(r.Type, providerTypes) {
			continue
		}
		name := r.URN[strings.LastIndex(r.URN, "::")+2:]
		found := snippet.Resource{URN: r.URN, Type: r.Type, Name: name, Numbers: map[string]int{}, Variable: variables.Of(r.Type, name)}
		for property, value := range r.Outputs {
			if n, ok := wholeNumber(value); ok {
				found.Numbers[property] = n
			}
		}
		if n, ok := replicas(r); ok {
			found.Numbers[snippet.Replicas] = n
		}
		out.Resources = append(out.Resources, found)
	}
	if rules, err := parse.ProjectRules(string(s.project.Name), state.rules); err == nil { // even if the present rules are malformed, init can show a good one
		out.Pools = rules.Names()
		for _, rule := range rules {
			out.Taken = append(out.Taken, rule.ConfigKey)
		}
	}
	out.Keys, err = s.file.WholeNumbers()
	return out, err
}

// workload matches the types of Kubernetes whose size is their number of replicas.
var workload = regexp.MustCompile(`^kubernetes:apps/v1:(Deployment|StatefulSet|ReplicaSet)$`)

// replicas returns the size of a workload of Kubernetes, which is inside the property `spec`.
func replicas(r resourceState) (n int, ok bool) {
	var spec struct {
		Replicas jsontext.Value `json:"replicas"`
	}
	if !workload.MatchString(r.Type) || json.Unmarshal(r.Outputs["spec"], &spec) != nil {
		return 0, false
	}
	return wholeNumber(spec.Replicas)
}

func wholeNumber(value jsontext.Value) (int, bool) {
	n, err := strconv.ParseFloat(string(value), 64)
	return int(n), err == nil && n == math.Trunc(n) && n >= 0 && n <= scale.MaxNumber
}
