package configfile

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

// An update runs with the configuration of the last successful update. Where the file differs, somebody has edited it
// for their own `pulumi up`. Secrets and the `environment` are taken from the file, since the history does not tell
// them.

// SecretValue stands in [scale.Snapshot.Config] for a value that the history does not tell.
const SecretValue = ""

// DeployedAfter returns the deployed configuration as it is after an update with the settings; nil if before is nil.
func (f File) DeployedAfter(before map[string]string, settings []scale.Setting) map[string]string {
	if before == nil {
		return nil
	}
	out := maps.Clone(before)
	for _, set := range settings {
		key, err := ParseKey(string(f.Project.Name), set.Key, set.Path)
		was, known := out[key.Name]
		switch {
		case err != nil || known && was == SecretValue:
		case len(key.Path) == 0 && set.Value == nil:
			delete(out, key.Name)
		case len(key.Path) == 0:
			out[key.Name] = JSON(*set.Value)
		case known && set.Value != nil:
			whole := resource.NewPropertyValue(value(was))
			if key.Path.Set(whole, resource.NewPropertyValue(value(*set.Value))) {
				out[key.Name] = JSON(whole.Mappable())
			}
		}
	}
	return out
}

// ForChange returns the file as an update gets it: the document with the deployed configuration and the settings.
func (f File) ForChange(change scale.Change) ([]byte, error) {
	doc, err := f.Read()
	if err != nil {
		return nil, err
	}
	if doc, _, err = f.AsDeployed(doc, change.Config, nil); err != nil {
		return nil, err
	}
	return f.editCopy(doc, change.Settings)
}

// AsDeployed returns the document with the deployed values in the place of its own. It also returns the keys that it
// changes, sorted, but not those at which only the counts of rules differ. A document that has these values already is
// returned as it is.
func (f File) AsDeployed(doc []byte, deployed map[string]string, rules scale.Rules) (_ []byte, differing []string, err error) {
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
	maps.DeleteFunc(missing, func(name, want string) bool { return want == SecretValue || f.isDefault(name, want) })
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
		if holdsSecret(node) || want == SecretValue && known || known && sameValue(node, want) {
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

// addValues puts deployed values into the mapping of the configuration in a document. It makes the mapping if there is
// none.
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

// plainNode returns a copy of a node in which each alias is replaced by what it stands for, and each merge by the
// entries that it brings. In the copy, one entry can be changed, or taken away, without changing others.
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

// encode returns a document in the language of the file, YAML or JSON.
func (f File) encode(root *yaml.Node) ([]byte, error) {
	if filepath.Ext(f.Path) != ".json" {
		return encode(root)
	}
	var content any
	if err := root.Decode(&content); err != nil {
		return nil, err
	}
	return json.Marshal(content)
}

// configNode returns the mapping of the configuration in a document; nil if there is none.
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

// addConfig puts a mapping for the configuration into a document that has none, and returns the mapping.
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

// fullName returns a key of the file in the form in which the history has it.
func (f File) fullName(key string) string {
	parsed, err := ParseKey(string(f.Project.Name), key, false)
	if err != nil {
		return key
	}
	return parsed.Name
}

// holdsSecret says whether a value is encrypted, or has an encrypted value in it.
func holdsSecret(node *yaml.Node) bool {
	if node.Kind == yaml.MappingNode && len(node.Content) == 2 && node.Content[0].Value == "secure" { //nolint:mnd // a key and its value
		return true
	}
	return slices.ContainsFunc(node.Content, holdsSecret)
}

// value decodes a value of [scale.Snapshot.Config].
func value(text string) any {
	var out any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&out) != nil {
		return text
	}
	return plainNumbers(out)
}

// plainNumbers replaces each [json.Number] by a number: a json.Number is a text, and would be written as one.
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

// sameValue says whether a node of the file has a deployed value. A scalar is compared as the text that the program
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
		own := Text(got)
		return own != nil && *own == text || got == nil && text == ""
	}
	return bytes.Equal([]byte(JSON(got)), []byte(JSON(wanted)))
}

// asRead returns a value of a YAML document as Pulumi reads it: Pulumi knows only the kinds of values that JSON has.
func asRead(value any) any {
	switch v := value.(type) {
	case time.Time:
		return v.String()
	case uint64: // a number that Pulumi reads from JSON is no more exact than this
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

// isDefault says whether a deployed value is the value that the project file gives its key.
func (f File) isDefault(name, want string) bool {
	given := defaultValue(f.Project, Key{Name: name})
	if given == nil {
		return false
	}
	text, wanted := Text(given), value(want)
	if own, isText := wanted.(string); isText {
		return text != nil && *text == own
	}
	return JSON(given) == JSON(wanted)
}

// counts says whether the file's value of a key differs from the deployed one in nothing but the counts of rules. Such
// differences are reported as drift.
func (f File) counts(rules scale.Rules, name string, node *yaml.Node, want string) bool {
	var paths []resource.PropertyPath
	for _, rule := range rules {
		if key, err := ParseKey(string(f.Project.Name), rule.ConfigKey, rule.ConfigPath); err == nil && key.Name == name {
			paths = append(paths, key.Path)
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
	mine, theirs := resource.NewPropertyValue(value(JSON(asRead(got)))), resource.NewPropertyValue(value(want))
	for _, path := range paths {
		path.Set(mine, resource.NewProperty(0.0))
		path.Set(theirs, resource.NewProperty(0.0))
	}
	return mine.DeepEquals(theirs)
}

// WithoutCounts returns what the file says as an update gets it, in JSON, with 0 in the place of the rules' counts.
func (f File) WithoutCounts(change scale.Change) ([]byte, error) {
	doc, err := f.ForChange(scale.Change{Config: change.Config})
	if err != nil {
		return nil, err
	}
	for _, set := range change.Settings {
		set.Value = Text("0")
		if edited, err := f.edit(doc, []scale.Setting{set}); err == nil { // if this fails, the update may too
			doc = edited
		}
	}
	// Only what the document says counts: it does not matter where in the file a count stands, or how.
	var content any
	if err := yaml.Unmarshal(doc, &content); err != nil {
		return nil, err
	}
	return []byte(JSON(content)), nil
}
