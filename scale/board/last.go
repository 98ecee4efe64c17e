package board

import "fmt"

// NeverScaled says that no scaling is known. among is how many of the newest updates were looked at; it is 0 if all
// were.
func NeverScaled(among int) string {
	if among == 0 {
		return "never"
	}
	return fmt.Sprintf("not in the last %d updates", among)
}
