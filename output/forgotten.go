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
	return fmt.Sprintf("%s is gone for good: what it has locked of %s is free within moments, and for an hour to come", f.Host, strings.Join(f.Stacks, ", ")) + "\n"
}
