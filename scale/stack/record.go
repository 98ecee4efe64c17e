package stack

import (
	"context"
	"encoding/json"
	"os"
	"os/user"
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

// record is what is kept of an update, in a folder of its own in the state directory, until it is known that its pools
// are as they were before it or as they should be after it. Beside it lie the private copy of the configuration and the
// engine's event log. It survives the death of PulumiScale, of the engine, and of both. It tells the next process which
// lock was ours, and which pools may be half scaled.
type record struct {
	dir string
	// former says that a version before has made it, which knew no project and no backend.
	former bool
	// Project, Stack, Backend and Organization are the stack's [project.Identity]. ID is the mark of the update in the history,
	// and Pools are those that it moves.
	Project      string   `json:"project,omitempty"`
	Stack        string   `json:"stack"`
	Backend      string   `json:"backend,omitempty"`
	Organization string   `json:"organization,omitempty"`
	ID           string   `json:"id"`
	Pools        []string `json:"pools"`
	// Host is the machine. Space names where on it the numbers of processes mean what they meant then. Started is when
	// the engine was about to be started.
	Host    string    `json:"host"`
	Space   string    `json:"space,omitempty"`
	Started time.Time `json:"started"`
	// Doubted are those of the pools that were in doubt before the update. They stay so until it is proved that an
	// update has settled them.
	Doubted []string `json:"doubted,omitempty"`
	// Unverified are pools whose update succeeded without being proved.
	Unverified map[string]scale.Doubt `json:"unverified,omitempty"`
	// Unclean says that the engine may have left its lock behind.
	Unclean bool `json:"unclean,omitempty"`
	// Damaged says that the engine failed while it wrote its lock, which may since be there and empty: then nobody can
	// lock the stack.
	Damaged bool `json:"damaged,omitempty"`
	// pid is the engine's; 0 if it is not known, perhaps because the engine was never started.
	pid int
}

const (
	// copyPrefix begins the names of the folders of private copies and records.
	copyPrefix = "pulumiscale-"
	recordFile = "update.json"
	pidFile    = "engine.pid"
	// tieFile is locked for as long as the engine, or a plugin that it started, runs.
	tieFile   = "engine.lock"
	eventFile = "events.json"
)

// newRecord makes the record of an update that is about to begin, and brings it to disk.
func (s *Stack) newRecord(id string, pools []string, doubted ...string) (*record, error) {
	dir, err := newFolder(filepath.Join(s.home(), updatesFolder))
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	of := s.identity()
	r := &record{
		dir: dir, Project: of.Project, Stack: of.Stack, Backend: of.Backend, Organization: of.Organization,
		ID: id, Pools: pools, Doubted: doubted, Host: host, Space: process.Space(), Started: time.Now(),
	}
	if err := r.save(); err != nil {
		r.remove()
		return nil, err
	}
	return r, nil
}

func (r *record) save() error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(r.dir, "new-")
	if err != nil {
		return err
	}
	if err = files.Finish(file, text); err == nil {
		err = atomic.ReplaceFile(file.Name(), filepath.Join(r.dir, recordFile))
	}
	return err
}

func (r *record) remove() {
	if r.former {
		removeFormer(r.dir)
		return
	}
	removeFolder(r.dir)
}

func (r *record) identity() project.Identity {
	return project.Identity{Project: r.Project, Stack: r.Stack, Backend: r.Backend, Organization: r.Organization}
}

// started notes the engine's process.
func (r *record) started(pid int) {
	r.pid = pid
	// Without it the engine's lock is not recognised as ours, and is reported instead of removed.
	_ = os.WriteFile(filepath.Join(r.dir, pidFile), []byte(strconv.Itoa(pid)), 0o600)
}

func (r *record) tie() string { return filepath.Join(r.dir, tieFile) }

// records reads what is left of earlier updates of the stack, and of one that runs. checkStateDir says what cannot be
// read.
func (s *Stack) records() []*record {
	var out []*record
	updates := filepath.Join(s.home(), updatesFolder)
	for _, name := range files.Names(updates) {
		dir := filepath.Join(updates, name)
		if !isMarked(dir) {
			continue
		}
		if r, err := readRecord(dir); err == nil && r.identity().Is(s.identity()) {
			out = append(out, r)
		}
	}
	return append(out, s.formerRecords()...)
}

// readRecord reads the record in a folder. The error is [fs.ErrNotExist] if there is none.
func readRecord(dir string) (*record, error) {
	text, err := os.ReadFile(filepath.Join(dir, recordFile))
	if err != nil {
		return nil, err
	}
	r := &record{dir: dir}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, err
	}
	if text, err := os.ReadFile(filepath.Join(dir, pidFile)); err == nil {
		r.pid, _ = strconv.Atoi(string(text))
	}
	return r, nil
}

// isHere says whether the number of the engine's process means the same here and now. After a restart of the machine,
// or in another container than the one in which the engine ran, it is another process's. Only the file that the engine
// holds still counts there.
func (r *record) isHere() bool {
	if r.Space != "" {
		return r.Space == process.Space()
	}
	host, _ := os.Hostname()
	return r.Host == host
}

// ended says that the engine does not run any more, or never did.
func (r *record) ended() bool {
	if r.pid != 0 && r.isHere() && !process.IsAlive(r.pid) {
		return true
	}
	return !process.IsTied(r.tie(), r.pid)
}

// left are the records of updates of the stack whose engine has ended, and the engines of the others. Only engines that
// have their configuration are among those: others, which are prepared, do nothing.
func (s *Stack) left() (ended []*record, busy []scale.Holder) {
	for _, r := range s.records() {
		switch {
		case r.ended():
			ended = append(ended, r)
		case !process.IsGate(s.file.CopyIn(r.dir)):
			busy = append(busy, scale.Holder{User: userName(), Host: r.Host, PID: r.pid, Since: r.Started})
		}
	}
	return ended, busy
}

