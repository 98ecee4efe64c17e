package configfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Forms returns, by pool, why the rule's key cannot be changed in the file without changing something else. A pool
// whose key can be changed alone has no entry.
func (f File) Forms(rules scale.Rules) (map[string]string, error) {
	doc, err := f.Read()
	if err != nil {
		return nil, &scale.SetupError{Problem: "cannot read " + f.Path, Err: err}
	}
	var root yaml.Node
	if err := yaml.Unmarshal(doc, &root); err != nil || len(root.Content) == 0 {
		return nil, nil //nolint:nilerr // Counts says what is wrong
	}
	strange := isStrange(&root) || documents(doc) > 1
	var out map[string]string
	misfits := func(pool, form string) {
		if out == nil {
			out = map[string]string{}
		}
		out[pool] = form
	}
	for name, rule := range rules {
		key, err := ParseKey(string(f.Project.Name), rule.ConfigKey, rule.ConfigPath)
		if err != nil {
			continue // Counts says so
		}
		spellings := f.spellings(key)
		if form := severalSpellings(&root, spellings); form != "" {
			misfits(name, form)
			continue
		}
		if !strange {
			continue
		}
		// Two counts are tried, because one of them may be what stands there.
		for _, count := range []string{"1", "2"} {
			_, err := setValue(doc, spellings, key.Path, &count)
			if form, ok := errors.AsType[*formError](err); ok {
				misfits(name, form.Error())
			}
		}
	}
	return out, nil
}

// formError says why a value cannot be changed.
type formError struct{ how string }

func (e *formError) Error() string { return e.how }

// isStrange says whether a document has an anchor, an alias or a merge in it. One place in such a document can have
// several meanings.
func isStrange(node *yaml.Node) bool {
	return node.Kind == yaml.AliasNode || node.Anchor != "" || node.Tag == "!!merge" || slices.ContainsFunc(node.Content, isStrange)
}

// documents counts the documents in a file, up to two; Pulumi reads the first.
func documents(doc []byte) int {
	decoder := yaml.NewDecoder(bytes.NewReader(doc))
	for n := range 2 {
		if err := decoder.Decode(&yaml.Node{}); errors.Is(err, io.EOF) {
			return n
		} else if err != nil {
			return n + 1
		}
	}
	return 2 //nolint:mnd // or more
}

// severalSpellings describes where a document has a key under several names; empty if it has the key under one name or
// none.
func severalSpellings(root *yaml.Node, spellings []string) string {
	if root.Kind != yaml.DocumentNode || len(root.Content) == 0 {
		return ""
	}
	_, config := mappingEntry(root.Content[0], "config")
	if config == nil {
		return ""
	}
	var found []string
	for _, spelling := range spellings {
		if key, _ := mappingEntry(config, spelling); key != nil {
			found = append(found, fmt.Sprintf("as %q (line %d)", spelling, key.Line))
		}
	}
	if len(found) < 2 { //nolint:mnd // several
		return ""
	}
	return "it stands there " + strings.Join(found, " and ") + ", and Pulumi takes one of them at random"
}

// entangled says why the value at the steps cannot be changed alone.
func entangled(root *yaml.Node, steps []any) error {
	if root.Kind == yaml.DocumentNode && len(root.Content) > 0 {
		node := root.Content[0]
		for i := 0; ; i++ {
			if node.Kind == yaml.AliasNode {
				return &formError{fmt.Sprintf("it stands behind the alias *%s (line %d)", node.Value, node.Line)}
			}
			if used := aliasOf(root, node); node.Anchor != "" && used != nil {
				return &formError{fmt.Sprintf("it stands in what the anchor &%s (line %d) gives to others too (line %d)", node.Anchor, node.Line, used.Line)}
			}
			if i == len(steps) {
				break
			}
			if _, node = child(node, steps[i]); node == nil {
				break
			}
		}
	}
	return &formError{"it cannot be changed without changing something else in the file"}
}

// aliasOf returns the first alias that stands for a node; nil if there is none.
func aliasOf(in, node *yaml.Node) *yaml.Node {
	if in.Kind == yaml.AliasNode && in.Alias == node {
		return in
	}
	for _, inner := range in.Content {
		if found := aliasOf(inner, node); found != nil {
			return found
		}
	}
	return nil
}

// editCopy is edit for a copy that nobody keeps: if settings stand behind aliases, the aliases are replaced by what
// they stand for. The settings of each update include other pools' counts. Those counts must be in the copy, however
// they stand in the file.
func (f File) editCopy(doc []byte, settings []scale.Setting) ([]byte, error) {
	edited, err := f.edit(doc, settings)
	if !scale.IsA[*formError](err) {
		return edited, err
	}
	var root yaml.Node
	var content any
	if yaml.Unmarshal(doc, &root) != nil || root.Decode(&content) != nil { // Decode finds anchors that hold themselves
		return nil, err
	}
	plain, err := encode(writtenOut(&root))
	if err != nil {
		return nil, err
	}
	return f.edit(plain, settings)
}

// writtenOut returns a copy of a node without anchors, in which each alias is replaced by what it stands for.
func writtenOut(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return writtenOut(node.Alias)
	}
	out := *node
	out.Anchor, out.Content = "", make([]*yaml.Node, len(node.Content))
	for i, inner := range node.Content {
		out.Content[i] = writtenOut(inner)
	}
	return &out
}
