package stack

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
)

// planFile is the file for the plan of a preview. The engine's events do not tell what resources depend on; the plan
// does.
const planFile = "plan.json"

// readDependencies reads what the program has resources depend on, by their URNs, from the plan of a preview.
func readDependencies(dir string) (map[string][]string, error) {
	text, err := os.ReadFile(filepath.Join(dir, planFile))
	if err != nil {
		return nil, fmt.Errorf("read the plan of the preview: %w", err)
	}
	var plan struct {
		Resources map[string]struct {
			Goal *struct {
				Dependencies []string            `json:"dependencies"`
				Provider     string              `json:"provider"`
				Properties   map[string][]string `json:"propertyDependencies"`
			} `json:"goal"`
		} `json:"resourcePlans"`
	}
	if err := json.Unmarshal(text, &plan); err != nil {
		return nil, fmt.Errorf("read the plan of the preview: %w", err)
	}
	out := make(map[string][]string, len(plan.Resources))
	for urn, resource := range plan.Resources {
		if resource.Goal == nil { // it is only read, or deleted
			continue
		}
		on := withProvider(resource.Goal.Dependencies, resource.Goal.Provider)
		for _, urns := range resource.Goal.Properties {
			on = append(on, urns...)
		}
		slices.Sort(on)
		out[urn] = slices.Compact(on)
	}
	return out, nil
}

// withProvider are a resource's dependencies and its provider. A reference to a provider has its URN and, after that,
// its ID.
func withProvider(dependencies []string, reference string) []string {
	out := slices.Clone(dependencies)
	if at := strings.LastIndex(reference, "::"); at > 0 {
		out = append(out, reference[:at])
	}
	return out
}

// What the engine says if it meets an untargeted resource of the state before another one that the resource needs: see
// [scale.EngineError.Misplaced].
var (
	registeredTwice = regexp.MustCompile(`Duplicate resource URN '([^']+)'`)
	notRegistered   = regexp.MustCompile(`provider (\S+)::\S+ for resource \S+ has not been registered yet`)
)

// misplaced are the URNs of the resources over which the engine says that it failed.
func misplaced(diagnostics []scale.Diagnostic) []string {
	var out []string
	for _, d := range diagnostics {
		for _, found := range slices.Concat(registeredTwice.FindAllStringSubmatch(d.Message, -1), notRegistered.FindAllStringSubmatch(d.Message, -1)) {
			out = append(out, found[1])
		}
	}
	return out
}
