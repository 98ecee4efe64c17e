package identity

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/pulumiscale/pulumiscale/scale"
)

const goodSettings = `
- name: pubsub
  issuer: https://accounts.google.com
  audience: https://pulumiscale.example.com
  claims: {email: alarms@project.iam.gserviceaccount.com}
- name: deploys
  issuer: https://token.actions.githubusercontent.com
  audience: pulumiscale
  claims: {repository: [acme/infra, acme/apps], run_attempt: 1}
  routes: [/scale/, /hold]
`

func TestSettings(t *testing.T) {
	var got []Setting
	if err := yaml.Unmarshal([]byte(goodSettings), &got); err != nil {
		t.Fatal(err)
	}
	want := []Setting{
		{
			Name: "pubsub", Issuer: "https://accounts.google.com", Audience: "https://pulumiscale.example.com",
			Claims: map[string]OneOf{"email": {"alarms@project.iam.gserviceaccount.com"}},
		},
		{
			Name: "deploys", Issuer: "https://token.actions.githubusercontent.com", Audience: "pulumiscale",
			Claims: map[string]OneOf{"repository": {"acme/infra", "acme/apps"}, "run_attempt": {"1"}}, Routes: []string{"/scale/", "/hold"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := Check("identities", got); err != nil {
		t.Error(err)
	}
}

// Each mistake is told by its field. A setting that would let in more than it seems to is a mistake.
func TestMistakesInSettings(t *testing.T) {
	for name, c := range map[string]struct {
		change         func(*Setting)
		field, problem string
	}{
		"no name":                 {func(s *Setting) { s.Name = "" }, "identities[1].name", "is missing"},
		"a name twice":            {func(s *Setting) { s.Name = "pubsub" }, "identities[1].name", `"pubsub" stands twice`},
		"no issuer":               {func(s *Setting) { s.Issuer = "" }, "identities[1].issuer", "is missing"},
		"an issuer without TLS":   {func(s *Setting) { s.Issuer = "http://issuer.example.com" }, "identities[1].issuer", "must be an https URL"},
		"an issuer that is none":  {func(s *Setting) { s.Issuer = "accounts.google.com" }, "identities[1].issuer", "must be an https URL"},
		"a password in an issuer": {func(s *Setting) { s.Issuer = "https://a:b@issuer.example.com" }, "identities[1].issuer", "must be an https URL"},
		"keys without TLS":        {func(s *Setting) { s.KeysURL = "http://issuer.example.com/keys" }, "identities[1].keysUrl", "must be an https URL"},
		"no audience":             {func(s *Setting) { s.Audience = "" }, "identities[1].audience", "is missing"},
		"no claims":               {func(s *Setting) { s.Claims = nil }, "identities[1].claims", "is missing"},
		"a claim without a value": {func(s *Setting) { s.Claims["sub"] = nil }, "identities[1].claims.sub", "must be a value"},
		"an empty value":          {func(s *Setting) { s.Claims["sub"] = OneOf{"a", ""} }, "identities[1].claims.sub", "must be a value"},
		"an audience as a claim":  {func(s *Setting) { s.Claims["aud"] = OneOf{"a"} }, "identities[1].claims.aud", "is checked anyway"},
		"a route that is none":    {func(s *Setting) { s.Routes = []string{"/hold", "scale"} }, "identities[1].routes[1]", `is "scale"`},
	} {
		t.Run(name, func(t *testing.T) {
			var settings []Setting
			if err := yaml.Unmarshal([]byte(goodSettings), &settings); err != nil {
				t.Fatal(err)
			}
			c.change(&settings[1])
			err := Check("identities", settings)
			usage, ok := errors.AsType[*scale.UsageError](err)
			if !ok || usage.Field != c.field || !strings.Contains(usage.Problem, c.problem) {
				t.Errorf("%v; want %s: %s", err, c.field, c.problem)
			}
		})
	}
}
