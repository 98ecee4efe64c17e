package filestest

import "testing"

// NamesOf says that nothing is known.
func NamesOf(*testing.T, string) (uid, gid int, names uint64) { return 0, 0, 0 }
