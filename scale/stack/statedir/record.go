package statedir

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/natefinch/atomic"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/files"
	"github.com/pulumiscale/pulumiscale/scale/stack/process"
	"github.com/pulumiscale/pulumiscale/scale/stack/project"
)

// Record is what is kept of an update, in a folder of its own in the state directory, until it is known that its pools
// are as they were before it or as they should be after it. The folder also has the private copy of the configuration
// and the engine's event log. The record survives the death of PulumiScale, of the engine, and of both. It tells the
// next process which lock was ours, and which pools may be half scaled.
type Record struct {
	// Dir is the record's folder.
	Dir string `json:"-"`
	// former says that an earlier version has made the record, which may then lack the project and the backend.
	former bool
	// Project, Stack, Backend and Organization are the stack's [project.Identity]. ID is the mark of the update in the
	// history, and Pools are the pools that the update moves.
	Project      string   `json:"project,omitempty"`
	Stack        string   `json:"stack"`
	Backend      string   `json:"backend,omitempty"`
	Organization string   `json:"organization,omitempty"`
	ID           string   `json:"id"`
	Pools        []string `json:"pools"`
	// Host is the machine, and Space is the [process.Space] in which PID is the engine's number. Started is when the
	// engine was about to be started.
	Host    string    `json:"host"`
	Space   string    `json:"space,omitempty"`
	Started time.Time `json:"started"`
	// Doubted are the pools, among Pools, that were in doubt before the update. They stay in doubt until it is proved
	// that an update has settled them.
	Doubted []string `json:"doubted,omitempty"`
	// Unverified are pools whose update succeeded without being proved.
	Unverified map[string]scale.Doubt `json:"unverified,omitempty"`
	// Unclean says that the engine may have left its lock behind.
	Unclean bool `json:"unclean,omitempty"`
	// Damaged says that the engine failed while it wrote its lock. The lock may have been left empty, and then nobody
	// can lock the stack.
	Damaged bool `json:"damaged,omitempty"`
	// PID is the number of the engine's process; 0 if it is not known, perhaps because the engine was never started.
	PID int `json:"-"`
}

const (
	// copyPrefix begins the names of the folders of private copies and records.
	copyPrefix = "pulumiscale-"
	recordFile = "update.json"
	pidFile    = "engine.pid"
	tieFile    = "engine.lock"
	// EventFile is the name of an engine's event log, in the folder of a record and elsewhere.
	EventFile = "events.json"
)

// NewRecord makes the record of an update that is about to begin, and brings it to disk. [Record.Remove] removes it.
func (d Dir) NewRecord(id string, pools []string, doubted ...string) (*Record, error) {
	dir, err := newFolder(filepath.Join(d.Home(), updatesFolder))
	if err != nil {
		return nil, setupError(err)
	}
	host, _ := os.Hostname()
	of := d.Identity()
	r := &Record{
		Dir: dir, Project: of.Project, Stack: of.Stack, Backend: of.Backend, Organization: of.Organization,
		ID: id, Pools: pools, Doubted: doubted, Host: host, Space: process.Space(), Started: time.Now(),
	}
	if err := r.Save(); err != nil {
		r.Remove()
		return nil, setupError(err)
	}
	return r, nil
}

// Save brings the record to disk, in one piece. The error is the file system's, and no [*scale.SetupError].
func (r *Record) Save() error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(r.Dir, "new-")
	if err != nil {
		return err
	}
	if err = files.Finish(file, text); err == nil {
		err = atomic.ReplaceFile(file.Name(), filepath.Join(r.Dir, recordFile))
	}
	return err
}

// Remove removes the record with its folder, and nothing that PulumiScale has not made.
func (r *Record) Remove() {
	if r.former {
		removeFormer(r.Dir)
		return
	}
	removeFolder(r.Dir)
}

func (r *Record) identity() project.Identity {
	return project.Identity{Project: r.Project, Stack: r.Stack, Backend: r.Backend, Organization: r.Organization}
}

// Begin notes the engine's process.
func (r *Record) Begin(pid int) {
	r.PID = pid
	// Without this file the engine's lock is not recognised as ours, and is reported instead of removed.
	_ = os.WriteFile(filepath.Join(r.Dir, pidFile), []byte(strconv.Itoa(pid)), 0o600)
}

