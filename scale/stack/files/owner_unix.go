//go:build !windows

package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// Owner is the owner of a folder. It says whether the folder's group may write in it.
type Owner struct {
	uid, gid int
	shared   bool
}

// OwnerOf returns the owner of a folder; false if the folder cannot be looked at.
func OwnerOf(dir string) (Owner, bool) {
	info, err := os.Stat(dir)
	if err != nil {
		return Owner{}, false
	}
	uid, gid, _ := IDsOf(info)
	return Owner{uid: uid, gid: gid, shared: info.Mode().Perm()&0o020 != 0}, true
}

// IDsOf returns the owner, the group and the number of names of a file.
func IDsOf(info fs.FileInfo) (uid, gid int, names uint64) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return os.Geteuid(), os.Getegid(), 1
	}
	return int(stat.Uid), int(stat.Gid), uint64(stat.Nlink) //nolint:unconvert // the type differs elsewhere
}

// Differs says whether the files that this process makes must be given to somebody else, or shared with a group.
func (o Owner) Differs() bool {
	return o.shared || o.foreign()
}

// foreign says whether the owner is somebody other than this process's user, and this process can give files away.
func (o Owner) foreign() bool { return os.Geteuid() == 0 && o.uid != 0 }

// Adopt gives a file or folder that belongs to this process's user to the owner and, if the owner shares the folder
// with a group, to that group. What cannot be done is left undone: whoever could use the file before can still use it.
func (o Owner) Adopt(path string) {
	info, err := os.Lstat(path)
	if err != nil {
		return
	}
	uid, gid, names := IDsOf(info)
	if uid != os.Geteuid() || !info.IsDir() && (names != 1 || !info.Mode().IsRegular()) {
		return
	}
	if os.Geteuid() != 0 {
		o.uid = uid
	}
	if uid != o.uid || gid != o.gid {
		_ = os.Lchown(path, o.uid, o.gid)
	}
	if perm := info.Mode().Perm(); o.shared && perm|perm&0o700>>3 != perm {
		_ = os.Chmod(path, info.Mode()|perm&0o700>>3)
	}
}

// MakeLike gives a fresh file the owner, group, mode and attributes of the file at the path, whose place it is to take.
// If there is no file at the path yet, the fresh file gets the owner of its folder. The error says why the fresh file
// cannot be made like the other.
func MakeLike(fresh, path string) error {
	like, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if o, ok := OwnerOf(filepath.Dir(path)); ok && o.Differs() {
			o.Adopt(fresh)
		}
		return os.Chmod(fresh, 0o600)
	}
	if err != nil {
		return err
	}
	made, err := os.Stat(fresh)
	if err != nil {
		return err
	}
	uid, gid, names := IDsOf(like)
	if names > 1 {
		return &unlikeError{what: "it has another name (a hard link), which would go on as it was"}
	}
	if ownUID, ownGID, _ := IDsOf(made); uid != ownUID || gid != ownGID {
		if err := os.Lchown(fresh, uid, gid); err != nil {
			return &unlikeError{what: "its owner or group would be another one", err: err}
		}
	}
	if err := copyAttributes(path, fresh); err != nil {
		return &unlikeError{what: "its attributes would be lost", err: err}
	}
	return os.Chmod(fresh, like.Mode()&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky))
}

// MayKeep returns an error if a file can neither be replaced by a new file that is like it, nor be overwritten. It
// returns nil if one of the two is possible. It tries neither.
func MayKeep(path string) error {
	info, err := os.Stat(path)
	if err != nil || os.Geteuid() == 0 {
		return err
	}
	uid, gid, names := IDsOf(info)
	groups, _ := os.Getgroups()
	if uid == os.Geteuid() && names == 1 && (gid == os.Getegid() || slices.Contains(groups, gid)) {
		return nil
	}
	if err := MayWrite(path); err != nil {
		return &unlikeError{what: "a new file cannot take its place, for its owner or group would be another one", err: err}
	}
	return nil
}
