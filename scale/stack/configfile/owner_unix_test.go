//go:build !windows

package configfile

import (
	"io/fs"
	"os"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/stack/files"
)

// somebody is a user and a group that own nothing else here.
const somebody = 65534

func namesOf(t *testing.T, path string) (uid, gid int, names uint64) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return files.IDsOf(info)
}

// wantOwner checks who owns a file.
func wantOwner(t *testing.T, path string, uid, gid int) {
	t.Helper()
	if gotUID, gotGID, _ := namesOf(t, path); gotUID != uid || gotGID != gid {
		t.Errorf("%s is of %d:%d, want %d:%d", path, gotUID, gotGID, uid, gid)
	}
}

func wantMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode() &^ fs.ModeType; got != want {
		t.Errorf("%s has the mode %v, want %v", path, got, want)
	}
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
}

func give(t *testing.T, mode fs.FileMode, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.Chown(path, somebody, somebody); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
}
