//go:build !windows

package statedir

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
)

func TestTheStateDirectoryIsOfTheOwnerOfTheProgram(t *testing.T) {
	filestest.NeedsRoot(t)
	program := demoProject()
	program.Dir = t.TempDir()
	filestest.Give(t, 0o755, program.Dir)
	d := Dir{Stack: "dev", Path: filepath.Join(program.Dir, ".pulumiscale"), Program: program}
	unlock, ok, err := d.TryLock()
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	for _, name := range []string{"", "lock", ".gitignore"} { // at once: others wait for it
		filestest.WantOwner(t, filepath.Join(d.Path, name), filestest.Somebody, filestest.Somebody)
	}
	r, err := d.NewRecord("id", []string{"worker"})
	if err != nil {
		t.Fatal(err)
	}
	theirs := filepath.Join(d.Path, "precious") // nothing of ours
	filestest.WriteAll(t, map[string]string{filepath.Join(d.Home(), "journal.db"): "x", theirs: "x"})
	if err := os.Symlink("/etc/hostname", filepath.Join(d.Home(), "link")); err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "precious")
	filestest.WriteAll(t, map[string]string{elsewhere: "x"})
	if err := os.Link(elsewhere, filepath.Join(d.Home(), "hard")); err != nil {
		t.Fatal(err)
	}
	unlock()
	for _, name := range []string{r.Dir, filepath.Join(r.Dir, recordFile), filepath.Join(d.Home(), "journal.db")} {
		filestest.WantOwner(t, name, filestest.Somebody, filestest.Somebody)
	}
	filestest.WantOwner(t, filepath.Join(d.Home(), "link"), 0, 0)
	filestest.WantOwner(t, theirs, 0, 0)
	filestest.WantOwner(t, elsewhere, 0, 0)
}

func TestAStateDirectoryOfOnesOwnSaysWhoseItsFilesAre(t *testing.T) {
	filestest.NeedsRoot(t)
	program := demoProject()
	program.Dir = t.TempDir()
	filestest.Give(t, 0o755, program.Dir)
	d := Dir{Stack: "dev", Path: t.TempDir(), Program: program}
	d.Named = true
	unlock, _, err := d.TryLock()
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	filestest.WantOwner(t, filepath.Join(d.Path, "lock"), 0, 0)
}

func TestAGroupThatSharesTheProgramSharesItsState(t *testing.T) {
	program := demoProject()
	program.Dir = t.TempDir()
	if err := os.Chmod(program.Dir, 0o775); err != nil {
		t.Fatal(err)
	}
	d := Dir{Stack: "dev", Path: filepath.Join(program.Dir, ".pulumiscale"), Program: program}
	unlock, _, err := d.TryLock()
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.NewRecord("id", []string{"worker"})
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	filestest.WantMode(t, filepath.Join(d.Path, "lock"), 0o660)
	filestest.WantMode(t, r.Dir, 0o770)
	filestest.WantMode(t, filepath.Join(r.Dir, recordFile), 0o660)
}
