package stack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/natefinch/atomic"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/files"
	"github.com/pulumiscale/pulumiscale/scale/stack/project"
)

// A state directory may be any folder: one that several programs share, or one in which its owner keeps other things.
// So everything but the lock is in a folder of the stack's own below it. PulumiScale removes nothing there that does
// not bear a mark, which was written when the thing was made:
//
//	lock                                    held by whoever changes something
//	stacks/PROJECT.STACK.DIGEST/stack.json  whose folder it is: project, stack and backend
//	                            last.json, proof.json, hold.json, writing.json, journal.db
//	                            updates/    the folders of records and private copies

const (
	stacksFolder  = "stacks"
	updatesFolder = "updates"
	identityFile  = "stack.json"
	ignoreFile    = ".gitignore"
	ignoreText    = "*\n"
	// defaultStateDir is the state directory's name in a program's directory.
	defaultStateDir = ".pulumiscale"
	// markFile is in each folder that PulumiScale may remove, with markText in it.
	markFile = "made-by-pulumiscale"
	markText = "pulumiscale has made this folder, and removes it once it is not needed any more\n"
)

// home is the stack's own folder in the state directory, which need not be there yet. A folder that was made for a
// stack without its organisation counts for any organisation, until the organisation is known.
func (s *Stack) home() string {
	id := s.identity()
	organization := id.Organization
	id.Organization = ""
	common := filepath.Join(s.stateDir, stacksFolder, id.Folder())
	if organization == "" {
		return common
	}
	id.Organization = organization
	if made, err := readIdentity(common); err != nil || made.Is(id) {
		return common
	}
	return filepath.Join(s.stateDir, stacksFolder, id.Folder())
}

func readIdentity(home string) (id project.Identity, err error) {
	text, err := os.ReadFile(filepath.Join(home, identityFile))
	if err == nil {
		err = json.Unmarshal(text, &id)
	}
	return id, err
}

// StateDir is the stack's own folder in the state directory. It is made if it is missing, and kept out of version
// control.
func (s *Stack) StateDir() (string, error) {
	if err := s.makeStateDir(); err != nil {
		return "", s.lockError(err)
	}
	return s.home(), nil
}

// makeStateDir makes the folders for PulumiScale's own files, and keeps them out of version control. It refuses one
// that others can write.
func (s *Stack) makeStateDir() error {
	if err := s.checkStateDir(); err != nil {
		return err
	}
	_, err := os.Stat(s.stateDir)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err := os.MkdirAll(s.stateDir, 0o755); err != nil {
		return err
	}
	if fresh || filepath.Base(s.stateDir) == defaultStateDir { // else it is a folder for other things too
		if err := ignore(s.stateDir); err != nil {
			return err
		}
	}
	if s.name == "" {
		return nil
	}
	home := s.home()
	if err := os.MkdirAll(filepath.Join(home, updatesFolder), 0o755); err != nil {
		return err
	}
	if err := ignore(home); err != nil {
		return err
	}
	id := s.identity()
	if made, err := readIdentity(home); err == nil && (made.Organization != "" || id.Organization == "") {
		return nil
	}
	text, err := json.Marshal(id)
	if err != nil {
		return err
	}
	return atomic.WriteFile(filepath.Join(home, identityFile), bytes.NewReader(append(text, '\n')))
}

// ignore keeps a folder out of version control, unless somebody has already said which part of it is.
func ignore(dir string) error {
	file := filepath.Join(dir, ignoreFile)
	if _, err := os.Lstat(file); err == nil {
		return nil
	}
	return os.WriteFile(file, []byte(ignoreText), 0o644)
}

// ownPaths are what PulumiScale makes in the state directory, without what is below the stack's own folder.
func (s *Stack) ownPaths() []string {
	out := []string{filepath.Join(s.stateDir, lockFile), filepath.Join(s.stateDir, stacksFolder)}
	if filepath.Base(s.stateDir) == defaultStateDir {
		out = append(out, s.stateDir, filepath.Join(s.stateDir, ignoreFile))
	}
	return out
}

// newFolder makes a folder that removeFolder can remove.
func newFolder(parent string) (string, error) {
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(parent, copyPrefix)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, markFile), []byte(markText), 0o600); err != nil {
		_ = os.Remove(filepath.Join(dir, markFile))
		_ = os.Remove(dir)
		return "", err
	}
	return dir, nil
}

// isMarked says whether a folder is one that newFolder has made.
func isMarked(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return false
	}
	mark := filepath.Join(dir, markFile)
	if info, err = os.Lstat(mark); err != nil || !info.Mode().IsRegular() {
		return false
	}
	text, err := os.ReadFile(mark)
	return err == nil && string(text) == markText
}

// removeFolder removes a folder that newFolder has made, and nothing else. Its mark goes last, so that after a crash
// the rest can still be removed.
func removeFolder(dir string) {
	if !isMarked(dir) {
		return
	}
	for _, name := range files.Names(dir) {
		if name == markFile {
			continue
		}
		if os.RemoveAll(filepath.Join(dir, name)) != nil {
			return
		}
	}
	_ = os.Remove(filepath.Join(dir, markFile))
	_ = os.Remove(dir)
}

