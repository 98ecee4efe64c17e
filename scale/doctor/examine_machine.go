package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

func (v *visit) lookAtEnvironment(context.Context) finding {
	withheld := v.Withheld()
	if len(withheld) == 0 {
		return fine("no variable of Pulumi's is set that stands for a flag")
	}
	var details, missed []string
	for _, variable := range withheld {
		details = append(details, variable.Name+" "+variable.Does)
		if !variable.Harmless {
			missed = append(missed, variable.Name)
		}
	}
	if len(missed) == 0 {
		return fine("not passed on to Pulumi: %s", plural(len(withheld), "environment variable")).with(details...)
	}
	them := "them"
	if len(missed) == 1 {
		them = "it"
	}
	return warn("unset "+strings.Join(missed, " ")+": your own `pulumi` commands use "+them+", PulumiScale does not",
		"not passed on to Pulumi: %s that would change what an update does", plural(len(withheld), "environment variable")).with(details...)
}

func (v *visit) lookAtConfigFile(context.Context) finding {
	file := v.ConfigFile()
	hint := "give pulumiscale write access to the program's directory"
	switch {
	case v.survey != nil && v.survey.FileErr != nil:
		return broken(v.survey.FileErr)
	case file.Remote:
		return problem("unlink the stack's configuration from its ESC environment in Pulumi Cloud, and list that environment in the file under `environment:`",
			"Pulumi Cloud stores this stack's configuration, and PulumiScale needs it in %s", file.Path)
	case file.DirErr != nil:
		return problem(hint, "the folder of %s takes no new files: %v", file.Path, file.DirErr)
	case file.Missing:
		return problem("`pulumi config refresh"+v.option()+"` writes it from the last update, or check it out again",
			"there is no %s: the program would run without the settings of its providers, and without its secrets", file.Path)
	case file.ReadOnly:
		return warn("give write access to it", "%s is read-only: pulumiscale can replace it, and `pulumi config set` cannot write it", file.Path)
	case v.survey != nil && len(v.survey.Forms) > 0:
		var details []string
		for _, pool := range slices.Sorted(maps.Keys(v.survey.Forms)) {
			details = append(details, pool+": "+v.survey.Forms[pool])
		}
		return problem("write the count of each out in the file, once and in a place of its own",
			"the counts of %s cannot be changed in %s", plural(len(details), "pool"), file.Path).with(details...)
	case file.FileErr != nil:
		return problem("run pulumiscale as the file's owner, or give it write access to the file", "%s cannot be written: %v", file.Path, file.FileErr)
	}
	return fine("%s can be written", file.Path)
}

func (v *visit) lookAtStateDir(ctx context.Context) finding {
	v.stateDir = v.StateDir(ctx)
	dir := v.stateDir
	switch {
	case dir.Refused != nil:
		return broken(dir.Refused)
	case dir.WriteErr != nil && dir.Missing:
		return problem("name another one with --state-dir", "%s cannot be made: %v", dir.Path, dir.WriteErr)
	case dir.WriteErr != nil:
		return problem("give pulumiscale write access to it, or name another one with --state-dir", "%s cannot be written: %v", dir.Path, dir.WriteErr)
	case len(dir.Closed) > 0:
		return problem("run pulumiscale as their owner, or give them to this user with chown", "%s in %s cannot be used by this user", plural(len(dir.Closed), "file"), dir.Path).
			with(dir.Closed...)
	case len(dir.Unclaimed) > 0:
		return warn("an update may be unfinished: check the counts with `pulumiscale rules"+v.option()+"` (docs/recovery.md), then move each such folder elsewhere, unless it is your own",
			"%s in %s may be from an unfinished update of an older version; the stack is unknown", plural(len(dir.Unclaimed), "folder"), dir.Path).
			with(dir.Unclaimed...)
	case dir.Missing:
		return fine("%s is not there yet; the first scaling makes it", dir.Path)
	}
	return fine("%s can be written", dir.Path)
}

const (
	mebibyte = 1 << 20
	// If fewer than little bytes are free, the check warns. If fewer than tooLittle bytes are free, the check finds a
	// problem: there may be no space to write the journal.
	little, tooLittle = 100 * mebibyte, 10 * mebibyte
)

// remote says whether a kind of file system may be a network's. A lock on a network's file system may not hold, or may
// belong to a different machine.
func remote(disk string) bool {
	return slices.Contains([]string{
		"nfs", "nfsd", "nfs4", "cifs", "smb", "smb2", "smbfs", "afs", "k-afs", "afpfs", "webdav", "ceph", "lustre", "gpfs", "panfs", "9p", "v9fs", "fuseblk",
	}, disk)
}

