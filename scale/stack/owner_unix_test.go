//go:build !windows

package stack

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
)

func TestTheStateDirectoryIsOfTheOwnerOfTheProgram(t *testing.T) {
	filestest.NeedsRoot(t)
	project := demoProject()
	project.Dir = t.TempDir()
	filestest.Give(t, 0o755, project.Dir)
	s := &Stack{name: "dev", stateDir: filepath.Join(project.Dir, ".pulumiscale"), project: project}
	unlock, ok, err := s.TryLock()
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	for _, name := range []string{"", "lock", ".gitignore"} { // at once: others wait for it
		filestest.WantOwner(t, filepath.Join(s.stateDir, name), filestest.Somebody, filestest.Somebody)
	}
	r, err := s.newRecord("id", []string{"worker"})
	if err != nil {
		t.Fatal(err)
	}
	theirs := filepath.Join(s.stateDir, "precious") // nothing of ours
	filestest.WriteAll(t, map[string]string{filepath.Join(s.home(), "journal.db"): "x", theirs: "x"})
	if err := os.Symlink("/etc/hostname", filepath.Join(s.home(), "link")); err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "precious")
	filestest.WriteAll(t, map[string]string{elsewhere: "x"})
	if err := os.Link(elsewhere, filepath.Join(s.home(), "hard")); err != nil {
		t.Fatal(err)
	}
	unlock()
	for _, name := range []string{r.dir, filepath.Join(r.dir, recordFile), filepath.Join(s.home(), "journal.db")} {
		filestest.WantOwner(t, name, filestest.Somebody, filestest.Somebody)
	}
	filestest.WantOwner(t, filepath.Join(s.home(), "link"), 0, 0)
	filestest.WantOwner(t, theirs, 0, 0)
	filestest.WantOwner(t, elsewhere, 0, 0)
}

func TestAStateDirectoryOfOnesOwnSaysWhoseItsFilesAre(t *testing.T) {
	filestest.NeedsRoot(t)
	project := demoProject()
	project.Dir = t.TempDir()
	filestest.Give(t, 0o755, project.Dir)
	s := &Stack{name: "dev", stateDir: t.TempDir(), project: project}
	s.options.StateDir = s.stateDir
	unlock, _, err := s.TryLock()
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	filestest.WantOwner(t, filepath.Join(s.stateDir, "lock"), 0, 0)
}

func TestAGroupThatSharesTheProgramSharesItsState(t *testing.T) {
	project := demoProject()
	project.Dir = t.TempDir()
	if err := os.Chmod(project.Dir, 0o775); err != nil {
		t.Fatal(err)
	}
	s := &Stack{name: "dev", stateDir: filepath.Join(project.Dir, ".pulumiscale"), project: project}
	unlock, _, err := s.TryLock()
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.newRecord("id", []string{"worker"})
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	filestest.WantMode(t, filepath.Join(s.stateDir, "lock"), 0o660)
	filestest.WantMode(t, r.dir, 0o770)
	filestest.WantMode(t, filepath.Join(r.dir, recordFile), 0o660)
}
