package output

import (
	"fmt"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

// Forgotten is the document of `cluster forget`.
type Forgotten struct {
	// Host is the machine that is gone for good. Stacks are the stacks whose locks are removed if Host has left any.
	Host   string   `json:"host"`
	Stacks []string `json:"stacks"`
	Failure
}

// Forgotten says what is forgotten, for people.
func (s *Style) Forgotten(f *Forgotten) string {
	f = board.Tidy(f)
	return fmt.Sprintf("%s is marked as gone: locks that it left on %s are removed within moments, and so are locks of it that turn up within the next hour", f.Host, strings.Join(f.Stacks, ", ")) + "\n"
}