// Tie returns the path of the file that is locked for as long as the engine, or a plugin that it started, runs.
func (r *Record) Tie() string { return filepath.Join(r.Dir, tieFile) }

// Records reads the records of earlier updates of the stack, and of one that runs. It leaves out records that cannot be
// read, which [Dir.Check] reports.
func (d Dir) Records() []*Record {
	var out []*Record
	updates := filepath.Join(d.Home(), updatesFolder)
	for _, name := range files.Names(updates) {
		dir := filepath.Join(updates, name)
		if !isMarked(dir) {
			continue
		}
		if r, err := readRecord(dir); err == nil && r.identity().Is(d.Identity()) {
			out = append(out, r)
		}
	}
	return append(out, d.formerRecords()...)
}

// readRecord reads the record in a folder. The error is [fs.ErrNotExist] if there is none.
func readRecord(dir string) (*Record, error) {
	text, err := os.ReadFile(filepath.Join(dir, recordFile))
	if err != nil {
		return nil, err
	}
	r := &Record{Dir: dir}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, err
	}
	if text, err := os.ReadFile(filepath.Join(dir, pidFile)); err == nil {
		r.PID, _ = strconv.Atoi(string(text))
	}
	return r, nil
}

// isHere says whether the number of the engine's process means the same process here and now. After a restart of the
// machine, or in a container that is not the engine's, the number may belong to a different process. Then only the file
// that the engine keeps locked tells whether the engine runs.
func (r *Record) isHere() bool {
	if r.Space != "" {
		return r.Space == process.Space()
	}
	host, _ := os.Hostname()
	return r.Host == host
}

// HasEnded says that the engine does not run any more, or never did.
func (r *Record) HasEnded() bool {
	if r.PID != 0 && r.isHere() && !process.IsAlive(r.PID) {
		return true
	}
	return !process.IsTied(r.Tie(), r.PID)
}

// Lingers says that a plugin of a dead engine still works.
func (r *Record) Lingers() bool {
	return r.PID != 0 && r.isHere() && !process.IsAlive(r.PID) && process.IsTied(r.Tie(), 0)
}

// LastSign returns when the engine was last known to live.
func (r *Record) LastSign() time.Time {
	if info, err := os.Stat(filepath.Join(r.Dir, EventFile)); err == nil {
		return info.ModTime()
	}
	return r.Started
}

// lockSlack is the longest time from the start of an engine to its taking the lock. A lock that was taken later belongs
// to a different process, to which the system gave the same number.
const lockSlack = 10 * time.Minute

// Owns says whether the holder of a lock is the engine of this record, and that engine has ended.
func (r *Record) Owns(h scale.LockHolder) bool {
	since := h.Since.Sub(r.Started.Truncate(time.Second))
	return r.PID != 0 && r.PID == h.PID && r.Host == h.Host && r.HasEnded() && since >= 0 && since <= lockSlack
}

// Inherit takes over the doubts of an older record about the pools that this record's update moves. These pools stay in
// doubt until it is proved that the update has settled them, whatever becomes of the older record.
func (r *Record) Inherit(older *Record) {
	for _, pool := range r.Pools {
		if slices.Contains(older.Doubted, pool) && !slices.Contains(r.Doubted, pool) {
			r.Doubted = append(r.Doubted, pool)
		}
		if d, ok := older.Unverified[pool]; ok && r.Unverified[pool].Reason == "" {
			if r.Unverified == nil {
				r.Unverified = map[string]scale.Doubt{}
			}
			r.Unverified[pool] = d
		}
	}
}

// HasDoubts says whether the record has doubts that do not end with its update.
func (r *Record) HasDoubts() bool { return len(r.Doubted)+len(r.Unverified) > 0 }

// Clear takes the proved pools out of the record, and says whether any of them was in it.
func (r *Record) Clear(proved []string) (cleared bool) {
	isProved := func(pool string) bool { return slices.Contains(proved, pool) }
	before := len(r.Pools) + len(r.Doubted) + len(r.Unverified)
	r.Pools = slices.DeleteFunc(r.Pools, isProved)
	r.Doubted = slices.DeleteFunc(r.Doubted, isProved)
	maps.DeleteFunc(r.Unverified, func(pool string, _ scale.Doubt) bool { return isProved(pool) })
	return len(r.Pools)+len(r.Doubted)+len(r.Unverified) < before
}
