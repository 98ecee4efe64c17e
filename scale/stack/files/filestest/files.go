// Package filestest makes files for tests, and checks who owns them.
package filestest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Somebody is a user and a group that own nothing else here.
const Somebody = 65534

// NeedsRoot skips a test that gives files away.
func NeedsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
}

// Give gives the files to [Somebody].
func Give(t *testing.T, mode fs.FileMode, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.Chown(path, Somebody, Somebody); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
}

// WantOwner checks who owns a file.
func WantOwner(t *testing.T, path string, uid, gid int) {
	t.Helper()
	if gotUID, gotGID, _ := NamesOf(t, path); gotUID != uid || gotGID != gid {
		t.Errorf("%s is of %d:%d, want %d:%d", path, gotUID, gotGID, uid, gid)
	}
}

// WantMode checks a file's mode.
func WantMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode() &^ fs.ModeType; got != want {
		t.Errorf("%s has the mode %v, want %v", path, got, want)
	}
}

// Content returns the text of a file.
func Content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// WriteAll writes each file whose text is not empty, and makes the folders around it.
func WriteAll(t *testing.T, files map[string]string) {
	t.Helper()
	for path, text := range files {
		if text == "" {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
