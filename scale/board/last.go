package board

import "fmt"

// NeverScaled says that no scaling is known: of all time, or of so many newest updates where older ones were not looked at.
func NeverScaled(among int) string {
	if among == 0 {
		return "never"
	}
	return fmt.Sprintf("not in the last %d updates", among)
}
