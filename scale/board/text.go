package board

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// The most characters that are shown of a text from elsewhere: of a text on one line, and of a text of several lines.
const (
	LongestLine  = 2_000
	LongestLines = 16_000
)

// Shown says whether a character is one that people see. A character is not shown if it controls a terminal, hides or
// reorders what follows it, ends a line, or takes no room. Of Unicode's categories, letters, marks, numbers,
// punctuation, symbols and spaces are shown, except what Unicode calls ignorable.
func Shown(r rune) bool {
	return r < unicode.MaxASCII && r >= ' ' || r > unicode.MaxASCII && unicode.IsGraphic(r) &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// OneLine makes a text from elsewhere fit to be shown and to stand in an update's message. The result is a single line
// of at most limit characters, all of which are [Shown]. Runs of white space become one space.
func OneLine(text string, limit int) string {
	if len(text) <= limit && isPlain(text) && !strings.Contains(text, "  ") && strings.Trim(text, " ") == text {
		return text
	}
	return cut(strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !Shown(r) }), " "), limit)
}

// Lines is like [OneLine] for a text of several lines: the lines, and their indentation, are kept.
func Lines(text string, limit int) string {
	if len(text) <= limit && isPlain(text) && !strings.HasSuffix(text, " ") {
		return text
	}
	var out strings.Builder
	for line := range strings.Lines(text) {
		line, ended := strings.CutSuffix(line, "\n")
		out.WriteString(strings.TrimRight(strings.Map(func(r rune) rune {
			if !Shown(r) {
				return -1
			}
			return r
		}, strings.ReplaceAll(line, "\t", "    ")), " "))
		if ended {
			out.WriteByte('\n')
		}
	}
	return cut(strings.TrimRight(out.String(), "\n"), limit)
}

// isPlain says that a text is ASCII and that all of it is [Shown]. Nearly all texts are plain.
func isPlain[T string | []byte](text T) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] >= unicode.MaxASCII {
			return false
		}
	}
	return true
}

// cut shortens a text, and makes it valid UTF-8.
func cut(text string, limit int) string {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if len(text) <= limit || utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-1]) + "…"
}

// ColorTag is one of Pulumi's colour commands in a text, such as <{%fg 1%}>.
var ColorTag = regexp.MustCompile(`<\{%([^%]*)%\}>`)

// Plain returns a text without Pulumi's colour commands and without a terminal's escape sequences.
func Plain(text string) string {
	if strings.Contains(text, "<{%") {
		text = ColorTag.ReplaceAllString(text, "")
	}
	escapes := func(r rune) bool { return !Shown(r) && r != '\n' && r != '\t' || r == utf8.RuneError }
	if isPlain(text) || !strings.ContainsFunc(text, escapes) {
		return text
	}
	// Strip would take a byte that is not UTF-8 for one that controls a terminal.
	return ansi.Strip(strings.ToValidUTF8(text, string(utf8.RuneError)))
}

// Tidy returns a copy of a document that is fit to be shown: each of its texts is plain, and has at most [LongestLine]
// or [LongestLines] characters. Everything that is shown of a [Status] or answered over HTTP passes through Tidy.
//
// A text is made one line, unless the tag of its field says that it has several: see [Shape].
func Tidy[T any](doc T) T {
	return Texts(doc, func(text string, shape Shape) string {
		if shape == SeveralLines {
			return Lines(Plain(text), LongestLines)
		}
		return OneLine(Plain(text), LongestLine)
	})
}

// Shape is what a field says of its texts in a tag, as in `text:"lines"`. The zero Shape is a text of one line.
type Shape string

const (
	// SeveralLines is a text whose lines are to stay.
	SeveralLines Shape = "lines"
	// Value is a text that is a value of somebody's program. All of it is shown where a person approves it.
	Value Shape = "value"
)

