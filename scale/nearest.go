package scale

import (
	"strings"

	edlib "github.com/hbollon/go-edlib"
)

// nearest is the known name that a misspelt one most likely means, or "" if none is similar. A swap of two neighbouring
// letters counts as one edit, and letter case as none. One edit is allowed for every three letters. If several names
// are equally near, it is the first of them.
func nearest(name string, known []string) string {
	best, least := "", max(1, len([]rune(name))/3)+1
	for _, candidate := range known {
		edits := edlib.OSADamerauLevenshteinDistance(strings.ToLower(name), strings.ToLower(candidate))
		if edits < least {
			best, least = candidate, edits
		}
	}
	return best
}
