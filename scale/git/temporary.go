package git

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// temporary begins the names of folders that last as long as one call.
const temporary = "temporary-"

// oldest is the age at which a temporary folder is removed. Another process may still use a younger folder.
const oldest = 24 * time.Hour

// removeOld removes temporary folders that killed processes have left.
func removeOld(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), temporary) {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > oldest {
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}

// writeWhole writes a file so that, whatever happens, the file has either all of its new contents or its old contents.
func writeWhole(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
