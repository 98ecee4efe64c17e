package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/files"
	"github.com/pulumiscale/pulumiscale/scale/stack/storage"
)

// traces are what a self-managed backend shows of the stack: a mark of its state, and the newest update of its history.
// The state is written anew whenever something changes. An engine adds its update to the history after it has last
// written the state, and before it gives its lock back. The times are by the backend's clock, except for addedAt in a
// folder, which is by the clock of the engine's machine.
type traces struct {
	// history is where the history is. updates is how many updates the history has; 0 if the backend is no folder,
	// because only a folder shows that at once.
	history string
	updates int
	newest  string
	// since is how many updates came after the known one: see [Stack.traces].
	since int
	// state is a mark that changes whenever the state is written. written is when the state was last written, and
	// addedAt is when the newest update was added.
	state            string
	written, addedAt time.Time
}

// traces reads the stack's traces without the CLI, and counts the updates after the known one. ok is false if only the
// CLI can tell, or for a moment while a file is replaced.
func (s *Stack) traces(ctx context.Context, known string) (_ traces, ok bool) {
	dir, isFolder := s.project.BackendFolder(s.project.CurrentBackend())
	if !isFolder {
		return s.tracesElsewhere(ctx, known)
	}
	dir = filepath.Join(dir, ".pulumi")
	place, state, ok := s.stateFile(dir)
	if !ok {
		return traces{}, false
	}
	t := traces{
		history: filepath.Join(dir, "history", place), written: state.ModTime(),
		state: fmt.Sprint(files.Inode(state), " ", state.Size(), " ", state.ModTime().UnixNano()),
	}
	var err error
	if t.updates, t.newest, t.since, err = historyFiles(t.history, known); err != nil {
		return traces{}, false
	}
	t.addedAt, _ = storage.AddedAt(t.newest)
	return t, true
}

// isInFolder says whether the backend is a folder.
func (s *Stack) isInFolder() bool {
	_, ok := s.project.BackendFolder(s.project.CurrentBackend())
	return ok
}

// tracesElsewhere is traces for a bucket, a container or a database. If known is empty, it takes the newest update that
// was seen before.
func (s *Stack) tracesElsewhere(ctx context.Context, known string) (_ traces, ok bool) {
	kept := s.storage.open(ctx, s)
	if kept == nil {
		return traces{}, false
	}
	ctx, end := s.look(ctx)
	defer end()
	if known == "" {
		known = s.storage.newest()
	}
	look, err := kept.Look(ctx, known)
	if err != nil {
		s.storage.reopen()
		return traces{}, false
	}
	s.storage.remember(known, look.Newest)
	return traces{
		history: s.storage.where(), newest: look.Newest, since: look.Since, state: look.State, written: look.WrittenAt, addedAt: look.AddedAt,
	}, true
}

// stamp returns the stack's stamp; zero if the traces cannot be read.
func (s *Stack) stamp(ctx context.Context) scale.Stamp {
	t, ok := s.traces(ctx, "")
	if !ok {
		return scale.Stamp{}
	}
	return t.stamp()
}

func (t traces) stamp() scale.Stamp {
	return scale.Stamp{State: t.history + " " + t.state, History: fmt.Sprint(t.history, " ", t.updates, " ", t.newest)}
}

// stateFile finds the file with the stack's state. place is the stack's path below the folders of states and of
// histories: with the project in it or, in old backends, without. ok is false if there is not exactly one such file, as
// for a moment while it is replaced.
func (s *Stack) stateFile(dir string) (place string, state fs.FileInfo, ok bool) {
	id := s.dir.Identity()
	project, stack := id.Project, id.Stack
	for _, at := range []string{filepath.Join(project, stack), stack} {
		for _, compressed := range []string{"", ".gz", ".zst"} {
			info, err := os.Stat(filepath.Join(dir, "stacks", at+".json"+compressed))
			if err != nil {
				continue
			}
			if state != nil {
				return "", nil, false
			}
			place, state = at, info
		}
	}
	return place, state, state != nil
}

// attributes ends the names of the files that Go Cloud's storage in a folder writes beside the stored files.
const attributes = ".attrs"

// historyFiles lists a folder of the history. It returns how many updates are in the folder, the name of the newest,
// and how many updates are newer than known. Updates sort by their names, which begin with the stack's name and end
// with the time. A folder that is not there has no updates.
func historyFiles(dir, known string) (updates int, newest string, since int, err error) {
	folder, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, "", 0, nil
	}
	if err != nil {
		return 0, "", 0, err
	}
	defer func() { _ = folder.Close() }()
	names, err := folder.Readdirnames(-1)
	for _, name := range names {
		if storage.IsUpdate(name) && !strings.HasSuffix(name, attributes) {
			updates, newest = updates+1, max(newest, name)
			if name > known {
				since++
			}
		}
	}
	return updates, newest, since, err
}

// Glance returns when the folder of the stack's history was last changed: every update changes the folder at its end.
// The result is empty if the backend is no folder, or if the time cannot be read.
func (s *Stack) Glance() string {
	dir, ok := s.project.BackendFolder(s.project.CurrentBackend())
	if !ok {
		return ""
	}
	place, _, ok := s.stateFile(filepath.Join(dir, ".pulumi"))
	if !ok {
		return ""
	}
	info, err := os.Stat(filepath.Join(dir, ".pulumi", "history", place))
	if err != nil {
		return ""
	}
	return info.ModTime().String()
}
