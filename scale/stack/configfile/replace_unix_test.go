//go:build !windows

package configfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestAFileStaysWhoseItIs(t *testing.T) {
	needsRoot(t)
	f := tempFile(t, "config:\n  demo:a: 1\n")
	give(t, 0o604|fs.ModeSetgid, f.Path)
	if err := f.Write(set("a", "5")); err != nil {
		t.Fatal(err)
	}
	if got := content(t, f.Path); got != "config:\n  demo:a: 5\n" {
		t.Errorf("got %q", got)
	}
	wantOwner(t, f.Path, somebody, somebody)
	wantMode(t, f.Path, 0o604|fs.ModeSetgid)
	if _, _, names := namesOf(t, f.Path); names != 1 {
		t.Errorf("%d names", names)
	}
}

func TestAFileBehindALinkStaysWhoseItIs(t *testing.T) {
	needsRoot(t)
	f := tempFile(t, "config:\n  demo:a: 1\n")
	give(t, 0o640, f.Path)
	f.Path = filepath.Join(t.TempDir(), "Pulumi.dev.yaml")
	target := tempFile(t, "config:\n  demo:a: 1\n").Path
	give(t, 0o600, target)
	if err := os.Symlink(target, f.Path); err != nil {
		t.Fatal(err)
	}
	if err := f.Write(set("a", "5")); err != nil {
		t.Fatal(err)
	}
	wantOwner(t, target, somebody, somebody)
	wantOwner(t, f.Path, 0, 0) // the link
}

func TestANewFileIsOfTheOwnerOfItsFolder(t *testing.T) {
	needsRoot(t)
	f := tempFile(t, "")
	give(t, 0o755, filepath.Dir(f.Path))
	if err := f.Write(set("a", "5")); err != nil {
		t.Fatal(err)
	}
	wantOwner(t, f.Path, somebody, somebody)
	wantMode(t, f.Path, 0o600)
}
