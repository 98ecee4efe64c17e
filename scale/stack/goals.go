package stack

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/pulumiscale/pulumiscale/scale"
)

// planFile is the file for the plan of a preview. The engine's events do not tell what resources depend on; the plan does.
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
		on := slices.Clone(resource.Goal.Dependencies)
		for _, urns := range resource.Goal.Properties {
			on = append(on, urns...)
		}
		slices.Sort(on)
		out[urn] = slices.Compact(on)
	}
	return out, nil
}

// registeredTwice is how the engine says that it has met a resource twice.
var registeredTwice = regexp.MustCompile(`Duplicate resource URN '([^']+)'`)

// twice are the URNs of the resources that the engine says to have met twice.
func twice(diagnostics []scale.Diagnostic) []string {
	var out []string
	for _, d := range diagnostics {
		for _, found := range registeredTwice.FindAllStringSubmatch(d.Message, -1) {
			out = append(out, found[1])
		}
	}
	return out
}
