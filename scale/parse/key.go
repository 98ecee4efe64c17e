package parse

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
)

// reservedPattern matches the keys of namespaces that are not the program's: Pulumi's own settings, and PulumiScale's,
// which are the tokens.
var reservedPattern = regexp.MustCompile(`^(pulumi|pulumiscale):`)

// reservedForm says what a key in one of these namespaces must be instead.
const reservedForm = "must not be in the namespace %s, whose keys are settings of %s: the count needs a key of the program's own, such as workerCount " +
	"or namespace:workerCount"

// reserved says what is wrong with a key in one of these namespaces; empty for any other key.
func reserved(key string) string {
	switch namespace, _, _ := strings.Cut(key, ":"); {
	case !reservedPattern.MatchString(key):
		return ""
	case namespace == "pulumi":
		return fmt.Sprintf(reservedForm, namespace, "Pulumi itself")
	default:
		return fmt.Sprintf(reservedForm, namespace, "PulumiScale itself, such as the token")
	}
}

// keyPlace is where a count is in the stack's configuration, however its key is spelled.
type keyPlace struct {
	// name is "namespace:name"; the namespace is empty if it is the project's, and the project's name is not known.
	name string
	// steps lead to the count inside a structured value: names in quotes, and indexes.
	steps []string
}

// placeOf reads a key as Pulumi's config.ParseKey does, and a path as its resource.ParsePropertyPath does; ok is false
// if it does not have that form. project may be empty.
func placeOf(project, key string, path bool) (place keyPlace, ok bool) {
	form := keyPattern
	if path {
		form = keyPathPattern
	}
	if !form.MatchString(key) {
		return place, false
	}
	name := key
	if path {
		name, place.steps = splitPath(key)
	}
	switch parts := strings.Split(name, ":"); len(parts) {
	case 1:
		name = project + ":" + name
	case 3: // namespace:config:name
		name = parts[0] + ":" + parts[2]
	}
	place.name = name
	return place, true
}

// splitPath takes apart a path that has the form of keyPathPattern.
func splitPath(path string) (root string, steps []string) {
	var names []string // in quotes, unless it is an index
	for rest := path; rest != ""; {
		rest = strings.TrimPrefix(rest, ".")
		switch {
		case strings.HasPrefix(rest, `["`):
			end := 2
			for rest[end] != '"' {
				if rest[end] == '\\' {
					end++
				}
				end++
			}
			names = append(names, strconv.Quote(strings.ReplaceAll(rest[2:end], `\"`, `"`)))
			rest = rest[end+2:]
		case strings.HasPrefix(rest, "["):
			index, after, _ := strings.Cut(rest[1:], "]")
			n, _ := strconv.Atoi(index) // nine digits at most
			names = append(names, strconv.Itoa(n))
			rest = after
		default:
			end := len(rest)
			if next := strings.IndexAny(rest[1:], ".["); next >= 0 {
				end = next + 1
			}
			names = append(names, strconv.Quote(rest[:end]))
			rest = rest[end:]
		}
	}
	root, _ = strconv.Unquote(names[0])
	return root, names[1:]
}

// inside says whether the place is inside the value at the other place, or the same place.
func (p keyPlace) inside(other keyPlace) bool {
	return p.name == other.name && len(p.steps) >= len(other.steps) && slices.Equal(p.steps[:len(other.steps)], other.steps)
}

// ownKeys checks, over the rules of all pools, that every pool has a place of its own for its count. Otherwise scaling
// one pool would change the configured count of a different pool. If two pools share a place, the mistake is reported
// for the second pool.
func (r *reader) ownKeys(project string, rules scale.Rules) {
	places := map[string]keyPlace{}
	for _, name := range rules.Names() {
		rule := rules[name]
		place, ok := placeOf(project, rule.ConfigKey, rule.ConfigPath)
		if !ok { // this mistake has been reported already
			continue
		}
		if wrong := r.notOwn(project, place, rule, rules, places); wrong != "" {
			r.add(scale.Problem{Pool: name, Field: "configKey", Found: compact(rule.ConfigKey), Expected: wrong})
			continue
		}
		places[name] = place
	}
	slices.SortStableFunc(r.problems, func(a, b scale.Problem) int { return strings.Compare(a.Pool, b.Pool) })
}

// notOwn says what is wrong with the place of a rule's count, compared with the places of other pools; empty if nothing
// is wrong.
func (r *reader) notOwn(project string, place keyPlace, rule scale.Rule, others scale.Rules, places map[string]keyPlace) string {
	if place.name == "pulumiscale:token" || place.name == "pulumiscale:previousToken" {
		if project == "pulumiscale" && reserved(rule.ConfigKey) == "" {
			return "must be another name: in this project it is the key of PulumiScale's token"
		}
		return "" // this mistake has been reported already
	}
	for _, name := range others.Names() {
		other, ok := places[name]
		key := others[name].ConfigKey
		switch {
		case !ok:
		case place.inside(other) && other.inside(place) && key == rule.ConfigKey:
			return "must be the pool's own: it is also the key of " + name
		case place.inside(other) && other.inside(place):
			return fmt.Sprintf("must be the pool's own: it is another spelling of %q, the key of %s", key, name)
		case place.inside(other):
			return fmt.Sprintf("must be the pool's own: it is a part of the value of %q, the key of %s", key, name)
		case other.inside(place):
			return fmt.Sprintf("must be the pool's own: the key of %s, %q, is a part of its value", name, key)
		}
	}
	return ""
}

// withheld stands for a value that Pulumi does not tell. A message shows it in place of the value.
type withheld string

const (
	secretValue  withheld = "[secret]"
	unknownValue withheld = "[unknown]"
)

// How Pulumi writes such values: sdk/go/common/resource/sig and sdk/go/common/resource/plugin. `pulumi stack output`
// itself writes "[secret]".
const (
	signatureKey     = "4dabf18193072939515e22adb298388d"
	secretSignature  = "1b47061264138c4ac30d75fd1eb44270"
	unknownSignature = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
)

// advice says what to do about the value.
func (w withheld) advice() string {
	if w == unknownValue {
		return "is not known yet: run `pulumi up`"
	}
	return "is a secret; rules must not be secret (wrap it with unsecret)"
}

// IsUnknown says whether a value, as JSON has it, is one that Pulumi does not know yet.
func IsUnknown(value any) bool { return withhold(value) == unknownValue }

// withhold returns a copy of the JSON value in which every secret and every unknown is a [withheld] instead.
func withhold(json any) any {
	switch v := json.(type) {
	case string:
		switch v {
		case string(secretValue):
			return secretValue
		case unknownSignature:
			return unknownValue
		}
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = withhold(item)
		}
		return items
	case map[string]any:
		if v[signatureKey] == secretSignature {
			return secretValue
		}
		fields := make(map[string]any, len(v))
		for name, field := range v {
			fields[name] = withhold(field)
		}
		return fields
	}
	return json
}
