package parse

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
)

// reader collects the mistakes of one document, in the order in which it meets them.
type reader struct {
	pool     string // the pool being read
	problems []scale.Problem
}

func (r *reader) add(p scale.Problem) { r.problems = append(r.problems, p) }

// node is a JSON value and where it stands in the rule.
type node struct {
	reader *reader
	path   string
	json   any
}

// wrong reports the value as a mistake. A value that is withheld is reported as withheld, whatever else is wrong.
func (v node) wrong(expected string) { v.wrongWord(expected, "") }

func (v node) wrongWord(expected, suggestion string) {
	if held, ok := v.json.(withheld); ok {
		expected, suggestion = held.advice(), ""
	}
	v.reader.add(scale.Problem{
		Pool: v.reader.pool, Field: v.path, Found: compact(v.json), Expected: expected, Suggestion: suggestion,
	})
}

// mustBe reports that the value is not of the kind that belongs here.
func (v node) mustBe(kind string) {
	expected := "must be " + kind
	if v.json == nil {
		expected += "; to leave it out, leave out its name too"
	}
	v.wrong(expected)
}

func (v node) child(name string, json any) node {
	return node{v.reader, fieldPath(v.path, name), json}
}

// list returns the items of a list. It reports a mistake if the node is no list or has fewer items than least.
func (v node) list(least int, kind string) []node {
	items, ok := v.json.([]any)
	if !ok || len(items) < least {
		v.mustBe(kind)
		return nil
	}
	nodes := make([]node, len(items))
	for i, item := range items {
		nodes[i] = node{v.reader, fmt.Sprintf("%s[%d]", v.path, i), item}
	}
	return nodes
}

// object returns the value as an object. It reports a mistake if the value is no object.
func (v node) object(kind string) (*object, bool) {
	fields, ok := v.json.(map[string]any)
	if !ok {
		v.mustBe(kind)
		return nil, false
	}
	return &object{node: v, fields: fields}, true
}

// object is a JSON object whose fields are taken one by one. It remembers the names that were taken: these are the
// fields that are known.
type object struct {
	node
	fields map[string]any
	known  []string
}

func (o *object) has(name string) bool {
	_, ok := o.fields[name]
	return ok
}

// field returns the field of that name, which the object must have.
func (o *object) field(name string) node { return o.child(name, o.fields[name]) }

// take makes the name a known one, and returns the field if the object has it.
func (o *object) take(name string) (node, bool) {
	o.known = append(o.known, name)
	return o.field(name), o.has(name)
}

func (o *object) missing(name, kind string) {
	o.reader.add(scale.Problem{Pool: o.reader.pool, Field: fieldPath(o.path, name), Expected: "is required: " + kind})
}

func (o *object) needsOneOf(names ...string) {
	if o.count(names) == 0 {
		o.wrong("must have at least one of " + enumerate(names, "and"))
	}
}

func (o *object) atMostOneOf(names ...string) {
	if o.count(names) > 1 {
		o.wrong("must have at most one of " + enumerate(names, "and"))
	}
}

func (o *object) count(names []string) int {
	n := 0
	for _, name := range names {
		if o.has(name) {
			n++
		}
	}
	return n
}

// end reports the fields that are not known: no call of take has named them.
func (o *object) end(kind string) {
	for _, name := range slices.Sorted(maps.Keys(o.fields)) {
		if !slices.Contains(o.known, name) {
			o.unknown(name, kind)
		}
	}
}

// unknown reports a field by its name, even if its value is withheld: the name is what is wrong with it.
func (o *object) unknown(name, kind string) {
	v := o.field(name)
	o.reader.add(scale.Problem{
		Pool: o.reader.pool, Field: v.path, Found: compact(v.json),
		Expected: "no such field in " + kind, Suggestion: scale.Nearest(name, o.known),
	})
}

// form is a kind of scalar: how it is read, and what a message calls it.
type form[T any] struct {
	expected string   // completes "must be"
	words    []string // the words among which it chooses, if it does
	read     func(json any) (T, bool)
}

