package statedir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/files"
)

// Check returns an error if the state directory must not be used; nil if it may be, or is not there yet.
func (d Dir) Check() error { return setupError(d.check()) }

// check returns an error if the state directory must not be used. PulumiScale believes what it finds there. If others
// could write there, they could make PulumiScale do all that this user may do.
func (d Dir) check() error {
	for _, dir := range []string{d.Path, filepath.Join(d.Path, stacksFolder), d.Home(), filepath.Join(d.Home(), updatesFolder)} {
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
		case isLink && dir != d.Path:
			return refused(dir, "it is a link", "pulumiscale follows no link inside of its state directory: remove it, or name another directory with --state-dir")
		case errors.Is(err, fs.ErrNotExist):
			return refused(dir, "it is a link to something that is not there", "mount or make what it leads to, or name another directory with --state-dir")
		case err != nil:
			return err
		case !info.IsDir():
			return refused(dir, "it is not a directory", "name a directory with --state-dir")
		}
		if why, hint := d.distrusted(info); why != "" {
			return refused(dir, why, hint)
		}
	}
	return d.checkRecords()
}

// distrusted says why a folder in the state directory is not to be believed, and what to do; empty if it is to be
// believed.
func (d Dir) distrusted(info fs.FileInfo) (why, hint string) {
	program := ""
	if d.Program != nil {
		program = d.Program.Dir
	}
	return files.Distrusted(info, program, d.Path)
}

// refused returns the error for a state directory that must not be used.
func refused(path, why, hint string) error {
	return &scale.SetupError{Problem: fmt.Sprintf("the state directory is not used: %s: %s", path, why), Hint: hint}
}

// checkRecords returns an error for a record that is not this stack's, because it would be believed. It also returns
// one for a record that cannot be read, because the record's doubts would be lost.
func (d Dir) checkRecords() error {
	updates := filepath.Join(d.Home(), updatesFolder)
	for _, name := range files.Names(updates) {
		dir := filepath.Join(updates, name)
		info, err := os.Lstat(dir)
		if errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(name, copyPrefix) {
			continue
		}
		if err != nil {
			return err
		}
		hint := "an update may be unfinished: move this folder elsewhere, then check the counts with `pulumiscale rules` (docs/recovery.md)"
		if !info.IsDir() {
			return refused(dir, "it is a file or a link where PulumiScale keeps a folder about an unfinished update", hint)
		}
		if why, _ := d.distrusted(info); why != "" {
			return refused(dir, why, hint)
		}
		r, err := readRecord(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist): // it is being made, or removed
		case err != nil:
			return refused(dir, fmt.Sprintf("its record cannot be read: %v", err), hint)
		case !r.identity().Is(d.Identity()):
			return refused(dir, fmt.Sprintf("it is about an update of stack %s of project %s in %s, not of this stack", r.Stack, r.Project, r.Backend), hint)
		}
	}
	return nil
}

// HandOver gives the files that this process has made in the state directory to their owner, if the owner is somebody
// else. An administrator who scales once, as root, must not leave behind what the program's owner cannot use. HandOver
// is called whenever something that outlives a process has been made, and costs nothing if the files are this user's
// own.
func (d Dir) HandOver() {
	owner, ok := files.OwnerOf(d.household())
	if !ok || !owner.Differs() {
		return
	}
	for _, path := range d.OwnPaths() { // and nothing else that is in the state directory
		owner.Adopt(path)
	}
	_ = filepath.WalkDir(d.Home(), func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			owner.Adopt(path)
		}
		return nil // what has gone meanwhile need not be given to anybody
	})
}

// household returns the folder whose owner also owns the files of the state directory: the program's folder or, if the
// user has named a state directory, that directory itself.
func (d Dir) household() string {
	if !d.Named && d.Program != nil {
		return d.Program.Dir
	}
	return d.Path
}

// Closed lists the stack's files in the state directory that this user may not write, by their paths in it.
func (d Dir) Closed() []string {
	var out []string
	for _, own := range []string{filepath.Join(d.Path, lockFile), d.Home()} {
		_ = filepath.WalkDir(own, func(path string, entry fs.DirEntry, err error) error {
			inside, relErr := filepath.Rel(d.Path, path)
			if relErr != nil || entry == nil || entry.Name() == ignoreFile || errors.Is(err, fs.ErrNotExist) {
				return nil //nolint:nilerr // this file is not looked at
			}
			if err != nil || files.MayWrite(path) != nil {
				out = append(out, inside)
				if entry.IsDir() {
					return fs.SkipDir
				}
			}
			return nil
		})
	}
	return out
}
