package webhook

import (
	"cmp"
	"html/template"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

// newVeil takes directories of this machine out of answers: whoever has the token learns what is wrong with a file, and not where the program lives.
// What lies below one of them is told from there on.
func newVeil(directories []string) *strings.Replacer {
	var all []string
	for _, dir := range directories {
		if dir = filepath.Clean(dir); len(dir) > 1 && filepath.IsAbs(dir) {
			all = append(all, dir)
			if target, err := filepath.EvalSymlinks(dir); err == nil {
				all = append(all, target)
			}
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Compare(len(b), len(a)) }) // a folder in another one is found first
	var pairs []string
	for _, dir := range slices.Compact(all) {
		for _, as := range []func(string) string{func(text string) string { return text }, insideJSON, template.HTMLEscapeString} {
			pairs = append(pairs, as(dir+string(filepath.Separator)), "", as(dir), as(filepath.Base(dir)))
		}
	}
	return strings.NewReplacer(pairs...)
}

// insideJSON is a text as it stands between the quotes of a JSON string.
func insideJSON(text string) string {
	quoted, _ := board.JSON(text, "") // a string always encodes
	inside := strings.TrimSpace(string(quoted))
	return inside[1 : len(inside)-1]
}