// as reads the value. It reports a mistake and returns false if the value is not of the form.
func as[T any](v node, f form[T]) (T, bool) {
	got, ok := f.read(v.json)
	if ok {
		return got, true
	}
	word, isString := v.json.(string)
	switch inner, isJSON := unquoted(word); {
	case isString && isJSON && isOf(f, inner):
		v.mustBe(fmt.Sprintf("%s; this is a string and must be a %s", f.expected, jsonType(inner)))
	case isString:
		v.wrongWord("must be "+f.expected, scale.Nearest(word, f.words))
	default:
		v.mustBe(f.expected)
	}
	var none T
	return none, false
}

// optional returns the field, or nil if it is left out or a mistake.
func optional[T any](o *object, name string, f form[T]) *T {
	v, ok := o.take(name)
	if !ok {
		return nil
	}
	got, ok := as(v, f)
	if !ok {
		return nil
	}
	return &got
}

// withDefault returns the field, or the fallback if it is left out or a mistake.
func withDefault[T any](o *object, name string, f form[T], fallback T) T {
	if got := optional(o, name, f); got != nil {
		return *got
	}
	return fallback
}

// required returns the field, and whether it is there and right. If it is not, required reports a mistake.
func required[T any](o *object, name string, f form[T]) (T, bool) {
	v, ok := o.take(name)
	if !ok {
		o.missing(name, f.expected)
		var none T
		return none, false
	}
	return as(v, f)
}

func boolForm() form[bool] {
	return form[bool]{expected: "true or false", read: func(json any) (bool, bool) {
		got, ok := json.(bool)
		return got, ok
	}}
}

func intForm(from, to int) form[int] {
	return form[int]{
		expected: fmt.Sprintf("an integer from %d to %d", from, to),
		read: func(json any) (int, bool) {
			got, ok := json.(float64)
			if !ok || got != math.Trunc(got) || got < float64(from) || got > float64(to) {
				return 0, false
			}
			return int(got), true
		},
	}
}

func nonZeroForm() form[int] {
	whole := intForm(-scale.MaxNumber, scale.MaxNumber)
	return form[int]{expected: whole.expected + ", but not 0", read: func(json any) (int, bool) {
		got, ok := whole.read(json)
		return got, ok && got != 0
	}}
}

func floatForm(expected string, valid func(float64) bool) form[float64] {
	return form[float64]{expected: expected, read: func(json any) (float64, bool) {
		got, ok := json.(float64)
		return got, ok && valid(got)
	}}
}

// textForm is the form of a string that matches the pattern, or any string if the pattern is nil.
func textForm(pattern *regexp.Regexp, expected string) form[string] {
	return form[string]{expected: expected, read: func(json any) (string, bool) {
		got, ok := json.(string)
		return got, ok && (pattern == nil || pattern.MatchString(got))
	}}
}

func wordForm[T ~string](words ...T) form[T] {
	names := make([]string, len(words))
	for i, word := range words {
		names[i] = string(word)
	}
	return form[T]{expected: enumerate(names, "or"), words: names, read: func(json any) (T, bool) {
		got, ok := json.(string)
		return T(got), ok && slices.Contains(names, got)
	}}
}

func isOf[T any](f form[T], json any) bool {
	_, ok := f.read(json)
	return ok
}

// unquoted returns the number or bool that a string holds, and whether it holds one.
func unquoted(s string) (any, bool) {
	var inner any
	if err := json.Unmarshal([]byte(s), &inner); err != nil {
		return nil, false
	}
	switch inner.(type) {
	case float64, bool:
		return inner, true
	}
	return nil, false
}

func jsonType(json any) string {
	if _, ok := json.(bool); ok {
		return "bool"
	}
	return "number"
}

// fieldPath returns the path of a field of the object at parent; a name that is no plain word is quoted.
func fieldPath(parent, name string) string {
	switch {
	case !plainName.MatchString(name):
		return parent + "[" + strconv.Quote(name) + "]"
	case parent == "":
		return name
	}
	return parent + "." + name
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// compact returns the value as JSON, cut to what fits a message.
func compact(v any) string {
	const longest = 40
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return ""
	}
	runes := []rune(strings.TrimSpace(b.String()))
	if len(runes) > longest {
		return string(runes[:longest-1]) + "…"
	}
	return string(runes)
}

// enumerate returns the names as "a, b and c".
func enumerate(names []string, conjunction string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " " + conjunction + " " + names[last]
}
