//go:build !windows

package stack

import (
	"io/fs"
	"os"
	"path/filepath"
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

func give(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.Chown(path, somebody, somebody); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheStateDirectoryIsOfTheOwnerOfTheProgram(t *testing.T) {
	needsRoot(t)
	project := demoProject()
	project.Dir = t.TempDir()
	give(t, project.Dir)
	s := &Stack{name: "dev", stateDir: filepath.Join(project.Dir, ".pulumiscale"), project: project}
	unlock, ok, err := s.TryLock()
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	for _, name := range []string{"", "lock", ".gitignore"} { // at once: others wait for it
		wantOwner(t, filepath.Join(s.stateDir, name), somebody, somebody)
	}
	r, err := s.newRecord("id", []string{"worker"})
	if err != nil {
		t.Fatal(err)
	}
	theirs := filepath.Join(s.stateDir, "precious") // nothing of ours
	writeAll(t, map[string]string{filepath.Join(s.home(), "journal.db"): "x", theirs: "x"})
	if err := os.Symlink("/etc/hostname", filepath.Join(s.home(), "link")); err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "precious")
	writeAll(t, map[string]string{elsewhere: "x"})
	if err := os.Link(elsewhere, filepath.Join(s.home(), "hard")); err != nil {
		t.Fatal(err)
	}
	unlock()
	for _, name := range []string{r.dir, filepath.Join(r.dir, recordFile), filepath.Join(s.home(), "journal.db")} {
		wantOwner(t, name, somebody, somebody)
	}
	wantOwner(t, filepath.Join(s.home(), "link"), 0, 0)
	wantOwner(t, theirs, 0, 0)
	wantOwner(t, elsewhere, 0, 0)
}

func TestAStateDirectoryOfOnesOwnSaysWhoseItsFilesAre(t *testing.T) {
	needsRoot(t)
	project := demoProject()
	project.Dir = t.TempDir()
	give(t, project.Dir)
	s := &Stack{name: "dev", stateDir: t.TempDir(), project: project}
	s.options.StateDir = s.stateDir
	unlock, _, err := s.TryLock()
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	wantOwner(t, filepath.Join(s.stateDir, "lock"), 0, 0)
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
	wantMode(t, filepath.Join(s.stateDir, "lock"), 0o660)
	wantMode(t, r.dir, 0o770)
	wantMode(t, filepath.Join(r.dir, recordFile), 0o660)
}

func TestNothingIsMadeInTheHomeOfSomebodyElse(t *testing.T) {
	needsRoot(t)
	home := t.TempDir()
	file := filepath.Join(home, ".cache", "pulumiscale", "cli.json")
	give(t, home)
	checkedCLI{}.remember(file)
	if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
		t.Errorf("made %v, error %v", left, err)
	}
	give(t, home)
	if err := os.Chown(home, 0, 0); err != nil {
		t.Fatal(err)
	}
	checkedCLI{}.remember(file)
	if _, ok := recall(file); !ok {
		t.Error("it is not kept in one's own")
	}
}
