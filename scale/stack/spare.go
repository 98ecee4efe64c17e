package stack

import (
	"bytes"
	"path/filepath"

	"github.com/pulumiscale/pulumiscale/scale"
)

// spareFile is the configuration file as it should be after an update. It is brought to disk while the engine works.
// Afterwards that would take the longer the more the engine has just written, because that goes to disk with it.
type spareFile struct {
	// dir is a folder of its own in the state directory, and path is the file in it. old is the text whose place the
	// file is to take.
	dir, path string
	old, text []byte
	// done is closed when the rest is set.
	done chan struct{}
	err  error
}

// spareFor begins to make the file as it will be with the settings.
func (s *Stack) spareFor(settings []scale.Setting) *spareFile {
	spare := &spareFile{done: make(chan struct{})}
	go func() {
		defer close(spare.done)
		spare.err = spare.fill(filepath.Join(s.home(), updatesFolder), s.file, settings)
	}()
	return spare
}

func (f *spareFile) fill(dir string, file configFile, settings []scale.Setting) (err error) {
	if f.old, err = file.read(); err != nil {
		return err
	}
	if f.text, err = file.edit(f.old, settings); err != nil || bytes.Equal(f.old, f.text) {
		return err
	}
	if f.dir, err = newFolder(dir); err != nil {
		return err
	}
	f.path, err = onDisk(f.dir, f.text)
	return err
}

// replaces says whether the file is one that can take the place of the old text with the new one; nil cannot.
func (f *spareFile) replaces(old, text []byte) bool {
	if f == nil {
		return false
	}
	<-f.done
	return f.err == nil && bytes.Equal(f.old, old) && bytes.Equal(f.text, text)
}

// discard removes what is left of the file. It may be nil.
func (f *spareFile) discard() {
	if f == nil {
		return
	}
	<-f.done
	if f.dir != "" {
		removeFolder(f.dir)
	}
}
