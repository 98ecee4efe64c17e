package board

import "fmt"

// NeverScaled says that no scaling is known: of all time or, if older updates were not looked at, of so many newest
// ones.
func NeverScaled(among int) string {
	if among == 0 {
		return "never"
	}
	return fmt.Sprintf("not in the last %d updates", among)
}
