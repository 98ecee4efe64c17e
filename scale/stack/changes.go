package stack

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	fastjson "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/parse"
	"github.com/pulumiscale/pulumiscale/scale/stack/configfile"
)

// propertyDiffs lists what a step changes in the resource's inputs: by the provider's detailed diff if it gives one,
// else by the names of the changed properties.
func propertyDiffs(m apitype.StepEventMetadata) []scale.PropertyDiff {
	if m.Old == nil || m.New == nil {
		return nil
	}
	before, after := resource.NewPropertyMapFromMap(m.Old.Inputs), resource.NewPropertyMapFromMap(m.New.Inputs)
	if len(m.DetailedDiff) == 0 {
		out := make([]scale.PropertyDiff, len(m.Diffs))
		for i, name := range m.Diffs {
			out[i] = propertyDiff(name, before, after, slices.Contains(m.Keys, name))
		}
		return out
	}
	out := make([]scale.PropertyDiff, 0, len(m.DetailedDiff))
	for _, path := range slices.Sorted(maps.Keys(m.DetailedDiff)) {
		d := m.DetailedDiff[path]
		from := before
		if !d.InputDiff {
			from = resource.NewPropertyMapFromMap(m.Old.Outputs)
		}
		out = append(out, propertyDiff(path, from, after, strings.HasSuffix(string(d.Kind), "replace")))
	}
	return out
}

func propertyDiff(path string, before, after resource.PropertyMap, replaces bool) scale.PropertyDiff {
	return scale.PropertyDiff{Path: path, Old: valueAt(before, path), New: valueAt(after, path), Replaces: replaces}
}

func valueAt(properties resource.PropertyMap, path string) any {
	parsed, err := resource.ParsePropertyPath(path)
	if err != nil {
		return nil
	}
	value, ok := parsed.Get(resource.NewProperty(properties))
	if !ok {
		return nil
	}
	return value.Mappable()
}

// isPerpetual says whether a step updates a resource although the program gives it the very inputs that it has: its
// provider finds a difference every time. It says no if a secret may be what differs, because secrets are masked.
func isPerpetual(m apitype.StepEventMetadata) bool {
	if m.Op != apitype.OpUpdate || m.Old == nil || m.New == nil || !reflect.DeepEqual(m.Old.Inputs, m.New.Inputs) {
		return false
	}
	changed := slices.Concat(m.Diffs, slices.Collect(maps.Keys(m.DetailedDiff)))
	if len(changed) == 0 {
		return !isMasked([]byte(configfile.JSON(m.New.Inputs)))
	}
	inputs := resource.NewPropertyMapFromMap(m.New.Inputs)
	return !slices.ContainsFunc(changed, func(path string) bool { return isMasked([]byte(configfile.JSON(valueAt(inputs, path)))) })
}

// changedOutputs returns the names of the stack's outputs that have a different value afterwards, sorted. A change of
// the current counts in the rules does not count, because it comes from the scaling itself. But a current count that is
// not known afterwards does count, unless the steps make or change a target of its pool. The program then counts
// resources that the update would not make, and nobody could read the rules any more.
func changedOutputs(before, after map[string]any, steps []scale.ResourceStep) []string {
	names := slices.Concat(slices.Collect(maps.Keys(before)), slices.Collect(maps.Keys(after)))
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		was, had := before[name]
		is, has := after[name]
		if name == scale.OutputName {
			if losesCurrent(was, is, steps) {
				return false
			}
			was, is = withoutCurrent(was), withoutCurrent(is)
		}
		return had == has && reflect.DeepEqual(was, is)
	})
}