// Texts returns a copy of a value in which change has changed each text. It reaches exported fields, lists, maps with
// their keys, and what is behind pointers and interfaces. An error is wrapped in an error that has the changed text.
// change also gets the shape that the tag of the text's field names.
func Texts[T any](value T, change func(text string, shape Shape) string) T {
	holder := reflect.ValueOf(&value).Elem() // reflect.ValueOf(value) would not see an interface
	out, ok := reflect.TypeAssert[T](texts(holder, "", change))
	if !ok { // a nil interface
		return value
	}
	return out
}

// shownError is an error whose text has been changed. err is the error itself.
type shownError struct {
	text string
	err  error
}

func (e *shownError) Error() string { return e.text }
func (e *shownError) Unwrap() error { return e.err }

func texts(v reflect.Value, shape Shape, change func(string, Shape) string) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.String:
		out.SetString(change(v.String(), shape))
	case reflect.Interface:
		if v.IsNil() {
			break
		}
		if err, ok := reflect.TypeAssert[error](v); ok {
			if changed := reflect.ValueOf(&shownError{change(err.Error(), shape), err}); changed.Type().AssignableTo(v.Type()) {
				out.Set(changed)
				break
			}
		}
		out.Set(texts(v.Elem(), shape, change))
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(texts(v.Elem(), shape, change))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				out.Field(i).Set(texts(v.Field(i), Shape(field.Tag.Get("text")), change))
			}
		}
	case reflect.Slice:
		if v.IsNil() || v.Type().Elem().Kind() == reflect.Uint8 {
			break
		}
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			out.Index(i).Set(texts(v.Index(i), shape, change))
		}
	case reflect.Map:
		if v.IsNil() {
			break
		}
		out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
		for entries := v.MapRange(); entries.Next(); {
			out.SetMapIndex(texts(entries.Key(), "", change), texts(entries.Value(), shape, change))
		}
	default: // nothing else holds a text
	}
	return out
}

// JSON returns a document as JSON, ended by a newline. It escapes characters that are not [Shown], so that none of them
// controls a terminal. A parser still reads the same text.
func JSON(doc any, indent string) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", indent)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(doc); err != nil {
		return nil, err
	}
	return Escaped(text.Bytes()), nil
}

// ShownJSON returns a document as JSON, fit to be shown (see [Tidy]). The documents of this package can always be
// encoded.
func ShownJSON(doc any) []byte {
	text, _ := JSON(doc, "") // it cannot fail: see above
	if isTidy(text) {
		return text
	}
	text, _ = JSON(Tidy(doc), "")
	return text
}

// isTidy says whether [Tidy] would change nothing in a document, given as compact JSON. Nearly all documents are tidy:
// the JSON is ASCII, has no colour command and no escapes except of quotation marks, no text begins or ends with a
// space or has two in a row, and no text is long.
func isTidy(text []byte) bool {
	text = bytes.TrimSuffix(text, []byte("\n"))
	if !isPlain(text) || bytes.Contains(text, []byte("<{%")) {
		return false
	}
	last, quote := byte('\n'), 0
	for i, c := range text {
		switch {
		case c == '\\' && text[i+1] != '"':
			return false
		case c == ' ' && (last == ' ' || last == '"' || text[i+1] == '"'):
			return false
		case c == '"' && last != '\\' && i-quote > LongestLine:
			return false
		case c == '"' && last != '\\':
			quote = i
		}
		last = c
	}
	return true
}

// Escaped returns JSON in which characters that are not [Shown] are written as \uXXXX. encoding/json escapes only a few
// of them.
func Escaped(text []byte) []byte {
	if bytes.IndexFunc(text, hidden) < 0 {
		return text
	}
	var out []byte
	for _, r := range string(text) {
		switch {
		case !hidden(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff: // a pair of surrogates, RFC 8259, section 7
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// hidden says whether a character of JSON is not shown. In JSON an end of a line can only stand between values.
func hidden(r rune) bool { return !Shown(r) && r != '\n' }
