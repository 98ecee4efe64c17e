package configfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"go.yaml.in/yaml/v3"
)

// setValue sets one value under "config" in a YAML document, or takes it away if text is nil.
//
// A value that is there already is replaced in place, and a new one gets a line of its own, so that every other byte of
// the file stays: people keep comments, blank lines and an order of their own in it. Only a document of an unusual form
// is written anew from its nodes, which keeps the comments. However it is done, the result must say what the document
// said, except for the one value.
func setValue(doc []byte, spellings []string, path resource.PropertyPath, text *string) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(doc, &root); err != nil {
		return nil, err
	}
	steps := append([]any{"config"}, any(spellings))
	steps = append(steps, path...)
	if sameBut(doc, doc, steps, text) {
		return doc, nil
	}
	found := find(&root, steps)
	if found.missing > 0 && (text == nil || found.node != nil && found.node.Kind == yaml.AliasNode) {
		return nil, entangled(&root, steps)
	}
	if found.missing == 0 && text != nil {
		switch found.node.Kind {
		case yaml.ScalarNode:
		case yaml.AliasNode:
			return nil, entangled(&root, steps)
		default:
			return nil, errors.New("there is a structure where the count should be")
		}
		if out, ok := replaceScalar(doc, found.node, *text); ok && sameBut(doc, out, steps, text) {
			return out, nil
		}
	}
	if found.missing > 0 {
		if out, ok := insertLines(doc, found, names(steps[len(steps)-found.missing:]), inStyle(*text, path)); ok && sameBut(doc, out, steps, text) {
			return out, nil
		}
	}
	if documents(doc) > 1 { // only the first of them would be written
		return nil, &formError{"the file holds several documents"}
	}
	out, err := rewrite(&root, found, names(steps[len(steps)-found.missing:]), text)
	if err == nil && !sameBut(doc, out, steps, text) {
		return nil, entangled(&root, steps)
	}
	return out, err
}

// place is how far a path leads into a document.
type place struct {
	// node is where the path ends, or the last node on it that exists; nil for an empty document.
	node *yaml.Node
	// parent is the node that holds node, and key is the mapping key in front of it; both are nil at the top, and key
	// is nil in a list.
	parent, key *yaml.Node
	// missing is how many steps of the path are not there.
	missing int
}

// find follows the steps. A step is a string, an int, or a list of strings. If it is a list, find takes the first
// string of the list that is there.
func find(root *yaml.Node, steps []any) place {
	if root.Kind != yaml.DocumentNode || len(root.Content) == 0 {
		return place{missing: len(steps)}
	}
	at := place{node: root.Content[0]}
	for i, step := range steps {
		key, value := child(at.node, step)
		if value == nil {
			at.missing = len(steps) - i
			return at
		}
		at = place{node: value, parent: at.node, key: key}
	}
	return at
}

func child(node *yaml.Node, step any) (key, value *yaml.Node) {
	switch s := step.(type) {
	case string:
		return mappingEntry(node, s)
	case []string:
		for _, name := range s {
			if key, value = mappingEntry(node, name); value != nil {
				return key, value
			}
		}
	case int:
		if node.Kind == yaml.SequenceNode && s >= 0 && s < len(node.Content) {
			return nil, node.Content[s]
		}
	}
	return nil, nil
}

func mappingEntry(node *yaml.Node, name string) (key, value *yaml.Node) {
	if node.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == name {
			return node.Content[i], node.Content[i+1]
		}
	}
	return nil, nil
}

// names turns the missing steps into the names to write. An index stays an int, and cannot be written as a line.
func names(steps []any) []any {
	out := slices.Clone(steps)
	for i, step := range out {
		if spellings, ok := step.([]string); ok {
			out[i] = spellings[0]
		}
	}
	return out
}

// replaceScalar puts the text in the place of a scalar that stands on one line, in the same style. It returns false if
// it cannot.
func replaceScalar(doc []byte, node *yaml.Node, text string) ([]byte, bool) {
	at, ok := offset(doc, node)
	if !ok {
		return nil, false
	}
	token := node.Value
	switch node.Style &^ yaml.TaggedStyle {
	case yaml.DoubleQuotedStyle:
		token, text = strconv.Quote(token), strconv.Quote(text)
	case yaml.SingleQuotedStyle:
		token, text = "'"+token+"'", "'"+text+"'"
	case 0:
	default:
		return nil, false
	}
	if token == "" || node.Anchor != "" || !bytes.HasPrefix(doc[at:], []byte(token)) {
		return nil, false
	}
	return slices.Concat(doc[:at], []byte(text), doc[at+len(token):]), true
}

