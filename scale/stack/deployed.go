package stack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"go.yaml.in/yaml/v3"

	"github.com/pulumiscale/pulumiscale/scale"
)

// An update runs with the configuration of the last successful one: whatever else stands in the file is somebody's edit
// for their own `pulumi up`. Secrets are as in the file, since the history does not tell them, and so is its
// `environment`.

// secretValue stands in [scale.Snapshot.Config] for a value that the history does not tell.
const secretValue = ""

// deployedConfig is the configuration of the last successful update in some entries, newest first, in JSON by full key;
// nil if there is none, or if it is not told. An update that ran on what was out of date does not count.
func deployedConfig(entries []entry) map[string]string {
	for i, e := range entries {
		if e.Kind != kindUpdate || e.Result != succeeded {
			continue
		}
		if on, _, ours := e.decidedOn(); ours && i+1 < len(entries) && on != head(entries[i+1:]) {
			continue
		}
		if e.Config == nil {
			return nil
		}
		out := make(map[string]string, len(e.Config))
		for key, value := range e.Config {
			switch {
			case value.Secret:
				out[key] = secretValue
			case value.Object != nil:
				out[key] = asJSON(value.Object)
			case value.Value != nil:
				out[key] = asJSON(*value.Value)
			}
		}
		return out
	}
	return nil
}

// deployOf is the newest update in some entries, newest first, that is no scaling of ours; nil if there is none.
func deployOf(entries []entry) *scale.Deploy {
	for i, e := range entries {
		if _, _, ours := e.decidedOn(); ours {
			continue
		}
		if e.Kind != kindUpdate || e.Result != succeeded {
			continue // a refresh, or an update that failed, deploys nothing
		}
		return &scale.Deploy{Head: head(entries[i:]), At: e.EndTime, Commit: e.Environment.Commit, Dirty: e.Environment.Dirty == "true"}
	}
	return nil
}

// configAfter is the deployed configuration after an update with the settings.
func (f configFile) configAfter(before map[string]string, settings []scale.Setting) map[string]string {
	if before == nil {
		return nil
	}
	out := maps.Clone(before)
	for _, set := range settings {
		key, err := parseKey(string(f.project.Name), set.Key, set.Path)
		was, known := out[key.name]
		switch {
		case err != nil || known && was == secretValue:
		case len(key.path) == 0 && set.Value == nil:
			delete(out, key.name)
		case len(key.path) == 0:
			out[key.name] = asJSON(*set.Value)
		case known && set.Value != nil:
			whole := resource.NewPropertyValue(value(was))
			if key.path.Set(whole, resource.NewPropertyValue(value(*set.Value))) {
				out[key.name] = asJSON(whole.Mappable())
			}
		}
	}
	return out
}

// private is the file as an update gets it: the document with the deployed configuration and the settings.
func (f configFile) private(change scale.Change) ([]byte, error) {
	doc, err := f.read()
	if err != nil {
		return nil, err
	}
	if doc, _, err = f.asDeployed(doc, change.Config, nil); err != nil {
		return nil, err
	}
	return f.editCopy(doc, change.Settings)
}

// asDeployed is the document with the deployed values in the place of the file's own. It also returns the keys that it
// changes, sorted and without the rules' keys. A document that has these values already is returned as it is.
func (f configFile) asDeployed(doc []byte, deployed map[string]string, rules scale.Rules) (_ []byte, differing []string, err error) {
	if deployed == nil {
		return doc, nil, nil
	}
	var root yaml.Node
	if err := yaml.Unmarshal(doc, &root); err != nil {
		return nil, nil, err
	}
	var content any
	if err := root.Decode(&content); err != nil { // such as an anchor that holds itself
		return nil, nil, err
	}
	root = *plainNode(&root)
	config := configNode(&root)
	missing := maps.Clone(deployed)
	maps.DeleteFunc(missing, func(name, want string) bool { return want == secretValue || f.isDefault(name, want) })
	differs := func(name string, node *yaml.Node, want string) {
		if !f.counts(rules, name, node, want) {
			differing = append(differing, name)
		}
	}
	changed := false
	for i := 0; config != nil && i+1 < len(config.Content); i += 2 {
		key, node := config.Content[i], config.Content[i+1]
		name := f.fullName(key.Value)
		want, known := deployed[name]
		delete(missing, name)
		if holdsSecret(node) || want == secretValue && known || known && sameValue(node, want) {
			continue
		}
		differs(name, node, want)
		changed = true
		if !known {
			config.Content = slices.Delete(config.Content, i, i+2) //nolint:mnd // the key and its value
			i -= 2
			continue
		}
		if err := node.Encode(value(want)); err != nil {
			return nil, nil, err
		}
	}
	for name, want := range missing {
		differs(name, nil, want)
	}
	slices.Sort(differing)
	if !changed && len(missing) == 0 {
		return doc, nil, nil
	}
	if err := addValues(&root, config, missing); err != nil {
		return nil, nil, err
	}
	out, err := f.encode(&root)
	return out, differing, err
}

// addValues puts deployed values into the mapping of the configuration in a document, which may have none.
func addValues(root, config *yaml.Node, values map[string]string) error {
	if config == nil && len(values) > 0 {
		config = addConfig(root)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		var node yaml.Node
		if err := node.Encode(value(values[name])); err != nil {
			return err
		}
		config.Content = append(config.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name, Style: yaml.DoubleQuotedStyle}, &node)
	}
	return nil
}

