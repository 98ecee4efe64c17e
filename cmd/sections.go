package cmd

import (
	"os"
	"reflect"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/yamlfile"
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
	if mistakes := yamlfile.Decode(text, &file); len(mistakes) > 0 {
		return sections{}, &scale.UsageError{
			Field: path, Problem: strings.Join(mistakes, "; "), Hint: "docs/commands.md has the settings that are lists: " + strings.Join(sectionNames(), ", "),
		}
	}
	if err := identity.Check(path+": identities", file.Identities); err != nil {
		return sections{}, err
	}
	return file.sections, notify.Check(path+": listeners", file.Listeners)
}