// temporaryFolder makes a folder for this process in the system's folder for such things. Its path is absolute: the CLI
// works in another directory.
func temporaryFolder() (string, error) {
	dir, err := os.MkdirTemp("", copyPrefix)
	if err != nil {
		return "", err
	}
	return filepath.Abs(dir)
}

// removeLeftovers removes the folders of updates whose PulumiScale was killed before it had made their record. Whoever
// makes one holds the lock.
func (s *Stack) removeLeftovers() {
	updates := filepath.Join(s.home(), updatesFolder)
	for _, name := range files.Names(updates) {
		dir := filepath.Join(updates, name)
		if _, err := os.Lstat(filepath.Join(dir, recordFile)); errors.Is(err, fs.ErrNotExist) {
			removeFolder(dir)
		}
	}
}

// checkStateDir says why the state directory must not be used. What others can write there would be believed, and
// through it they could have done what this user may do. The error is a [*scale.SetupError].
func (s *Stack) checkStateDir() error {
	for _, dir := range []string{s.stateDir, filepath.Join(s.stateDir, stacksFolder), s.home(), filepath.Join(s.home(), updatesFolder)} {
		linked, err := os.Lstat(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		isLink := linked.Mode()&fs.ModeSymlink != 0
		info, err := os.Stat(dir)
		switch {
		case isLink && dir != s.stateDir:
			return refused(dir, "it is a link", "pulumiscale follows no link inside of its state directory: remove it, or name another directory with --state-dir")
		case errors.Is(err, fs.ErrNotExist):
			return refused(dir, "it is a link to something that is not there", "mount or make what it leads to, or name another directory with --state-dir")
		case err != nil:
			return err
		case !info.IsDir():
			return refused(dir, "it is not a directory", "name a directory with --state-dir")
		}
		if why, hint := s.distrusted(info); why != "" {
			return refused(dir, why, hint)
		}
	}
	return s.checkRecords()
}

// distrusted says why a folder in the state directory is not to be believed, and what to do; empty if it is to be.
func (s *Stack) distrusted(info fs.FileInfo) (why, hint string) {
	program := ""
	if s.project != nil {
		program = s.project.Dir
	}
	return files.Distrusted(info, program, s.stateDir)
}

// refused is the error for a state directory that is not used.
func refused(path, why, hint string) error {
	return &scale.SetupError{Problem: fmt.Sprintf("the state directory is not used: %s: %s", path, why), Hint: hint}
}

// checkRecords says which record is not this stack's, or cannot be read: it would be believed, or its doubt would be
// lost.
func (s *Stack) checkRecords() error {
	updates := filepath.Join(s.home(), updatesFolder)
	for _, name := range files.Names(updates) {
		dir := filepath.Join(updates, name)
		info, err := os.Lstat(dir)
		if errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(name, copyPrefix) {
			continue
		}
		if err != nil {
			return err
		}
		hint := "look at what it says and at how the pools stand (docs/recovery.md), and then move it away"
		if !info.IsDir() {
			return refused(dir, "it is no folder, as a record is", hint)
		}
		if why, _ := s.distrusted(info); why != "" {
			return refused(dir, why, hint)
		}
		r, err := readRecord(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist): // it is being made, or removed
		case err != nil:
			return refused(dir, fmt.Sprintf("its record cannot be read: %v", err), hint)
		case !r.identity().Is(s.identity()):
			return refused(dir, fmt.Sprintf("its record is of stack %s of project %s in %s", r.Stack, r.Project, r.Backend), hint)
		}
	}
	return nil
}

// handOver gives the files of the state directory that this process has made to their owner, if that is somebody else.
// An administrator who scales once, as root, must not leave behind what the program's owner cannot use. It is called
// whenever something that outlives a process has been made, and costs nothing elsewhere.
func (s *Stack) handOver() {
	owner, ok := files.OwnerOf(s.household())
	if !ok || !owner.Differs() {
		return
	}
	for _, path := range s.ownPaths() { // and nothing else that is in the state directory
		owner.Adopt(path)
	}
	_ = filepath.WalkDir(s.home(), func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			owner.Adopt(path)
		}
		return nil // what has gone meanwhile need not be given to anybody
	})
}

// household is the folder whose owner also owns the files of the state directory: the program's folder or, if the user
// has named a state directory, that directory itself.
func (s *Stack) household() string {
	if s.options.StateDir == "" && s.project != nil {
		return s.project.Dir
	}
	return s.stateDir
}

// identity is the stack's own.
func (s *Stack) identity() project.Identity {
	parts := strings.Split(s.name, "/")
	id := project.Identity{Stack: parts[len(parts)-1]}
	if s.project != nil {
		id.Project, id.Backend = string(s.project.Name), s.project.BackendIdentity()
	}
	if len(parts) > 2 { //nolint:mnd // organisation, project and stack
		id.Project = parts[1]
	}
	if len(parts) > 1 && parts[0] != project.OnlyOrganization {
		id.Organization = parts[0]
	}
	return id
}
