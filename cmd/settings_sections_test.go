package cmd

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/webhook/identity"
)

// The settings file holds lists besides flags. The keys in them keep their case.
func TestSections(t *testing.T) {
	dir, _ := program(t, `
retries: 7
identities:
  - name: a
    issuer: https://a.example.com
    audience: here
    claims: {appId: [x, y]}
`)
	a := &app{}
	if _, err := parseLine(a, "scale", "w", "--count", "1", "-C", dir); err != nil {
		t.Fatal(err)
	}
	want := sections{Identities: []identity.Setting{{
		Name: "a", Issuer: "https://a.example.com", Audience: "here", Claims: map[string]identity.OneOf{"appId": {"x", "y"}},
	}}}
	if diff := cmp.Diff(want, a.sections); diff != "" || a.settings.retries != 7 {
		t.Errorf("%d retries, %s", a.settings.retries, diff)
	}
}

func TestMistakesInSections(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"a misspelt field":   {"identities:\n  - isuer: x\n", "FILE: line 2: field isuer not found"},
		"no list":            {"identities: yes\n", "FILE: line 1: cannot unmarshal !!str `yes`"},
		"an incomplete item": {"identities:\n  - name: a\n", "FILE: identities[0].issuer: is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, file := program(t, c.file)
			term := newTerminal(newFake(), "")
			if code := term.execute([]string{"serve", "-C", dir}); code != 2 {
				t.Errorf("exit code %d", code)
			}
			message, _, _ := strings.Cut(term.stderr.String(), "\n")
			if got := strings.ReplaceAll(message, file, "FILE"); !strings.HasPrefix(got, "error: "+c.want) {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}
