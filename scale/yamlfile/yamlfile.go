// Package yamlfile reads YAML that people write: settings and lists.
package yamlfile

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// goType finds the Go types in the YAML library's messages. Whoever writes the file does not know them.
var goType = regexp.MustCompile(` (?:in type|into) [\w.\[\]*]+`)

// Decode reads a document. A field that is not known is a mistake. It returns all mistakes that it finds, each with its
// line; nil if there are none. An empty document sets nothing.
func Decode(text []byte, into any) (mistakes []string) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	err := decoder.Decode(into)
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	wrong, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		return []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	for _, mistake := range wrong.Errors {
		mistakes = append(mistakes, goType.ReplaceAllString(mistake, ""))
	}
	return mistakes
}
