package dialect

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is how deeply a body may be nested. EventBridge's alarm event, the deepest of the payloads, has nine levels.
const maxDepth = 32

// Body is a request's body. It is parsed once, for all who look into it.
type Body struct {
	object Object
	err    error
	empty  bool
}

// Parse reads a body, which should be one JSON object.
func Parse(body []byte) Body {
	o, err := parseObject(body)
	return Body{object: o, err: err, empty: len(body) == 0}
}

// Object returns the JSON object in the body. The error is a [*BadRequestError].
func (b Body) Object() (Object, error) {
	// Each caller notes problems of its own.
	b.object.problem = new(error)
	return b.object, b.err
}

// Object is one JSON object of a body. It is read by exact keys. The structs of encoding/json would take "COUNT" for
// "count" and let a second key overwrite the first, so that two programs could read two things in one signed message.
//
// The getters return a zero value if a member is absent or null. If a member has the wrong type, they note that as the
// problem, unless a problem was noted before. The caller reads everything and then asks for the problem with Err.
type Object struct {
	path    string
	members map[string]any
	problem *error
}

// parseObject reads a body that must be one JSON object. The error is a [*BadRequestError].
func parseObject(body []byte) (Object, error) {
	value, err := parseJSON(body)
	if err != nil {
		return Object{}, err
	}
	return newObject("", value)
}

// newObject makes an object of a value, which must be a JSON object. The path stands in errors before the keys. The
// object notes problems of its own.
func newObject(path string, value any) (Object, error) {
	members, ok := value.(map[string]any)
	if !ok {
		field := path
		if field == "" {
			field = "body"
		}
		return Object{}, BadRequest(field, "is %s; it must be a JSON object", kind(value))
	}
	return Object{path: path, members: members, problem: new(error)}, nil
}

// Err returns the first problem that was noted, or nil.
func (o Object) Err() error { return *o.problem }

func (o Object) at(key string) string {
	if o.path == "" {
		return key
	}
	return o.path + "." + key
}

// Fail notes what is wrong with a member, unless there is a problem already.
func (o Object) Fail(key, format string, args ...any) {
	if *o.problem == nil {
		*o.problem = BadRequest(o.at(key), format, args...)
	}
}

// Has says whether there is such a member. It may be null.
func (o Object) Has(key string) bool {
	_, ok := o.members[key]
	return ok
}

// take returns a member of type T. It returns false if the member is absent or null, or has a different type. A
// different type is noted as a problem. what is the type's name for people.
func take[T any](o Object, key, what string) (T, bool) {
	var zero T
	value := o.members[key]
	if value == nil {
		return zero, false
	}
	taken, ok := value.(T)
	if !ok {
		o.Fail(key, "is %s; it must be %s", kind(value), what)
	}
	return taken, ok
}

// Text returns a member that should be a string. It returns "" if the member is absent or null. A member of a different
// type is noted as a problem.
func (o Object) Text(key string) string {
	text, _ := take[string](o, key, "a string")
	return text
}

// Optional returns a text that may be absent. It returns nil if the member is absent, which is not the same as empty.
func (o Object) Optional(key string) *string {
	if text, ok := take[string](o, key, "a string"); ok {
		return &text
	}
	return nil
}

// mention returns a text that is not required. It returns "" if the member is absent or is not a text, and notes no
// problem.
func (o Object) mention(key string) string {
	text, _ := o.members[key].(string)
	return text
}

// Required returns a text that must be there and must not be empty. Otherwise a problem is noted.
func (o Object) Required(key string) string {
	text := o.Text(key)
	if text == "" {
		o.Fail(key, "is missing")
	}
	return text
}

func (o Object) number(key string) *float64 {
	number, ok := take[json.Number](o, key, "a number")
	if !ok {
		return nil
	}
	value, err := number.Float64()
	if err != nil {
		o.Fail(key, "is out of range")
		return nil
	}
	return &value
}

// loose returns a number that may be written as a text. It returns nil if the member is absent or is no such number,
// and notes no problem.
func (o Object) loose(key string) *float64 {
	text := o.mention(key)
	if number, ok := o.members[key].(json.Number); ok {
		text = number.String()
	}
	value, _ := parseNumber(text)
	return value
}

