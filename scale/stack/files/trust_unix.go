//go:build !windows

package files

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"slices"
	"strconv"
)

// Distrusted says why a folder is not to be believed, and what to do; empty if it is to be believed. A folder is to be
// believed if only these can write in it: this user, root, the owner of the program, whose code this user runs, and
// groups that this user is in. Such a group may share a checkout, and a volume of Kubernetes belongs to the group of
// the pod. If such a group shares the program, or the state directory that the folder is in, the folder may belong to
// any member of the group. programDir is empty if the program's directory is not known.
func Distrusted(info fs.FileInfo, programDir, stateDir string) (why, hint string) {
	uid, gid, _ := IDsOf(info)
	trusted := []int{os.Geteuid(), 0}
	groups, _ := os.Getgroups()
	groups = append(groups, os.Getegid())
	var sharing []int
	if program, ok := OwnerOf(programDir); ok && programDir != "" {
		trusted = append(trusted, program.uid)
		if program.shared {
			groups, sharing = append(groups, program.gid), append(sharing, program.gid)
		}
	}
	if above, err := os.Stat(stateDir); err == nil && !os.SameFile(above, info) {
		if state, ok := OwnerOf(stateDir); ok && state.shared && slices.Contains(groups, state.gid) {
			sharing = append(sharing, state.gid)
		}
	}
	mode := info.Mode().Perm()
	switch {
	case !slices.Contains(trusted, uid) && (mode&0o020 == 0 || !slices.Contains(sharing, gid)):
		return fmt.Sprintf("it belongs to %s, who is neither this user nor the owner of the program", nameOfUser(uid)),
			"give it to this user with chown, or name another directory with --state-dir"
	case mode&0o002 != 0:
		return "everybody can write in it",
			"remove that permission with `chmod o-w`, or name a directory of this user's own with --state-dir: in a folder such as /tmp, one below it"
	case mode&0o020 != 0 && os.Geteuid() != 0 && !slices.Contains(groups, gid):
		return fmt.Sprintf("the group %s can write in it, and this user is not in it", nameOfGroup(gid)),
			"remove that permission with `chmod g-w`, or name another directory with --state-dir"
	}
	return "", ""
}

func nameOfUser(uid int) string {
	if found, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return found.Username
	}
	return "user " + strconv.Itoa(uid)
}

func nameOfGroup(gid int) string {
	if found, err := user.LookupGroupId(strconv.Itoa(gid)); err == nil {
		return found.Name
	}
	return strconv.Itoa(gid)
}