// losesCurrent says whether the current count of some pool is known in the rules' output before the steps, and unknown
// in the output after them, although the steps make and change no target of the pool.
func losesCurrent(was, is any, steps []scale.ResourceStep) bool {
	before, _ := was.(map[string]any)
	after, _ := is.(map[string]any)
	for name := range after {
		old, _ := before[name].(map[string]any)
		rule, _ := after[name].(map[string]any)
		if count, had := old["current"]; !had || parse.IsUnknown(count) || !parse.IsUnknown(rule["current"]) {
			continue
		}
		targets := []string{}
		listed, _ := rule["targets"].([]any)
		for _, target := range append(slices.Clone(listed), rule["urn"]) {
			if text, ok := target.(string); ok {
				targets = append(targets, text)
			}
		}
		if !slices.ContainsFunc(steps, func(step scale.ResourceStep) bool {
			return step.Op != string(apitype.OpDelete) && scale.MatchTargets(targets...)(step.URN)
		}) {
			return true
		}
	}
	return false
}

// withoutCurrent returns the rules' output without the current counts.
func withoutCurrent(output any) any {
	pools, ok := output.(map[string]any)
	if !ok {
		return output
	}
	out := make(map[string]any, len(pools))
	for name, pool := range pools {
		rule, ok := pool.(map[string]any)
		if !ok {
			out[name] = pool
			continue
		}
		rule = maps.Clone(rule)
		delete(rule, "current")
		out[name] = rule
	}
	return out
}

// resourceOptions are options of a resource that the state keeps. An update may change them although its step for the
// resource says that nothing changes.
type resourceOptions struct {
	Protect        bool   `json:"protect"`
	RetainOnDelete bool   `json:"retainOnDelete"`
	Parent         string `json:"parent"`
}

// changedOptions returns how a step changes the options of a resource that it otherwise leaves as it is. ok is false if
// it changes none of [resourceOptions].
func changedOptions(step loggedStep) (_ scale.PendingChange, ok bool) {
	before, first := decodeOptions(step.Metadata.Old)
	after, second := decodeOptions(step.Metadata.New)
	if !first || !second || before == after {
		return scale.PendingChange{}, false
	}
	m := step.Metadata.StepEventMetadata
	change := scale.PendingChange{Op: string(apitype.OpUpdate), URN: m.URN, Type: m.Type, Name: nameOf(resource.URN(m.URN))}
	for name, differs := range map[string]bool{
		"protect": before.Protect != after.Protect, "retainOnDelete": before.RetainOnDelete != after.RetainOnDelete, "parent": before.Parent != after.Parent,
	} {
		if differs {
			change.Properties = append(change.Properties, name)
		}
	}
	slices.Sort(change.Properties)
	return change, true
}

func decodeOptions(text jsontext.Value) (options resourceOptions, ok bool) {
	if text == nil || text.Kind() == 'n' {
		return options, false
	}
	if fastjson.Unmarshal(text, &options, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) == nil {
		return options, true
	}
	return options, json.Unmarshal(text, &options) == nil
}

// planFile is the file for the plan of a preview. The engine's events do not tell what resources depend on; the plan
// does.
const planFile = "plan.json"

// readDependencies reads the plan of a preview. It returns, for the URN of each resource of the program, the URNs of
// the resources that it depends on.
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

// withProvider returns a resource's dependencies and, if reference is not empty, the URN of its provider. A reference
// to a provider is its URN followed by its ID.
func withProvider(dependencies []string, reference string) []string {
	out := slices.Clone(dependencies)
	if at := strings.LastIndex(reference, "::"); at > 0 {
		out = append(out, reference[:at])
	}
	return out
}

// What the engine says if it meets an untargeted resource of the state before a resource that the untargeted one needs:
// see [scale.EngineError.Misplaced].
var (
	registeredTwice = regexp.MustCompile(`Duplicate resource URN '([^']+)'`)
	notRegistered   = regexp.MustCompile(`provider (\S+)::\S+ for resource \S+ has not been registered yet`)
)

// misplaced returns the URNs that registeredTwice and notRegistered find in the engine's errors.
func misplaced(diagnostics []scale.Diagnostic) []string {
	var out []string
	for _, d := range diagnostics {
		for _, found := range slices.Concat(registeredTwice.FindAllStringSubmatch(d.Message, -1), notRegistered.FindAllStringSubmatch(d.Message, -1)) {
			out = append(out, found[1])
		}
	}
	return out
}
