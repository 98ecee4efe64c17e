package statedir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/natefinch/atomic"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/files"
)

var _ scale.HoldKeeper = Dir{}

// holdsFormat changes with the meaning of anything in the file of holds.
const holdsFormat = 1

// keptHolds is the file of holds in the state directory.
type keptHolds struct {
	Format int        `json:"format"`
	Holds  []keptHold `json:"holds"`
}

type keptHold struct {
	Pool   string    `json:"pool,omitempty"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason,omitempty"`
	By     string    `json:"by,omitempty"`
}

func (d Dir) holdsFile() string { return filepath.Join(d.Home(), "hold.json") }

// readHolds reads the file of holds; if the file is not there, nothing is held.
func readHolds(file string) (scale.Holds, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var kept keptHolds
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	if err == nil && kept.Format != holdsFormat {
		err = fmt.Errorf("it has form %d, and this program knows form %d", kept.Format, holdsFormat)
	}
	if err != nil {
		return nil, &scale.SetupError{Problem: "cannot read the holds in " + file, Err: err,
			Hint: "nothing is scaled until that is known; if nothing is to be held, remove the file"}
	}
	var out scale.Holds
	for _, h := range kept.Holds {
		out = append(out, scale.Hold(h))
	}
	return out, nil
}

// Holds returns the holds in the state directory. All processes that use the directory share them. Until this version
// has changed the holds, it reads them from where an earlier version has kept them.
func (d Dir) Holds() (scale.Holds, error) {
	file := d.holdsFile()
	if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
		file = d.formerHolds()
	}
	return readHolds(file)
}

// ChangeHolds calls change with the holds and replaces them by the result, atomically. Processes that change the holds
// wait for one another.
func (d Dir) ChangeHolds(change func(scale.Holds) scale.Holds) error {
	failed := func(err error) error {
		return &scale.SetupError{Problem: "cannot save the holds", Err: err,
			Hint: "that takes write access to the state directory, " + d.Path + "; a running server is also held by POST /hold"}
	}
	if err := d.makeFolders(); err != nil {
		return failed(err)
	}
	file := d.holdsFile()
	lock := flock.New(file+".lock", flock.SetPermissions(0o644)) // whoever may write here may take it, whoever made it
	if err := lock.Lock(); err != nil {
		return failed(err)
	}
	defer func() { _ = lock.Unlock() }()
	before, err := d.Holds()
	if err != nil {
		return err
	}
	kept := keptHolds{Format: holdsFormat}
	for _, h := range change(before) {
		kept.Holds = append(kept.Holds, keptHold(h))
	}
	if _, err := os.Lstat(d.formerHolds()); len(kept.Holds) == 0 && errors.Is(err, fs.ErrNotExist) { // else that file would count again
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return failed(err)
		}
		return nil
	}
	if err := replaceShared(file, kept); err != nil {
		return failed(err)
	}
	return nil
}

// replaceShared puts a document in the place of a file, and brings it to disk. Everybody may read the file. If
// possible, it belongs to the owner of its directory: root may have placed a hold for a server that runs as another
// user.
func replaceShared(file string, doc any) error {
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), "hold-*.tmp")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // if all went well, the temporary file is not there any more
	_, err = temporary.Write(append(text, '\n'))
	if err == nil {
		err = temporary.Chmod(0o644)
	}
	if err == nil {
		files.GiveToOwnerOf(temporary.Name(), filepath.Dir(file))
		err = temporary.Sync()
	}
	if err := errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	return atomic.ReplaceFile(temporary.Name(), file)
}
