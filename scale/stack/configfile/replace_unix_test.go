//go:build !windows

package configfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
)

func TestAFileStaysWhoseItIs(t *testing.T) {
	filestest.NeedsRoot(t)
	f := tempFile(t, "config:\n  demo:a: 1\n")
	filestest.Give(t, 0o604|fs.ModeSetgid, f.Path)
	if err := f.Write(set("a", "5")); err != nil {
		t.Fatal(err)
	}
	if got := filestest.Content(t, f.Path); got != "config:\n  demo:a: 5\n" {
		t.Errorf("got %q", got)
	}
	filestest.WantOwner(t, f.Path, filestest.Somebody, filestest.Somebody)
	filestest.WantMode(t, f.Path, 0o604|fs.ModeSetgid)
	if _, _, names := filestest.NamesOf(t, f.Path); names != 1 {
		t.Errorf("%d names", names)
	}
}

func TestAFileBehindALinkStaysWhoseItIs(t *testing.T) {
	filestest.NeedsRoot(t)
	f := tempFile(t, "config:\n  demo:a: 1\n")
	filestest.Give(t, 0o640, f.Path)
	f.Path = filepath.Join(t.TempDir(), "Pulumi.dev.yaml")
	target := tempFile(t, "config:\n  demo:a: 1\n").Path
	filestest.Give(t, 0o600, target)
	if err := os.Symlink(target, f.Path); err != nil {
		t.Fatal(err)
	}
	if err := f.Write(set("a", "5")); err != nil {
		t.Fatal(err)
	}
	filestest.WantOwner(t, target, filestest.Somebody, filestest.Somebody)
	filestest.WantOwner(t, f.Path, 0, 0) // the link
}

func TestANewFileIsOfTheOwnerOfItsFolder(t *testing.T) {
	filestest.NeedsRoot(t)
	f := tempFile(t, "")
	filestest.Give(t, 0o755, filepath.Dir(f.Path))
	if err := f.Write(set("a", "5")); err != nil {
		t.Fatal(err)
	}
	filestest.WantOwner(t, f.Path, filestest.Somebody, filestest.Somebody)
	filestest.WantMode(t, f.Path, 0o600)
}
