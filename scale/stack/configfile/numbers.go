package configfile

import (
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"go.yaml.in/yaml/v3"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/snippet"
)

// WholeNumbers are the config keys that hold a whole number: the keys of the file, and those that only the project file
// has.
func (f File) WholeNumbers() ([]snippet.Key, error) {
	doc, err := f.Read()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &scale.SetupError{Problem: "cannot read " + f.Path, Err: err}
	}
	var content struct {
		Config map[string]any `yaml:"config"`
	}
	if err := yaml.Unmarshal(doc, &content); err != nil {
		return nil, &scale.SetupError{Problem: "cannot read " + f.Path, Err: err, Hint: "fix the file, or check it out again"}
	}
	values := map[string]any{}
	for name := range f.Project.Config {
		key, err := ParseKey(string(f.Project.Name), name, false)
		if err == nil {
			values[key.Name] = defaultValue(f.Project, key)
		}
	}
	for name, value := range content.Config {
		if key, err := ParseKey(string(f.Project.Name), name, false); err == nil {
			values[key.Name] = value
		}
	}
	var out []snippet.Key
	for name, value := range values {
		short := strings.TrimPrefix(name, string(f.Project.Name)+":")
		out = append(out, numbersIn(short, nil, value)...)
	}
	slices.SortFunc(out, func(a, b snippet.Key) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

// numbersIn returns the whole numbers in a value, each with the path that leads to it.
func numbersIn(name string, path resource.PropertyPath, value any) []snippet.Key {
	var out []snippet.Key
	switch v := value.(type) {
	case map[string]any:
		for field, inner := range v {
			out = append(out, numbersIn(name, append(slices.Clone(path), field), inner)...)
		}
	case []any:
		for i, inner := range v {
			out = append(out, numbersIn(name, append(slices.Clone(path), i), inner)...)
		}
	default:
		text := Text(value)
		if text == nil {
			return nil
		}
		n, err := strconv.Atoi(*text)
		if err != nil || n < 0 {
			return nil
		}
		key := snippet.Key{Key: name, Value: n}
		if len(path) > 0 {
			key.Path, key.Key = true, name+dotted(path)
		}
		out = append(out, key)
	}
	return out
}

// dotted returns a path in the form in which it follows a name.
func dotted(path resource.PropertyPath) string {
	text := path.String()
	if strings.HasPrefix(text, "[") {
		return text
	}
	return "." + text
}
