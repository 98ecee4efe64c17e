package configfile

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
)

// sameBut says whether the edited document has the text at the steps, or nothing there if text is nil, and is the same
// as the document everywhere else. Anchors, unusual line breaks or a second document can make an edit do more, or less,
// than it should.
func sameBut(doc, edited []byte, steps []any, text *string) bool {
	var before, after any
	if yaml.Unmarshal(doc, &before) != nil || yaml.Unmarshal(edited, &after) != nil {
		return false
	}
	before, after = plain(before), plain(after)
	if !sameText(Text(get(after, steps)), text) {
		return false
	}
	if text == nil {
		return reflect.DeepEqual(with(before, steps, nil), after)
	}
	return reflect.DeepEqual(with(before, steps, *text), with(after, steps, *text))
}

func sameText(a, b *string) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// plain returns a YAML value in a form that can be compared: all maps have strings as keys, and a NaN, which does not
// equal itself, is a text.
func plain(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name := range v {
			v[name] = plain(v[name])
		}
	case map[any]any:
		out := make(map[string]any, len(v))
		for name := range v {
			out[fmt.Sprint(name)] = plain(v[name])
		}
		return out
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case float64:
		if math.IsNaN(v) {
			return "NaN"
		}
	}
	return value
}

// get returns the value at the steps, which [find] describes; nil if there is none.
func get(value any, steps []any) any {
	for _, step := range steps {
		switch v := value.(type) {
		case map[string]any:
			value = v[nameIn(v, step)]
		case []any:
			i, ok := step.(int)
			if !ok || i < 0 || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

// with returns the value with the leaf put at the steps. If the leaf is nil, what is there is taken away.
func with(value any, steps []any, leaf any) any {
	if len(steps) == 0 {
		return leaf
	}
	switch v := value.(type) {
	case []any:
		if i, ok := steps[0].(int); ok && i >= 0 && i < len(v) {
			v = slices.Clone(v)
			v[i] = with(v[i], steps[1:], leaf)
			if leaf == nil && len(steps) == 1 {
				v = slices.Delete(v, i, i+1)
			}
		}
		return v
	case map[string]any:
		v = maps.Clone(v)
		name := nameIn(v, steps[0])
		if inner := with(v[name], steps[1:], leaf); inner != nil {
			v[name] = inner
		} else if len(steps) == 1 {
			delete(v, name)
		}
		return v
	case nil:
		if leaf != nil {
			return with(map[string]any{}, steps, leaf)
		}
	}
	return value
}

// nameIn returns the name that a step stands for in a mapping. If the step has several names, that is the first one
// that is in the mapping, or else the first of all.
func nameIn(entries map[string]any, step any) string {
	switch s := step.(type) {
	case string:
		return s
	case []string:
		for _, name := range s {
			if _, ok := entries[name]; ok {
				return name
			}
		}
		return s[0]
	}
	return ""
}
