package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumiscale/pulumiscale/e2e/backend"
)

// snapshot has the resources of a checkpoint, in its order, as they stand there. The backend keeps the checkpoint of
// every update beside the update's entry in the history, so that each can be held against the one before it.
type snapshot []map[string]any

func parseSnapshot(text []byte) (snapshot, error) {
	var doc struct {
		Checkpoint struct {
			Latest struct {
				Resources snapshot `json:"resources"`
			} `json:"latest"`
		} `json:"checkpoint"`
	}
	err := json.Unmarshal(text, &doc)
	return doc.Checkpoint.Latest.Resources, err
}

// step is a completed update with the checkpoint that it left.
type step struct {
	update
	left snapshot
}

// readSteps reads the checkpoints of the updates.
func readSteps(s backend.Objects, updates []update) ([]step, error) {
	out := make([]step, len(updates))
	for i, u := range updates {
		text, err := s.Read(u.at + checkpointSuffix)
		if err != nil {
			return nil, err
		}
		left, err := parseSnapshot(text)
		if err != nil {
			return nil, fmt.Errorf("the checkpoint of %s: %w", u.at, err)
		}
		out[i] = step{u, left}
	}
	return out, nil
}

// text is a field of a resource that is a text, or empty.
func text(resource map[string]any, field string) string {
	out, _ := resource[field].(string)
	return out
}

// name is a resource's name in the program.
func name(urn string) string { return urn[strings.LastIndex(urn, ":")+1:] }

// besidesSize are the resources by what names them, without all that a scaling may change: the sizes of pools, and what
// the engine notes of each operation.
func (s snapshot) besidesSize() map[string]map[string]any {
	out := map[string]map[string]any{}
	for _, resource := range s {
		kept := maps.Clone(resource)
		// A refresh drops what a property depends on, and the next update notes it again. The dependencies themselves
		// stay.
		for _, field := range []string{"created", "modified", "sourcePosition", "stackTrace", "propertyDependencies"} {
			delete(kept, field)
		}
		at := slices.IndexFunc(pools(), func(p poolSpec) bool { return p.name == name(text(resource, "urn")) })
		if at >= 0 {
			delete(kept, "initErrors") // a scaling that failed half way leaves it
			for _, field := range []string{"inputs", "outputs"} {
				if properties, ok := kept[field].(map[string]any); ok {
					kept[field] = without(properties, pools()[at].size(), "updates")
				}
			}
		}
		if outputs, ok := kept["outputs"].(map[string]any); ok && text(resource, "type") == "pulumi:pulumi:Stack" {
			kept["outputs"] = withoutCurrent(outputs)
		}
		key := text(resource, "urn")
		if resource["delete"] == true {
			key += " (to be deleted)"
		}
		for out[key] != nil {
			key += "'"
		}
		out[key] = kept
	}
	return out
}

func without(properties map[string]any, names ...string) map[string]any {
	out := maps.Clone(properties)
	for _, name := range names {
		delete(out, name)
	}
	return out
}

// withoutCurrent are the stack's outputs without the pools' current sizes.
func withoutCurrent(outputs map[string]any) map[string]any {
	out := maps.Clone(outputs)
	rules, ok := out["pulumiscale"].(map[string]any)
	if !ok {
		return out
	}
	rules = maps.Clone(rules)
	for pool, rule := range rules {
		if fields, ok := rule.(map[string]any); ok {
			rules[pool] = without(fields, "current")
		}
	}
	out["pulumiscale"] = rules
	return out
}

// sizes are the pools' properties.
func (s snapshot) sizes() map[string]any {
	out := map[string]any{}
	for _, resource := range s {
		if slices.ContainsFunc(pools(), func(p poolSpec) bool { return p.name == name(text(resource, "urn")) }) {
			out[text(resource, "urn")] = resource["outputs"]
		}
	}
	return out
}

// differ says what differs between two snapshots besides the pools' sizes.
func differ(before, after snapshot) []string {
	was, is := before.besidesSize(), after.besidesSize()
	var out []string
	for _, key := range slices.Sorted(maps.Keys(was)) {
		if is[key] == nil {
			out = append(out, key+" is gone")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(is)) {
		if was[key] == nil {
			out = append(out, key+" has come")
			continue
		}
		fields := slices.Sorted(maps.Keys(merged(was[key], is[key])))
		for _, field := range fields {
			if old, now := asText(was[key][field]), asText(is[key][field]); old != now {
				out = append(out, fmt.Sprintf("%s: %s was %s and is %s", key, field, old, now))
			}
		}
	}
	return out
}

func merged(a, b map[string]any) map[string]any {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

func asText(value any) string {
	out, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// holes are what does not hold together in a snapshot. Whatever a resource refers to must stand before it, or the CLI
// cannot read the state.
func (s snapshot) holes() []string {
	var out []string
	urns, ids := map[string]bool{}, map[string]bool{}
	for _, resource := range s {
		urn := text(resource, "urn")
		refers := func(what, to string, there map[string]bool) {
			if to != "" && !there[to] {
				out = append(out, fmt.Sprintf("%s: its %s %s does not stand before it", urn, what, to))
			}
		}
		refers("parent", text(resource, "parent"), urns)
		refers("provider", text(resource, "provider"), ids)
		on, _ := resource["dependencies"].([]any)
		for _, urn := range on {
			refers("dependency", fmt.Sprint(urn), urns)
		}
		urns[urn], ids[urn+"::"+text(resource, "id")] = true, true
	}
	return out
}
