package statedir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pulumiscale/pulumiscale/scale/stack/files"
)

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

// removeFolder removes a folder that newFolder has made, and nothing else. It removes the mark last, so that a folder
// that is half removed after a crash can still be removed.
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

// removeLeftovers removes the folders of updates that have no record: the PulumiScale that made the folder was killed
// before it had made the record. The lock must be held, because whoever makes such a folder holds it too.
func (d Dir) removeLeftovers() {
	updates := filepath.Join(d.Home(), updatesFolder)
	for _, name := range files.Names(updates) {
		dir := filepath.Join(updates, name)
		if _, err := os.Lstat(filepath.Join(dir, recordFile)); errors.Is(err, fs.ErrNotExist) {
			removeFolder(dir)
		}
	}
}
