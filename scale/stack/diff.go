package stack

import (
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/pulumiscale/pulumiscale/scale"
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
