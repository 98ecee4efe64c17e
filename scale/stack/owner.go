package stack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/natefinch/atomic"
)

// handOver gives the files of the state directory that this process has made to their owner, if that is somebody else.
// An administrator who scales once, as root, must not leave behind what the program's owner cannot use. It is called
// whenever something that outlives a process has been made, and costs nothing elsewhere.
func (s *Stack) handOver() {
	owner, ok := ownerOf(s.household())
	if !ok || !owner.differs() {
		return
	}
	for _, path := range s.ownPaths() { // and nothing else that is in the state directory
		owner.adopt(path)
	}
	_ = filepath.WalkDir(s.home(), func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			owner.adopt(path)
		}
		return nil // what has gone meanwhile need not be given to anybody
	})
}

// isForeign says whether the nearest existing folder above a path is somebody else's, who could not use what this
// process makes in it.
func isForeign(path string) bool {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if owner, ok := ownerOf(dir); ok || filepath.Dir(dir) == dir {
			return ok && owner.foreign()
		}
	}
}

// household is the folder whose owner also owns the files of the state directory: the program's folder or, if the user
// has named a state directory, that directory itself.
func (s *Stack) household() string {
	if s.options.StateDir == "" && s.project != nil {
		return s.project.dir
	}
	return s.stateDir
}

// take puts a file with the text in the place of the one at the path, unless that has changed. The file keeps its
// owner, its mode, its attributes and its other names: if a new file cannot have all that, the old one is written.
func (f configFile) take(fresh, path string, old, text []byte) (taken bool, err error) {
	unlike := makeLike(fresh, path)
	if f.replacing != nil {
		f.replacing()
	}
	if now, err := f.read(); err != nil || !bytes.Equal(now, old) {
		return false, err
	}
	if unlike != nil {
		return true, f.overwrite(path, old, text)
	}
	return true, atomic.ReplaceFile(fresh, path)
}

// writing is what a file that is being written in its place holds, and what it is to hold. It is kept until that is
// done: a crash may leave the file half old and half new.
type writing struct {
	Old []byte `json:"old"`
	New []byte `json:"new"`
}

// writingFile is the file in the state directory in which that is kept.
func (f configFile) writingFile() string {
	return filepath.Join(f.stateDir, "writing.json")
}

// overwrite writes the text over a file's, in its place, from the first byte that differs. That is a count and what
// follows it.
func (f configFile) overwrite(path string, old, text []byte) (err error) {
	if f.stateDir != "" {
		record, err := json.Marshal(writing{Old: old, New: text})
		if err != nil {
			return err
		}
		kept, err := onDisk(f.stateDir, record)
		if err == nil {
			err = atomic.ReplaceFile(kept, f.writingFile())
		}
		if err != nil {
			return err
		}
		defer func() {
			if err == nil {
				_ = os.Remove(f.writingFile())
			}
		}()
	}
	return overwriteFile(path, old, text)
}

func overwriteFile(path string, old, text []byte) error {
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

// finishWriting ends what a crash has left half written. A file that is neither the old one nor half of both is
// somebody else's by now.
func (f configFile) finishWriting() {
	if f.stateDir == "" {
		return
	}
	if _, done := f.finish(f.writingFile()); done {
		_ = os.Remove(f.writingFile())
	}
	if former := f.formerWriting(); former != "" {
		if wasTorn, done := f.finish(former); wasTorn && done { // else it may be another program's
			_ = os.Remove(former)
		}
	}
}

// finish ends what a note tells of. done is false if there is no note, or if it cannot be ended.
func (f configFile) finish(note string) (wasTorn, done bool) {
	text, err := os.ReadFile(note)
	var w writing
	if err != nil || json.Unmarshal(text, &w) != nil {
		return false, false
	}
	now, err := f.read()
	if err != nil || !torn(now, w.Old, w.New) {
		return false, err == nil
	}
	return true, overwriteFile(f.target(), now, w.New) == nil
}

// torn says whether a text is the new one up to a place from which on it goes on, or ends, as the old one does.
func torn(now, old, text []byte) bool {
	same := 0
	for same < min(len(now), len(text)) && now[same] == text[same] {
		same++
	}
	if bytes.Equal(now, old) || bytes.Equal(now, text) {
		return false
	}
	if len(now) == len(old) {
		return bytes.Equal(now[same:], old[same:])
	}
	return len(now) > len(old) && same == len(now)
}

// unlikeError says why a new file cannot be what another one is.
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
