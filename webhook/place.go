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
			if real, err := filepath.EvalSymlinks(dir); err == nil {
				all = append(all, real)
			}
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Compare(len(b), len(a)) }) // a folder in another one is found first
	var pairs []string
	for _, dir := range slices.Compact(all) {
		quoted, _ := board.JSON(dir, "") // a string always encodes
		for _, form := range slices.Compact([]string{dir, strings.Trim(string(quoted), "\"\n"), template.HTMLEscapeString(dir)}) {
			pairs = append(pairs, form+string(filepath.Separator), "", form, filepath.Base(form))
		}
	}
	return strings.NewReplacer(pairs...)
}
