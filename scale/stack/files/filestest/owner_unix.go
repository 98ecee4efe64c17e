//go:build !windows

package filestest

import (
	"os"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/stack/files"
)

// NamesOf returns a file's owner and group, and how many names it has.
func NamesOf(t *testing.T, path string) (uid, gid int, names uint64) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return files.IDsOf(info)
}
