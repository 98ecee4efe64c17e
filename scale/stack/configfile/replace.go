package configfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/natefinch/atomic"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/files"
)

// Write puts the settings into the present file, atomically. Everything else in the file stays, byte for byte if
// possible. What somebody else writes to the file meanwhile stays too.
func (f File) Write(settings []scale.Setting) error {
	for {
		doc, err := f.Read()
		if err != nil {
			return err
		}
		edited, err := f.edit(doc, settings)
		if err != nil || bytes.Equal(edited, doc) {
			return err
		}
		if written, err := f.replace(doc, edited); written || err != nil {
			return err
		}
	}
}

// replace replaces the file's old bytes by the new ones. If the file has changed while the new bytes were brought to
// disk, it does nothing, and written is false.
func (f File) replace(old, with []byte) (written bool, err error) {
	path := f.Target()
	fresh, err := files.Create(filepath.Dir(path), with)
	defer func() { _ = os.Remove(fresh) }() // if all went well, the fresh file is not there any more
	if err != nil {
		return false, err
	}
	return f.take(fresh, path, old, with)
}

// take puts the fresh file, which has the text, in the place of the file at the path. If that file has changed, it does
// nothing, and taken is false. The file keeps its owner, its mode, its attributes and its other names. If the fresh
// file cannot have all of them, take overwrites the old file instead.
func (f File) take(fresh, path string, old, text []byte) (taken bool, err error) {
	unlike := files.MakeLike(fresh, path)
	if f.replacing != nil {
		f.replacing()
	}
	if now, err := f.Read(); err != nil || !bytes.Equal(now, old) {
		return false, err
	}
	if unlike != nil {
		return true, f.overwrite(path, old, text)
	}
	return true, atomic.ReplaceFile(fresh, path)
}

// writing is a note on a file that is being overwritten in its place: what the file held, and what it is to hold. The
// note is kept until the file is written, because a crash may leave the file half old and half new.
type writing struct {
	Old []byte `json:"old"`
	New []byte `json:"new"`
}

// writingFile is the file in the state directory in which the note is kept.
func (f File) writingFile() string {
	return filepath.Join(f.StateDir, "writing.json")
}

// overwrite replaces what is in a file, and keeps the file itself. A crash may leave it half old and half new, so both
// texts are noted in the state directory first, if there is one.
func (f File) overwrite(path string, old, text []byte) (err error) {
	if f.StateDir != "" {
		record, err := json.Marshal(writing{Old: old, New: text})
		if err != nil {
			return err
		}
		kept, err := files.Create(f.StateDir, record)
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
	return files.Overwrite(path, old, text)
}

// FinishWriting finishes a write that a crash has cut off. It leaves alone a file that is not half old and half new:
// such a file is whole, or somebody has written it since.
func (f File) FinishWriting() {
	if f.StateDir == "" {
		return
	}
	if _, done := f.finish(f.writingFile()); done {
		_ = os.Remove(f.writingFile())
	}
	if former := f.formerWriting(); former != "" {
		if wasTorn, done := f.finish(former); wasTorn && done { // else the note may be of a different program's file
			_ = os.Remove(former)
		}
	}
}

// finish finishes the write that a note tells of. wasTorn says that the file was half written. done is false if there
// is no note, or if the write cannot be finished.
func (f File) finish(note string) (wasTorn, done bool) {
	text, err := os.ReadFile(note)
	var w writing
	if err != nil || json.Unmarshal(text, &w) != nil {
		return false, false
	}
	now, err := f.Read()
	if err != nil || !torn(now, w.Old, w.New) {
		return false, err == nil
	}
	return true, files.Overwrite(f.Target(), now, w.New) == nil
}

// torn says whether a write that was cut off has left this text: the beginning of the new text, and the rest of the old
// text if the old text is longer.
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

// Writable returns an error if Write would not be able to change the file. Its folder must take new files. Either a new
// file must be able to become like the file, or it must be possible to write the file itself.
func (f File) Writable() error {
	path := f.Target()
	hint := "nothing was changed; give pulumiscale write access to the program's directory"
	probe, err := os.CreateTemp(filepath.Dir(path), ".pulumiscale-*")
	if err == nil {
		_ = probe.Close()
		if unlike := files.MakeLike(probe.Name(), path); unlike != nil {
			if err = files.MayOverwrite(path); err != nil {
				err = fmt.Errorf("a new file cannot take its place, for %w, and %w", unlike, err)
				hint = "nothing was changed; run pulumiscale as the file's owner, or give it write access to the file"
			}
		}
		err = errors.Join(err, os.Remove(probe.Name()))
	}
	if err != nil {
		return &scale.SetupError{Problem: f.Path + " cannot be written", Err: err, Hint: hint}
	}
	return nil
}