// offset returns where a node begins in the document; false if the document has no such place. The parser counts lines
// and columns from 1, and columns in characters.
func offset(doc []byte, node *yaml.Node) (int, bool) {
	at := 0
	for range node.Line - 1 {
		n := bytes.IndexByte(doc[at:], '\n')
		if n < 0 {
			return 0, false
		}
		at += n + 1
	}
	line := doc[at:]
	for range node.Column - 1 {
		runes := []rune(string(line[:min(len(line), 4)]))
		if len(runes) == 0 {
			return 0, false
		}
		n := len(string(runes[0]))
		at, line = at+n, line[n:]
	}
	return at, true
}

// insertLines adds a key, and the mappings around it that are missing, as the first entry of the block mapping to which
// the path leads. If there is no such mapping at all, it adds them at the end of the file. It returns false if it
// cannot.
func insertLines(doc []byte, found place, missing []any, text string) ([]byte, bool) {
	at, indent := len(doc), 0
	if found.key != nil {
		block := found.node.Kind == yaml.MappingNode && found.node.Style&yaml.FlowStyle == 0 && len(found.node.Content) > 0
		empty := found.node.Kind == yaml.ScalarNode && found.node.Tag == "!!null" && found.node.Value == ""
		if !block && !empty {
			return nil, false
		}
		indent = found.key.Column + 1
		if block {
			indent = found.node.Content[0].Column - 1
		}
		start, ok := offset(doc, found.key)
		if !ok {
			return nil, false
		}
		end := bytes.IndexByte(doc[start:], '\n')
		at = len(doc)
		if end >= 0 {
			at = start + end + 1
		}
	} else if found.node != nil && (found.node.Kind != yaml.MappingNode || found.node.Style&yaml.FlowStyle != 0) {
		return nil, false
	}
	var lines strings.Builder
	if at > 0 && doc[at-1] != '\n' {
		lines.WriteByte('\n')
	}
	for i, name := range missing {
		key, ok := name.(string)
		if !ok {
			return nil, false
		}
		lines.WriteString(strings.Repeat(" ", indent+2*i) + yamlKey(key) + ":")
		if i < len(missing)-1 {
			lines.WriteByte('\n')
		}
	}
	lines.WriteString(" " + text + "\n")
	added := lines.String()
	if bytes.Contains(doc, []byte("\r\n")) {
		added = strings.ReplaceAll(added, "\n", "\r\n")
	}
	return slices.Concat(doc[:at], []byte(added), doc[at:]), true
}

// inStyle writes a new count as Pulumi does: as a string if the count is the key's whole value, bare inside a
// structured value.
func inStyle(text string, path resource.PropertyPath) string {
	if len(path) > 0 {
		return text
	}
	return strconv.Quote(text)
}

// yamlKey returns a key in the form in which a mapping must have it.
func yamlKey(key string) string {
	out, err := yaml.Marshal(key)
	if err != nil {
		return strconv.Quote(key)
	}
	return strings.TrimSpace(string(out))
}

// rewrite sets or takes away the value in the document's nodes and encodes them.
func rewrite(root *yaml.Node, found place, missing []any, text *string) ([]byte, error) {
	if text == nil {
		removeEntry(found)
		return encode(root)
	}
	if found.node == nil {
		return nil, errors.New("the document is empty")
	}
	node := found.node
	flow := node.Style&yaml.FlowStyle != 0 || found.parent != nil && found.parent.Style&yaml.FlowStyle != 0
	for _, name := range missing {
		key, ok := name.(string)
		if !ok {
			return nil, fmt.Errorf("index %v of a list is not there", name)
		}
		if node.Kind == yaml.ScalarNode && node.Tag == "!!null" {
			*node = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		}
		if node.Kind != yaml.MappingNode {
			return nil, fmt.Errorf("there is no mapping to put %q into", key)
		}
		keyNode, value := &yaml.Node{Kind: yaml.ScalarNode, Value: key}, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
		if flow {
			keyNode.Style = yaml.DoubleQuotedStyle // the file may be JSON
		}
		node.Content = append(node.Content, keyNode, value)
		node = value
	}
	node.Kind, node.Tag, node.Value, node.Content = yaml.ScalarNode, "", *text, nil
	return encode(root)
}

func removeEntry(found place) {
	for i, node := range found.parent.Content {
		if node != found.node {
			continue
		}
		if found.key == nil {
			found.parent.Content = slices.Delete(found.parent.Content, i, i+1)
		} else {
			found.parent.Content = slices.Delete(found.parent.Content, i-1, i+1)
		}
		return
	}
}

func encode(root *yaml.Node) ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}
