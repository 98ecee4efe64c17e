package dialect

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

var plus = regexp.MustCompile(`^ (\d)`)

// ParseQuery reads a query. Each parameter must be known, and may be given only once. The error is a
// [*BadRequestError].
func ParseQuery(query string, known ...string) (url.Values, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, BadRequest("query", "cannot be parsed: it has a wrong escape or a semicolon")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case !slices.Contains(known, name):
			return nil, BadRequest(name, "is not a parameter of this route; there are %s", strings.Join(known, ", "))
		case len(values[name]) > 1:
			return nil, BadRequest(name, "is given twice")
		}
		if name == nameCount || name == nameDelta { // as people type it: an unescaped plus is a space
			values.Set(name, plus.ReplaceAllString(values.Get(name), "+$1"))
		}
	}
	return values, nil
}

// readMembers reads the members of a body as texts. The function read reads one member, or returns in wrong what the
// member must be. Members with other names are refused.
func readMembers(o Object, names []string, read func(name string, value any) (text, wrong string)) (map[string]string, error) {
	asked := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(o.members)) {
		if !slices.Contains(names, name) {
			return nil, BadRequest(name, "is not a field of this request; there are %s", strings.Join(names, ", "))
		}
		var wrong string
		if asked[name], wrong = read(name, o.members[name]); wrong != "" {
			return nil, BadRequest(name, "is %s; it must be %s", kind(o.members[name]), wrong)
		}
	}
	return asked, nil
}

// readText reads a member that must be a text.
func readText(_ string, value any) (text, wrong string) {
	text, ok := value.(string)
	if !ok {
		return "", "a string"
	}
	return text, ""
}

// addQuery adds the values of these names from the query to the values from the body. It is an error if both have a
// value for the same name.
func addQuery(asked map[string]string, query url.Values, names ...string) error {
	for _, name := range names {
		_, twice := asked[name]
		switch {
		case twice && query.Has(name):
			return BadRequest(name, "is given in the body and in the query; give it once")
		case query.Has(name):
			asked[name] = query.Get(name)
		}
	}
	return nil
}
