package output

import (
	"fmt"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

// none stands in a table for a missing value.
const none = "—"

func arrow(from *int, to int) string { return fmt.Sprintf("%s -> %d", board.Count(from), to) }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(text, "\n", "\n"+by)
}