func (v *visit) lookAtDisk(context.Context) finding {
	dir := v.stateDir
	free := fmt.Sprintf("%d MiB free", dir.Free/mebibyte)
	if dir.Disk != "" {
		free += ", " + dir.Disk
	}
	switch {
	case dir.DiskErr != nil:
		return unchecked("it cannot be asked: %v", dir.DiskErr)
	case dir.Free < tooLittle:
		return problem("free some space, or name another directory with --state-dir", "the disk is full: %s", free)
	case dir.Free < little:
		return warn("free some space, or name another directory with --state-dir", "the disk is nearly full: %s", free)
	case remote(dir.Disk):
		return warn("put it on a local disk with --state-dir: file locks may not work on a network file system",
			"the state directory seems to be on a network file system: %s", free)
	}
	return fine("%s", free)
}

// stale is the age above which a lock that a different machine has taken is a problem: its update may no longer run.
const stale = time.Hour

func (v *visit) lookAtLocks(ctx context.Context) finding {
	locks, known, err := v.Locks(ctx)
	if err != nil {
		return broken(err)
	}
	if !known {
		return unchecked("this backend shows a lock only to an update that tries to take it, so it was not checked")
	}
	f := fine("none")
	cancel := "`pulumi cancel" + v.option() + "`"
	for _, lock := range locks {
		result, line, hint := Warning, lock.String(), "wait for the update to end"
		switch {
		case lock.Ours:
			line += ", left by an earlier pulumiscale"
			hint = "the next scaling removes it by itself"
		case lock.Damaged:
			result, line, hint = Problem, "a lock that cannot be read", "once no update runs, remove it with "+cancel
		case lock.User == "":
			line = "an update is running, since " + moment(lock.Since)
		case lock.Dead:
			result, hint = Problem, scale.StaleLock(cancel)
		case !lock.Here && v.Now().Sub(lock.Since) > stale:
			result = Problem
			hint = "see on " + lock.Host + " whether process " + fmt.Sprint(lock.PID) + " still runs; if not, remove the lock with " + cancel
		}
		if f.result == OK || result == Problem {
			f.result, f.hint = result, hint
		}
		f.found = "the stack is locked"
		f.details = append(f.details, line)
	}
	return f
}

// If this machine's clock is off by more than slack, the check warns. If the clock is off by muchOff or more, the check
// finds a problem. A difference below slack proves nothing: the history is exact only to the second, and a backend's
// answer takes some time.
const (
	slack   = 5 * time.Second
	muchOff = time.Minute
)

func (v *visit) lookAtClock(ctx context.Context) finding {
	hint := "synchronise this machine's clock (NTP): cooldowns and the age of SNS messages are told by it"
	off := func(by time.Duration, how string) finding {
		f := warn(hint, how, by.Round(time.Second))
		if by >= muchOff {
			f.result = Problem
		}
		return f
	}
	ahead, asked, err := v.BackendTime(ctx)
	if err == nil && asked && ahead.Abs() > slack {
		if ahead > 0 {
			return off(ahead, "the backend's clock is %s ahead of this machine's")
		}
		return off(-ahead, "the backend's clock is %s behind this machine's")
	}
	if v.survey != nil && len(v.survey.Updates) > 0 {
		if future := v.survey.Updates[0].End.Sub(v.Now()); future > slack {
			return off(future, "the newest update in the history ended %s in the future: this machine's clock is behind that of whoever made it")
		}
	}
	switch {
	case err == nil && asked:
		return fine("within %s of the backend's", slack)
	case v.survey == nil || len(v.survey.Updates) == 0:
		return unchecked("there is nothing to compare it with")
	}
	return fine("no update in the history is from the future")
}

func (v *visit) lookAtOthers(context.Context) finding {
	serving, err := v.Serving(v.stateDir.Home)
	if err == nil && !serving { // a server of an earlier version has its journal in Path
		serving, err = v.Serving(v.stateDir.Path)
	}
	if err != nil {
		return broken(err)
	}
	working, err := v.Working()
	if err != nil {
		return broken(err)
	}
	server := "no server"
	if serving {
		server = "a `pulumiscale serve`"
	}
	if working {
		return warn("wait for it to end and run doctor again: it may have been in the middle of an update",
			"another pulumiscale is changing the stack from here, and %s runs here", server)
	}
	return fine("none is changing the stack from here, and %s runs here", server)
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
