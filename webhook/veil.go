package webhook

import (
	"cmp"
	"html/template"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

// veil cuts directories of this machine out of answers: whoever has the token may learn what is wrong with a file, but
// not where the program lives. A path below such a directory keeps only the part behind the directory, and the
// directory itself keeps only its last name. Longer directories come first, so that a directory inside a different one
// is found as a whole.
type veil []hidden

// hidden is a directory in a spelling that answers may have, and its last name in the same spelling.
type hidden struct{ path, base string }

func newVeil(directories []string) veil {
	var all []string
	for _, dir := range directories {
		if dir = filepath.Clean(dir); len(dir) > 1 && filepath.IsAbs(dir) {
			all = append(all, dir)
			if target, err := filepath.EvalSymlinks(dir); err == nil {
				all = append(all, target)
			}
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	var out veil
	for _, dir := range slices.Compact(all) {
		spelled := map[string]bool{}
		for _, as := range []func(string) string{func(text string) string { return text }, insideJSON, template.HTMLEscapeString} {
			if path := as(dir); !spelled[path] {
				spelled[path] = true
				out = append(out, hidden{path: path, base: as(filepath.Base(dir))})
			}
		}
	}
	return out
}

// NewVeil makes a function that cuts directories of this machine out of a text that is told to others.
func NewVeil(directories []string) func(text string) string { return newVeil(directories).over }

// over returns a text without the directories.
func (v veil) over(text string) string {
	for _, h := range v {
		if strings.Contains(text, h.path) {
			text = h.cutFrom(text)
		}
	}
	return text
}

// cutFrom takes the directory out of a text wherever it is a whole path, or a parent in a path. It does not change a
// different path that merely contains the directory's text, such as /srv/app-old for the directory /srv/app.
func (h hidden) cutFrom(text string) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, h.path)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		below, isParent := strings.CutPrefix(after, string(filepath.Separator))
		switch {
		case endsInName(out.String()) || !isParent && beginsWithName(after):
			out.WriteString(h.path)
		case isParent:
			after = below
		default:
			out.WriteString(h.base)
		}
		text = after
	}
}

func endsInName(text string) bool { return text != "" && isOfName(text[len(text)-1]) }

// beginsWithName says whether the text behind a path goes on with the same name, as in /srv/app-old. Dots at the
// beginning of the text are ignored, because "/srv/app." may be the end of a sentence.
func beginsWithName(text string) bool {
	text = strings.TrimLeft(text, ".")
	return text != "" && isOfName(text[0])
}

// isOfName says whether a byte is commonly a part of a file's name.
func isOfName(c byte) bool {
	return c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= utf8.RuneSelf
}

// insideJSON returns a text as it stands between the quotes of a JSON string.
func insideJSON(text string) string {
	quoted, _ := board.JSON(text, "") // a string always encodes
	inside := strings.TrimSpace(string(quoted))
	return inside[1 : len(inside)-1]
}
