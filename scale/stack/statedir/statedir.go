// Package statedir handles what PulumiScale keeps on disk about a stack: the state directory and its lock, the stack's
// own folder in it, and the files in that folder. The files are the records of updates, what the last update left, the
// proof, and what people hold. The package also finds what an earlier version of PulumiScale has left there.
//
// It knows the forms of these files and whose they are. It neither runs Pulumi nor decides what a file means for a
// pool.
package statedir

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/natefinch/atomic"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/project"
)

// A state directory may be any folder: one that several programs share, or one in which its owner keeps other things.
// So everything but the lock and a .gitignore is in a folder of the stack's own below it. PulumiScale removes a folder
// only if it finds there the mark that it wrote when it made the folder, or if the folder is a record of an earlier
// version. This is what it keeps:
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
	// defaultName is the state directory's name in a program's directory.
	defaultName = ".pulumiscale"
	// markFile is in each folder that PulumiScale may remove, with markText in it.
	markFile = "made-by-pulumiscale"
	markText = "pulumiscale has made this folder, and removes it once it is not needed any more\n"
)

// Dir is a state directory, seen by one stack. It is a value that holds nothing open; it looks at the disk anew each
// time, and is safe for concurrent use. Each error of its methods is a [*scale.SetupError] with a hint, unless the
// method says something else.
type Dir struct {
	// Path is the path of the directory, absolute. The directory need not be there yet.
	Path string
	// Named says that somebody has named the directory, so that its files belong to its owner. Otherwise they belong to
	// the owner of the program's folder.
	Named bool
	// Stack is the stack's name, with or without organisation and project. While it is empty, only the directory itself
	// and its lock can be used.
	Stack string
	// Program is the stack's program; nil if it is not known.
	Program *project.Project
}

// Find returns the state directory that somebody has named or, if the name is empty, the program's own. It does not
// look at the disk, and leaves Stack empty.
func Find(named string, program *project.Project) (Dir, error) {
	path := named
	if path == "" {
		path = filepath.Join(program.Dir, defaultName)
	}
	path, err := filepath.Abs(path) // the CLI works in the program's directory, and is told of files in it
	if err != nil {
		return Dir{}, &scale.SetupError{Problem: "cannot find the state directory", Err: err}
	}
	return Dir{Path: path, Named: named != "", Program: program}, nil
}

// Home returns the path of the stack's own folder in the state directory, which need not be there yet. If a folder was
// made for the stack while its organisation was not known, that folder counts for any organisation until one is known.
func (d Dir) Home() string {
	id := d.Identity()
	organization := id.Organization
	id.Organization = ""
	common := filepath.Join(d.Path, stacksFolder, id.Folder())
	if organization == "" {
		return common
	}
	id.Organization = organization
	if made, err := readIdentity(common); err != nil || made.Is(id) {
		return common
	}
	return filepath.Join(d.Path, stacksFolder, id.Folder())
}

func readIdentity(home string) (id project.Identity, err error) {
	text, err := os.ReadFile(filepath.Join(home, identityFile))
	if err == nil {
		err = json.Unmarshal(text, &id)
	}
	return id, err
}

// Make makes the state directory and the stack's own folder in it, if they are missing, and keeps them out of version
// control. It returns the stack's own folder.
func (d Dir) Make() (home string, err error) {
	if err := d.makeFolders(); err != nil {
		return "", setupError(err)
	}
	return d.Home(), nil
}

// makeFolders makes the folders for PulumiScale's own files, and keeps them out of version control. It refuses a folder
// that others can write.
func (d Dir) makeFolders() error {
	if err := d.check(); err != nil {
		return err
	}
	_, err := os.Stat(d.Path)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err := os.MkdirAll(d.Path, 0o755); err != nil {
		return err
	}
	if fresh || filepath.Base(d.Path) == defaultName { // else the folder also holds other things
		if err := ignore(d.Path); err != nil {
			return err
		}
	}
	if d.Stack == "" {
		return nil
	}
	home := d.Home()
	if err := os.MkdirAll(filepath.Join(home, updatesFolder), 0o755); err != nil {
		return err
	}
	if err := ignore(home); err != nil {
		return err
	}
	id := d.Identity()
	if made, err := readIdentity(home); err == nil && (made.Organization != "" || id.Organization == "") {
		return nil
	}
	text, err := json.Marshal(id)
	if err != nil {
		return err
	}
	return atomic.WriteFile(filepath.Join(home, identityFile), bytes.NewReader(append(text, '\n')))
}

// ignore keeps a folder out of version control, unless the folder already has a .gitignore.
func ignore(dir string) error {
	file := filepath.Join(dir, ignoreFile)
	if _, err := os.Lstat(file); err == nil {
		return nil
	}
	return os.WriteFile(file, []byte(ignoreText), 0o644)
}

// OwnPaths lists the paths of what PulumiScale makes in the state directory, without what is below the stack's own
// folder.
func (d Dir) OwnPaths() []string {
	out := []string{filepath.Join(d.Path, lockFile), filepath.Join(d.Path, stacksFolder)}
	if filepath.Base(d.Path) == defaultName {
		out = append(out, d.Path, filepath.Join(d.Path, ignoreFile))
	}
	return out
}

// Identity returns the identity of the stack to which the files belong.
func (d Dir) Identity() project.Identity {
	parts := strings.Split(d.Stack, "/")
	id := project.Identity{Stack: parts[len(parts)-1]}
	if d.Program != nil {
		id.Project, id.Backend = string(d.Program.Name), d.Program.BackendIdentity()
	}
	if len(parts) > 2 { //nolint:mnd // organisation, project and stack
		id.Project = parts[1]
	}
	if len(parts) > 1 && parts[0] != project.OnlyOrganization {
		id.Organization = parts[0]
	}
	return id
}
