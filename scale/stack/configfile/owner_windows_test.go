package configfile

import "testing"

// namesOf says that nothing is known.
func namesOf(*testing.T, string) (uid, gid int, names uint64) { return 0, 0, 0 }