// aside returns a member that should be an object, but is not required. The object is empty if the member is absent or
// is not an object, which is no problem.
func (o Object) aside(key string) Object {
	members, _ := o.members[key].(map[string]any)
	return Object{path: o.at(key), members: members, problem: new(error)}
}

func (o Object) list(key string) []any {
	list, _ := take[[]any](o, key, "a list")
	return list
}

// child returns a member that should be an object. The object is empty if the member is absent or null. A member of a
// different type is noted as a problem.
func (o Object) child(key string) Object {
	members, _ := take[map[string]any](o, key, "an object")
	return Object{path: o.at(key), members: members, problem: o.problem}
}

// texts returns the members of an object whose members should all be texts. A member of a different type is noted as a
// problem.
func (o Object) texts(key string) map[string]string {
	child := o.child(key)
	texts := make(map[string]string, len(child.members))
	for _, name := range slices.Sorted(maps.Keys(child.members)) {
		texts[name] = child.Text(name)
	}
	return texts
}

// kind names the JSON type of a value.
func kind(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case []any:
		return "a list"
	}
	return "an object"
}

// parseJSON reads one JSON value. The body must be UTF-8, nested no deeper than maxDepth, without a key that stands
// twice in one object, and with nothing after the value.
func parseJSON(body []byte) (any, error) {
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return nil, BadRequest("body", "is empty")
	case !utf8.Valid(body):
		return nil, BadRequest("body", "is not UTF-8")
	}
	// The bytes are UTF-8, but may hold escapes such as \ud800 alone, which the decoder reads as U+FFFD. The decoder
	// lets keys stand twice because parseMembers reports them, with their path.
	d := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	value, err := parseValue(d, "")
	if err != nil {
		return nil, err
	}
	switch _, err := d.ReadToken(); {
	case err == nil:
		return nil, BadRequest("body", "is not JSON: more stands after the value, at byte %d", d.InputOffset())
	case !errors.Is(err, io.EOF):
		return nil, notJSON(err)
	}
	return value, nil
}

// notJSON says where a body ceases to be JSON.
func notJSON(err error) error {
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok && !errors.Is(err, io.ErrUnexpectedEOF) {
		return BadRequest("body", "is not JSON: %v, at byte %d", syntax.Err, syntax.ByteOffset)
	}
	return BadRequest("body", "is not JSON: it ends in the middle of a value")
}

func parseValue(d *jsontext.Decoder, path string) (any, error) {
	token, err := d.ReadToken()
	if err != nil {
		return nil, notJSON(err)
	}
	switch token.Kind() {
	case '{', '[':
		if d.StackDepth() > maxDepth {
			return nil, BadRequest("body", "is nested deeper than %d levels", maxDepth)
		}
		if token.Kind() == '{' {
			return parseMembers(d, path)
		}
		return parseItems(d, path)
	case '"':
		return token.String(), nil
	case '0':
		return json.Number(token.String()), nil
	case 't', 'f':
		return token.Bool(), nil
	}
	return nil, nil //nolint:nilnil // JSON's null
}

func parseItems(d *jsontext.Decoder, path string) (any, error) {
	items := []any{}
	for d.PeekKind() != ']' {
		item, err := parseValue(d, path+"["+strconv.Itoa(len(items))+"]")
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	_, err := d.ReadToken()
	return items, err
}

func parseMembers(d *jsontext.Decoder, path string) (any, error) {
	members := map[string]any{}
	for d.PeekKind() != '}' {
		token, err := d.ReadToken()
		if err != nil {
			return nil, notJSON(err)
		}
		key := token.String()
		where := Object{path: path}.at(key)
		if _, twice := members[key]; twice {
			return nil, BadRequest(where, "stands twice in one object")
		}
		if members[key], err = parseValue(d, where); err != nil {
			return nil, err
		}
	}
	_, err := d.ReadToken()
	return members, err
}

// finite parses a number as senders write it in texts. It returns false if the text is no number, or is NaN or
// infinite.
func finite(text string) (float64, bool) {
	value, err := strconv.ParseFloat(text, 64)
	return value, err == nil && !math.IsNaN(value) && !math.IsInf(value, 0)
}
