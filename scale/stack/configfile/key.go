package configfile

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Key is a rule's key, taken apart: the full name of a value in the configuration, and the path to the count inside
// that value.
type Key struct {
	// Name is "namespace:name".
	Name string
	// Path are the property names and indices inside a structured value; empty if the value itself is the count.
	Path resource.PropertyPath
}

// ParseKey reads a key as `pulumi config set`, with or without `--path`, does.
func ParseKey(projectName, key string, path bool) (Key, error) {
	name := key
	var rest resource.PropertyPath
	if path {
		parsed, err := resource.ParsePropertyPath(key)
		if err != nil {
			return Key{}, fmt.Errorf("config path %q: %w", key, err)
		}
		first, ok := parsed[0].(string)
		if !ok {
			return Key{}, fmt.Errorf("config path %q must begin with a name", key)
		}
		name, rest = first, parsed[1:]
	}
	switch parts := strings.Split(name, ":"); {
	case len(parts) == 1:
		name = projectName + ":" + name
	case len(parts) == 3 && parts[1] == "config":
		name = parts[0] + ":" + parts[2]
	}
	return Key{Name: name, Path: rest}, nil
}

// SecretText stands for a value that is a secret: no count, and not to be shown.
const SecretText = "[secret]"

// Lookup follows the path into a value and returns what is there as text; nil if nothing is.
func (k Key) Lookup(value any) *string {
	for _, step := range k.Path {
		switch at := value.(type) {
		case map[string]any:
			name, ok := step.(string)
			if !ok {
				return nil
			}
			value = at[name]
		case []any:
			i, ok := step.(int)
			if !ok || i < 0 || i >= len(at) {
				return nil
			}
			value = at[i]
		default:
			return nil
		}
	}
	return Text(value)
}

// Text returns a configuration value as the text that Pulumi hands to a program; nil if there is no value.
func Text(value any) *string {
	var text string
	switch v := value.(type) {
	case nil:
		return nil
	case string:
		text = v
	case json.Number:
		text = v.String()
	case int:
		text = strconv.Itoa(v)
	case map[string]any:
		if _, ok := v["secure"]; ok && len(v) == 1 {
			text = SecretText
			break
		}
		text = JSON(v)
	default:
		text = JSON(v)
	}
	return &text
}

// JSON returns a value as JSON text.
func JSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}

// BadKey returns the error for a key that the check of the rules accepted and Pulumi does not accept.
func BadKey(rule scale.Rule, err error) error {
	return &scale.RulesError{Problems: []scale.Problem{{Pool: rule.Pool, Field: "configKey", Found: fmt.Sprintf("%q", rule.ConfigKey), Expected: err.Error()}}}
}