// plainNode is a copy of a node in which each alias is replaced by what it stands for, and each merge by the entries
// that it brings. So one of them can be changed, or taken away, without the others.
func plainNode(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return plainNode(node.Alias)
	}
	out := *node
	out.Anchor, out.Content = "", nil
	var merged []*yaml.Node
	for i, inner := range node.Content {
		inner = plainNode(inner)
		switch {
		case node.Kind != yaml.MappingNode || node.Content[i&^1].Tag != "!!merge": // the key of the pair
			out.Content = append(out.Content, inner)
		case i%2 == 1 && inner.Kind == yaml.SequenceNode:
			merged = append(merged, inner.Content...)
		case i%2 == 1:
			merged = append(merged, inner)
		}
	}
	for _, source := range merged {
		for i := 0; i+1 < len(source.Content); i += 2 {
			if _, own := mappingEntry(&out, source.Content[i].Value); own == nil {
				out.Content = append(out.Content, source.Content[i], source.Content[i+1])
			}
		}
	}
	return &out
}

// encode is a document in the language of the file.
func (f configFile) encode(root *yaml.Node) ([]byte, error) {
	if filepath.Ext(f.path) != ".json" {
		return encode(root)
	}
	var content any
	if err := root.Decode(&content); err != nil {
		return nil, err
	}
	return json.Marshal(content)
}

// configNode is the mapping of the configuration in a document; nil if there is none.
func configNode(root *yaml.Node) *yaml.Node {
	if len(root.Content) == 0 {
		return nil
	}
	_, config := mappingEntry(root.Content[0], "config")
	if config == nil || config.Kind != yaml.MappingNode {
		return nil
	}
	return config
}

// addConfig puts a mapping for the configuration into a document that has none.
func addConfig(root *yaml.Node) *yaml.Node {
	config := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	if root.Kind != yaml.DocumentNode || len(root.Content) == 0 || root.Content[0].Kind != yaml.MappingNode {
		*root = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode, Tag: "!!map"}}}
	}
	top := root.Content[0]
	if _, empty := mappingEntry(top, "config"); empty != nil { // such as `config:` alone
		*empty = *config
		return empty
	}
	top.Content = append(top.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "config"}, config)
	return config
}

// fullName is a key of the file as the history has it.
func (f configFile) fullName(key string) string {
	parsed, err := parseKey(string(f.project.Name), key, false)
	if err != nil {
		return key
	}
	return parsed.name
}

// holdsSecret says whether a value is, or has in it, one that is encrypted.
func holdsSecret(node *yaml.Node) bool {
	if node.Kind == yaml.MappingNode && len(node.Content) == 2 && node.Content[0].Value == "secure" { //nolint:mnd // a key and its value
		return true
	}
	return slices.ContainsFunc(node.Content, holdsSecret)
}

// value is a value of [scale.Snapshot.Config].
func value(text string) any {
	var out any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&out) != nil {
		return text
	}
	return plainNumbers(out)
}

// plainNumbers puts numbers in the place of their texts, which would be written as texts.
func plainNumbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if n, err := v.Float64(); err == nil {
			return n
		}
		return v.String()
	case map[string]any:
		for key, inner := range v {
			v[key] = plainNumbers(inner)
		}
	case []any:
		for i, inner := range v {
			v[i] = plainNumbers(inner)
		}
	}
	return value
}

// sameValue says whether a node of the file is a deployed value. A scalar is compared as the text that the program
// gets.
func sameValue(node *yaml.Node, want string) bool {
	wanted := value(want)
	if node.Kind == yaml.ScalarNode {
		text, isText := wanted.(string)
		if isText && node.Value == text && node.Tag != "!!null" {
			return true
		}
	}
	var got any
	if node.Decode(&got) != nil {
		return false
	}
	got = asRead(got)
	if text, isText := wanted.(string); isText {
		own := asText(got)
		return own != nil && *own == text || got == nil && text == ""
	}
	return bytes.Equal([]byte(asJSON(got)), []byte(asJSON(wanted)))
}

// asRead is a value of a YAML document as Pulumi has it: its values are those of JSON.
func asRead(value any) any {
	switch v := value.(type) {
	case time.Time:
		return v.String()
	case uint64: // JSON, as it is read, has no more of it than this
		return float64(v)
	case map[any]any:
		out := make(map[string]any, len(v))
		for key, inner := range v {
			out[fmt.Sprint(key)] = asRead(inner)
		}
		return out
	case map[string]any:
		for key, inner := range v {
			v[key] = asRead(inner)
		}
	case []any:
		for i, inner := range v {
			v[i] = asRead(inner)
		}
	}
	return value
}

// isDefault says whether a deployed value is the one that the project gives its key.
func (f configFile) isDefault(name, want string) bool {
	given := f.project.defaultValue(configKey{name: name})
	if given == nil {
		return false
	}
	text, wanted := asText(given), value(want)
	if own, isText := wanted.(string); isText {
		return text != nil && *text == own
	}
	return asJSON(given) == asJSON(wanted)
}

// counts says whether the file's value of a key differs from the deployed one in nothing but the counts of rules. Drift
// tells of these.
func (f configFile) counts(rules scale.Rules, name string, node *yaml.Node, want string) bool {
	var paths []resource.PropertyPath
	for _, rule := range rules {
		if key, err := parseKey(string(f.project.Name), rule.ConfigKey, rule.ConfigPath); err == nil && key.name == name {
			paths = append(paths, key.path)
		}
	}
	if len(paths) == 0 {
		return false
	}
	if slices.ContainsFunc(paths, func(p resource.PropertyPath) bool { return len(p) == 0 }) {
		return true
	}
	var got any
	if node == nil || node.Decode(&got) != nil {
		return false
	}
	mine, theirs := resource.NewPropertyValue(value(asJSON(asRead(got)))), resource.NewPropertyValue(value(want))
	for _, path := range paths {
		path.Set(mine, resource.NewProperty(0.0))
		path.Set(theirs, resource.NewProperty(0.0))
	}
	return mine.DeepEquals(theirs)
}
