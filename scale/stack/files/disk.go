// Package files handles files where operating systems differ, or where a crash must not spoil a file: it brings a text
// to disk, tells who owns a file and who may write it, and makes a new file like the one whose place it takes. It must
// not know Pulumi, a stack, or what stands in a file.
package files

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// IsForeign says whether the nearest existing folder above a path belongs to somebody else. That user could not use
// what this process makes in the folder.
func IsForeign(path string) bool {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if owner, ok := OwnerOf(dir); ok || filepath.Dir(dir) == dir {
			return ok && owner.foreign()
		}
	}
}

// Overwrite replaces the old text of a file by the new text in the file itself, and brings it to disk. It writes from
// the first byte that differs. A crash may leave the file half old and half new.
func Overwrite(path string, old, text []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	same := 0
	for same < min(len(old), len(text)) && old[same] == text[same] {
		same++
	}
	_, err = file.WriteAt(text[same:], int64(same))
	if err == nil && len(text) < len(old) {
		err = file.Truncate(int64(len(text)))
	}
	return errors.Join(err, file.Sync(), file.Close())
}

// unlikeError says why a new file cannot be made like the one whose place it is to take.
type unlikeError struct {
	what string
	err  error
}

func (e *unlikeError) Error() string {
	if e.err == nil {
		return e.what
	}
	return fmt.Sprintf("%s: %v", e.what, e.err)
}

func (e *unlikeError) Unwrap() error { return e.err }

// Create makes a new file in a folder with the text, and brings it to disk. Only this user can read or write the file.
func Create(dir string, text []byte) (path string, err error) {
	file, err := os.CreateTemp(dir, ".pulumiscale-*")
	if err != nil {
		return "", err
	}
	return file.Name(), Finish(file, text)
}

// Finish writes the text to the file, brings it to disk and closes it.
func Finish(file *os.File, text []byte) error {
	_, err := file.Write(text)
	return errors.Join(err, file.Sync(), file.Close())
}

// MayOverwrite returns an error if a file cannot be opened for writing, else nil.
func MayOverwrite(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return file.Close()
}

// Names returns the names in a folder, sorted; none if the folder cannot be read.
func Names(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names
}

// IsFile says whether there is an ordinary file at a path.
func IsFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
