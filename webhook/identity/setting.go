package identity

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Setting is one identity, as the settings file has it: who signs its tokens, for whom, and what they must claim.
type Setting struct {
	// Name is what the log calls the identity.
	Name string `yaml:"name"`
	// Issuer is the URL of the issuer, which signs the tokens, exactly as it stands in their claim "iss".
	Issuer string `yaml:"issuer"`
	// Audience is for whom the tokens are signed. Their claim "aud" must hold it.
	Audience string `yaml:"audience"`
	// Claims are further claims that each token must have, each with one of the values here. There must be at least
	// one, because an issuer such as Google signs tokens for everybody, for any audience.
	Claims map[string]OneOf `yaml:"claims"`
	// KeysURL is the address of the issuer's keys, a JSON Web Key Set. If it is empty, the issuer's OpenID
	// configuration tells the address.
	KeysURL string `yaml:"keysUrl"`
	// Routes are the beginnings of the paths that the identity may call. If it is empty, they are [DefaultRoutes].
	Routes []string `yaml:"routes"`
}

// DefaultRoutes returns the beginnings of the paths of alarms: a sender needs no others.
func DefaultRoutes() []string { return []string{"/webhook/", "/signal/"} }

// OneOf is a list of values. In YAML, one value may stand in place of a list.
type OneOf []string

// UnmarshalYAML reads a value or a list of them. Numbers and booleans are taken as they are written.
func (o *OneOf) UnmarshalYAML(unmarshal func(any) error) error {
	var list []string
	if unmarshal(&list) == nil {
		*o = list
		return nil
	}
	var one string
	if err := unmarshal(&one); err != nil {
		return err
	}
	*o = OneOf{one}
	return nil
}

// Check says what is wrong with the settings. The error is a [*scale.UsageError], whose field begins with the name of
// the list.
func Check(list string, settings []Setting) error {
	names := map[string]bool{}
	for i, s := range settings {
		field, problem, hint := s.wrong()
		if problem == "" && names[s.Name] {
			field, problem = "name", fmt.Sprintf("%q stands twice", s.Name)
		}
		names[s.Name] = true
		if problem != "" {
			return &scale.UsageError{Field: fmt.Sprintf("%s[%d].%s", list, i, field), Problem: problem, Hint: hint}
		}
	}
	return nil
}

// wrong returns the field of the first mistake, what is wrong with it, and a hint. If there is no mistake, problem is
// empty.
func (s Setting) wrong() (field, problem, hint string) {
	const missing = "is missing"
	switch {
	case s.Name == "":
		return "name", missing, "it is what the log calls the identity"
	case s.Issuer == "":
		return "issuer", missing, "it is what the tokens have as \"iss\", such as https://accounts.google.com"
	case !secure(s.Issuer):
		return "issuer", insecure, ""
	case s.KeysURL != "" && !secure(s.KeysURL):
		return "keysUrl", insecure, ""
	case s.Audience == "":
		return "audience", missing, "it is what the tokens have as \"aud\": without one, a token for anybody else would be taken"
	case len(s.Claims) == 0:
		return "claims", missing, "name at least one that tells the sender from all others whom the issuer signs tokens for, such as email, sub or repository"
	}
	for name, values := range s.Claims {
		switch {
		case slices.Contains([]string{"iss", "aud", "exp", "nbf", "iat"}, name):
			return "claims." + name, "is checked anyway", "use issuer and audience; times are always checked"
		case len(values) == 0 || slices.Contains(values, ""):
			return "claims." + name, "must be a value or a list of values, none of them empty", ""
		}
	}
	for i, path := range s.Routes {
		if !strings.HasPrefix(path, "/") {
			return fmt.Sprintf("routes[%d]", i), fmt.Sprintf("is %q; it must be the beginning of a path, such as /scale/", path), ""
		}
	}
	return "", "", ""
}

const insecure = "must be an https URL: who can change what it answers could sign anything (http is for this machine alone)"

// secure says whether nobody on the way can change what the address answers: it must be https, or be an address of this
// machine.
func secure(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}
