package cmd

import (
	"bytes"
	"errors"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/webhook/identity"
	"github.com/pulumiscale/pulumiscale/webhook/notify"
)

// sections are what the settings file has besides flags: lists, which no flag could hold.
type sections struct {
	Identities []identity.Setting `yaml:"identities"`
	Listeners  []notify.Setting   `yaml:"listeners"`
}

// sectionNames are the names of the sections in the settings file.
func sectionNames() []string {
	var out []string
	for field := range reflect.TypeFor[sections]().Fields() {
		out = append(out, field.Tag.Get("yaml"))
	}
	return out
}

// goType is how the YAML library names a Go type, which nobody who writes settings knows.
var goType = regexp.MustCompile(` (?:in type|into) [\w.\[\]*]+`)

// readSections reads the sections of the settings file. A misspelt field is an error that names its line. Unlike flags,
// they are not read by viper, which makes all keys lower case: names of claims are not.
func readSections(path string) (sections, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return sections{}, err
	}
	file := struct {
		sections `yaml:",inline"`
		Flags    map[string]any `yaml:",inline"`
	}{}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		problem := err.Error()
		if mistakes, ok := errors.AsType[*yaml.TypeError](err); ok {
			problem = goType.ReplaceAllString(mistakes.Errors[0], "")
		}
		return sections{}, &scale.UsageError{
			Field: path, Problem: strings.TrimPrefix(problem, "yaml: "), Hint: "docs/commands.md has the settings that are lists: " + strings.Join(sectionNames(), ", "),
		}
	}
	if err := identity.Check(path+": identities", file.Identities); err != nil {
		return sections{}, err
	}
	return file.sections, notify.Check(path+": listeners", file.Listeners)
}
