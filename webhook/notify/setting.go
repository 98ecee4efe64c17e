package notify

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/notice"
)

// Setting is one listener, as the settings file has it: who is told, of what, and where its secrets are.
type Setting struct {
	// Name is what the log, the page and the metrics call the listener.
	Name string `yaml:"name"`
	// Kind is how the listener is told: the name of a kind in the table.
	Kind string `yaml:"kind"`
	// URLKey is the key of the stack's configuration that holds the listener's address.
	URLKey string `yaml:"urlKey"`
	// SecretKey is the key that holds the secret by which messages are signed. PreviousSecretKey is the key that holds
	// the previous secret during a rotation.
	SecretKey         string `yaml:"secretKey"`
	PreviousSecretKey string `yaml:"previousSecretKey"`
	// AuthorizationKey is the key that holds the value of the header Authorization.
	AuthorizationKey string `yaml:"authorizationKey"`
	// Events are the kinds of notices that the listener is told of. If it is empty, the listener's kind says which they
	// are.
	Events []notice.Kind `yaml:"events"`
	// Pools are the pools that the listener is told of, besides the stack. If it is empty, the listener is told of all
	// pools.
	Pools []string `yaml:"pools"`
	// PrivateNetwork allows an address on a private network or of this machine, and an address without TLS.
	PrivateNetwork bool `yaml:"privateNetwork"`
}

// nameForm matches the names of listeners, which are labels of metrics and parts of the outbox's keys.
var nameForm = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?$`)

// Check says what is wrong with the settings. The error is a [*scale.UsageError], whose field begins with the name of
// the list.
func Check(list string, settings []Setting) error {
	names := map[string]bool{}
	for i, s := range settings {
		field, problem, hint := s.wrong()
		if problem == "" && names[s.Name] {
			field, problem, hint = "name", fmt.Sprintf("%q stands twice", s.Name), ""
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
	k, isKnown := kindOf(s.Kind)
	switch {
	case s.Name == "":
		return "name", missing, "it is what the log and the metrics call the listener"
	case !nameForm.MatchString(s.Name):
		return "name", fmt.Sprintf("is %q; it must be up to 63 letters, digits, - and _", s.Name), ""
	case s.Kind == "":
		return "kind", missing, "the kinds are " + kindNames()
	case !isKnown:
		return "kind", fmt.Sprintf("is %q; there is no such kind", s.Kind), "the kinds are " + kindNames()
	case s.URLKey == "":
		return "urlKey", missing, "it is the key of the stack's configuration that holds the address, such as pulumiscale:chatUrl"
	case k.signs && s.SecretKey == "":
		return "secretKey", missing, "it is the key of the stack's configuration that holds what messages are signed with: whsec_ and 24 to 64 bytes in base64"
	case !k.signs && s.SecretKey != "":
		return "secretKey", "is not for this kind, which signs nothing", ""
	case !k.signs && s.PreviousSecretKey != "":
		return "previousSecretKey", "is not for this kind, which signs nothing", ""
	}
	if field, problem, hint = s.wrongKey(); problem != "" {
		return field, problem, hint
	}
	return s.wrongList(k)
}

// wrongKey finds the first key that is not a key of the stack's configuration.
func (s Setting) wrongKey() (field, problem, hint string) {
	keys := []struct{ field, key string }{
		{"urlKey", s.URLKey}, {"secretKey", s.SecretKey}, {"previousSecretKey", s.PreviousSecretKey}, {"authorizationKey", s.AuthorizationKey},
	}
	for _, k := range keys {
		if strings.Contains(k.key, "://") || strings.HasPrefix(k.key, "whsec_") {
			return k.field, "must be a key of the stack's configuration, and no secret itself", "set it with `pulumi config set --secret pulumiscale:chatUrl`, and name that key"
		}
		if k.key != "" && strings.Count(k.key, ":") != 1 {
			return k.field, fmt.Sprintf("is %q; it must be a whole key, such as pulumiscale:chatUrl", k.key), ""
		}
	}
	return "", "", ""
}

// wrongList finds the first event or pool that is not allowed in its list.
func (s Setting) wrongList(k kind) (field, problem, hint string) {
	for i, event := range s.Events {
		field = fmt.Sprintf("events[%d]", i)
		switch {
		case !slices.Contains(notice.Kinds(), event):
			return field, fmt.Sprintf("is %q; there is no such event", event), "the events are " + join(notice.Kinds())
		case k.troublesOnly && !event.IsTrouble() && event != notice.Recovered:
			return field, fmt.Sprintf("%q is nothing that lasts, so it is no alert", event), "the events for this kind are " + join(notice.Troubles())
		}
	}
	for i, pool := range s.Pools {
		if pool == "" || slices.Index(s.Pools, pool) < i {
			return fmt.Sprintf("pools[%d]", i), "must be the name of a pool, which stands once", ""
		}
	}
	return "", "", ""
}

func join(kinds []notice.Kind) string {
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = string(k)
	}
	return strings.Join(words, ", ")
}

// keys returns the keys of the stack's configuration that a listener needs.
func (s Setting) keys() []string {
	return slices.DeleteFunc([]string{s.URLKey, s.SecretKey, s.PreviousSecretKey, s.AuthorizationKey}, func(key string) bool { return key == "" })
}

// UnknownPools returns the pools that the setting names and no rule has.
func (s Setting) UnknownPools(rules scale.Rules) []string {
	return slices.DeleteFunc(slices.Clone(s.Pools), func(pool string) bool {
		_, ok := rules[pool]
		return ok
	})
}

// events returns the kinds of notices that a listener is told of.
func (s Setting) events() []notice.Kind {
	if len(s.Events) > 0 {
		return s.Events
	}
	k, _ := kindOf(s.Kind)
	return k.events()
}

// wants says whether a listener is told of a notice.
func (s Setting) wants(n notice.Notice) bool {
	if n.Pool != "" && len(s.Pools) > 0 && !slices.Contains(s.Pools, n.Pool) {
		return false
	}
	events := s.events()
	if n.Kind != notice.Recovered {
		return n.Kind == notice.Test || slices.Contains(events, n.Kind)
	}
	k, _ := kindOf(s.Kind)
	return (k.troublesOnly || slices.Contains(events, notice.Recovered)) && s.beganTold(n)
}

// beganTold says whether the listener wants one of the troubles that a notice ends, and so was told of its beginning.
// It is always true for a listener that wants no troubles at all: such a listener is told of every end.
func (s Setting) beganTold(n notice.Notice) bool {
	events := s.events()
	if !slices.ContainsFunc(events, notice.Kind.IsTrouble) {
		return true
	}
	return slices.ContainsFunc(n.Ends, func(k notice.Kind) bool { return slices.Contains(events, k) })
}
