package docs

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// typeScriptOf is a Pulumi program in YAML as one in TypeScript, so that the SDK's types say whether its resources have
// such properties. It is empty if the block declares no resources.
func typeScriptOf(b block) (string, error) {
	var program struct{ Resources yaml.Node }
	if err := yaml.Unmarshal([]byte(b.text), &program); err != nil {
		return "", fmt.Errorf("%s:%d: %w", b.page, b.line, err)
	}
	out := &strings.Builder{}
	for i := 0; i+1 < len(program.Resources.Content); i += 2 {
		var resource struct {
			Type       string
			Properties map[string]any
		}
		if err := program.Resources.Content[i+1].Decode(&resource); err != nil {
			return "", fmt.Errorf("%s:%d: %w", b.page, b.line, err)
		}
		if resource.Properties == nil {
			resource.Properties = map[string]any{}
		}
		properties, err := json.Marshal(resource.Properties)
		if err != nil {
			return "", fmt.Errorf("%s:%d: %w", b.page, b.line, err)
		}
		name := program.Resources.Content[i].Value
		fmt.Fprintf(out, "const %s = new %s(%q, %s);\n", name, strings.ReplaceAll(resource.Type, ":", "."), name,
			interpolated.ReplaceAllStringFunc(string(properties), interpolation))
	}
	return out.String(), nil
}

var (
	interpolated = regexp.MustCompile(`"[^"]*\$\{[^"]*"`)
	reference    = regexp.MustCompile(`\$\{([^}]*)\}`)
	configured   = regexp.MustCompile(`\$\{(\w+):(\w+)\}`)
)

// interpolation is a string of YAML with references, as TypeScript. A reference alone keeps its type.
func interpolation(quoted string) string {
	text := configured.ReplaceAllString(strings.Trim(quoted, `"`), `${new pulumi.Config("$1").requireSecret("$2")}`)
	if whole := reference.FindStringSubmatch(text); len(whole) > 1 && whole[0] == text {
		return whole[1]
	}
	return "pulumi.interpolate`" + text + "`"
}