func userName() string {
	who, err := user.Current()
	if err != nil {
		return "unknown"
	}
	return who.Username
}

// lingers says that a plugin of a dead engine still works.
func (r *record) lingers() bool {
	return r.pid != 0 && r.isHere() && !process.IsAlive(r.pid) && process.IsTied(r.tie(), 0)
}

// events is what the engine told of its work.
func (r *record) events() (*follower, error) {
	f := newFollower("", "", scale.Unobserved)
	ended := make(chan struct{})
	close(ended)
	err := f.follow(filepath.Join(r.dir, eventFile), ended)
	return f, err
}

// began says whether the engine may have begun its work.
func (r *record) began() bool {
	f, err := r.events()
	return err != nil || f.hasBegun
}

// inDoubt says whether an ended update may have left its pools neither as they were nor as they should be: it began, it
// did not succeed, and it is not proved that it changed nothing. The entries are the history, or its newest part.
func (r *record) inDoubt(entries []entry) bool {
	f, err := r.events()
	if err != nil {
		return true
	}
	at := slices.IndexFunc(entries, func(e entry) bool { return e.id() == r.ID })
	switch {
	case !f.hasBegun:
		return false
	case at < 0: // cut off, and with it perhaps its last events
		return true
	}
	return entries[at].Result != succeeded && len(f.result.Steps) > 0
}

// unsettled are the pools that ended updates have left in doubt, by name.
func (s *Stack) unsettled(ended []*record, entries []entry, rules scale.Rules) []string {
	var out []string
	for _, r := range ended {
		pools := r.Doubted
		if len(r.Pools) > 0 && r.inDoubt(entries) {
			pools = slices.Concat(pools, r.Pools)
		}
		for _, pool := range pools {
			if _, ok := rules[pool]; ok {
				out = append(out, pool)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// settle takes the record's pools out of older records. The record's update has had the stack to itself, so from now on
// the record is what leaves them in doubt, if only with the doubts that it inherits.
func (s *Stack) settle(r *record) {
	for _, other := range s.records() {
		if other.dir == r.dir || !other.ended() {
			continue
		}
		r.inherit(other)
		if len(r.Doubted)+len(r.Unverified) > 0 && r.save() != nil {
			continue // then the older one must tell of it
		}
		cleared := other.clear(r.Pools)
		switch {
		case len(other.Pools) == 0 && !other.doubts():
			other.remove()
		case cleared:
			_ = other.save() // as it was, it brings a pool once more to the count that it has
		}
	}
}

// lingerTime is how long after the last sign of life of an engine its plugins may go on with what they were doing.
// lingerInterval is how often they are looked at.
const (
	lingerTime     = 5 * time.Second
	lingerInterval = 50 * time.Millisecond
)

// outlast waits for the plugins of dead engines and then ends them. Nobody listens to them any more, but they run on
// for ever, and one that still changed resources would get in the way of the next update.
func (s *Stack) outlast(ctx context.Context) error {
	for _, r := range s.records() {
		for deadline := r.lastSign().Add(lingerTime); r.lingers() && time.Until(deadline) > 0; {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(min(lingerInterval, time.Until(deadline))):
			}
		}
		if r.lingers() {
			process.EndPlugins(r.tie())
		}
	}
	return nil
}

// lastSign is when the engine was last known to live.
func (r *record) lastSign() time.Time {
	if info, err := os.Stat(filepath.Join(r.dir, eventFile)); err == nil {
		return info.ModTime()
	}
	return r.Started
}

// lockSlack is the longest time from the start of an engine to its taking the lock. A lock that was taken later is
// another process's, to which the system gave the same number.
const lockSlack = 10 * time.Minute

// owns says whether a dead engine of ours is the holder of a lock.
func (r *record) owns(h scale.Holder) bool {
	since := h.Since.Sub(r.Started.Truncate(time.Second))
	return r.pid != 0 && r.pid == h.PID && r.Host == h.Host && r.ended() && since >= 0 && since <= lockSlack
}

// unlock removes the stack's locks if engines of ours that have died left all of them behind, and says so in the error.
// It must be called with the directory's lock held, so that nobody else who knows of these engines does the same a
// moment later.
func (s *Stack) unlock(ctx context.Context, locked *scale.LockedError, observe scale.Observe) {
	records := s.records()
	for _, holder := range locked.Holders {
		if !slices.ContainsFunc(records, func(r *record) bool { return r.owns(holder) }) {
			return
		}
	}
	if len(locked.Holders) == 0 {
		return
	}
	if _, err := s.ask(ctx, "remove the lock of a dead engine", "cancel", "--yes", "--stack", s.name); err != nil {
		return
	}
	locked.Removed = true
	observe(scale.LockRemoved{Holders: locked.Holders})
}

// unlockDamaged removes the empty lock that an engine of ours has left on a full disk, and says so by its error; nil if
// there is none. Nobody else can hold a lock meanwhile: the engine refuses to take one as long as there is one that it
// cannot read.
func (s *Stack) unlockDamaged(ctx context.Context, observe scale.Observe) error {
	records := slices.DeleteFunc(s.records(), func(r *record) bool { return !r.Damaged })
	if len(records) == 0 {
		return nil
	}
	if _, err := s.ask(ctx, "remove a damaged lock", "cancel", "--yes", "--stack", s.name); err != nil {
		return nil //nolint:nilerr // it stays as it is
	}
	for _, r := range records {
		r.Damaged = false
		if r.save() != nil || r.began() {
			continue
		}
		r.remove()
	}
	observe(scale.LockRemoved{})
	return &scale.LockedError{Stack: s.Name(), Removed: true}
}
